//! A plain checker of the schema keywords that the tests use.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use serde_json::Value;

/// Whether `value` fits `schema`, whose references point into `root`.
pub(super) fn is_valid(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(fields) = schema.as_object() else {
        return schema.as_bool() != Some(false);
    };
    fields
        .iter()
        .all(|(keyword, wanted)| match keyword.as_str() {
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_kind(value, kind)),
                kind => is_kind(value, kind),
            },
            "enum" => wanted.as_array().unwrap().contains(value),
            "const" => wanted == value,
            "anyOf" => {
                let options = wanted.as_array().unwrap();
                options.iter().any(|option| is_valid(value, option, root))
            }
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().trim_start_matches('#'));
                is_valid(value, target.unwrap(), root)
            }
            "minimum" => value.as_f64().is_none_or(|v| v >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= wanted.as_f64().unwrap()),
            "minLength" => length(value).is_none_or(|n| n >= wanted.as_u64().unwrap()),
            "maxLength" => length(value).is_none_or(|n| n <= wanted.as_u64().unwrap()),
            "pattern" => value
                .as_str()
                .is_none_or(|text| matches(wanted.as_str().unwrap(), text)),
            "format" => value.as_str().is_none_or(|text| text.len() == 10),
            "minItems" => items(value).is_none_or(|n| n >= wanted.as_u64().unwrap()),
            "maxItems" => items(value).is_none_or(|n| n <= wanted.as_u64().unwrap()),
            "items" => value
                .as_array()
                .is_none_or(|all| all.iter().all(|item| is_valid(item, wanted, root))),
            "maxProperties" => value
                .as_object()
                .is_none_or(|all| all.len() as u64 <= wanted.as_u64().unwrap()),
            "required" => value.as_object().is_none_or(|all| {
                let names = wanted.as_array().unwrap();
                names
                    .iter()
                    .all(|name| all.contains_key(name.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|all| {
                let inner = |(key, item)| wanted.get(key).is_none_or(|s| is_valid(item, s, root));
                all.iter().all(inner)
            }),
            "additionalProperties" => value.as_object().is_none_or(|all| {
                let known = |key: &String| {
                    fields
                        .get("properties")
                        .is_some_and(|p| p.get(key).is_some())
                };
                let mut others = all.iter().filter(|(key, _)| !known(key));
                others.all(|(_, item)| is_valid(item, wanted, root))
            }),
            "$defs" => true,
            other => unreachable!("the checker does not know {other}"),
        })
}

fn is_kind(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => unreachable!("{other}"),
    }
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn items(value: &Value) -> Option<u64> {
    value.as_array().map(|all| all.len() as u64)
}

/// The patterns of the tests, by hand.
fn matches(pattern: &str, text: &str) -> bool {
    let count = text.chars().count();
    if pattern.contains("fff") || pattern.contains('\u{4e00}') {
        return (2..=4).contains(&count)
            && text.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    }
    count == 11 && text.starts_with('1') && text.bytes().all(|b| b.is_ascii_digit())
}
