//! Pure: the one JSON text of a value, so that its digest means something anywhere.

use std::fmt::Write as _;

use serde_json::Value;

/// The canonical JSON of a value: members sorted by their names' code points, no blanks, strings
/// escaped as `serde_json` does (RFC 8785 for the values that are used here: no fractions).
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            object(
                members.iter().map(|(name, value)| (name.as_str(), value)),
                out,
            );
        }
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
        // Writing to a string cannot fail.
        plain => drop(write!(out, "{plain}")),
    }
}

/// An object of these members, each name once.
pub(crate) fn object<'a>(members: impl Iterator<Item = (&'a str, &'a Value)>, out: &mut String) {
    let mut sorted: Vec<(&str, &Value)> = members.collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (at, (name, value)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(&Value::from(name), out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

#[cfg(test)]
mod tests {
    use super::canonical;
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
}
