//! Pure: the one JSON text of a value, so that its digest means something anywhere.

use serde_json::{Map, Value};
use sm3::{Digest, Sm3};

/// The canonical JSON of an object: members sorted by their names' code points, no blanks, strings
/// escaped as `serde_json` does (RFC 8785 for the values that are used here: no fractions).
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => write_members(members, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

fn write_members(members: &Map<String, Value>, out: &mut String) {
    let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| *name);
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(name.as_str()).to_string());
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// SM3 (GB/T 32905) of bytes in lower-case hexadecimal.
pub fn sm3_hex(bytes: &[u8]) -> String {
    hex::encode(Sm3::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::{canonical, sm3_hex};
    use serde_json::json;

    #[test]
    fn the_order_of_members_does_not_matter() {
        let one = json!({"b": [1, {"d": "引\"", "c": null}], "a": true});
        let other = json!({"a": true, "b": [1, {"c": null, "d": "引\""}]});
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(
            canonical(&one),
            "{\"a\":true,\"b\":[1,{\"c\":null,\"d\":\"引\\\"\"}]}"
        );
    }

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // The first example of GB/T 32905-2016, annex A.
        let told = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0";
        assert_eq!(sm3_hex(b"abc"), told);
    }
}
