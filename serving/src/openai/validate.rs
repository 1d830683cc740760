//! Values to accepted values, or a 400 that names the field, the value and the bounds. Pure.

use super::ApiError;
use super::body::invalid_type;
use serde_json::Value;

const MAX_STOPS: usize = 4;
const MAX_STOP_BYTES: usize = 256;
const MAX_MODEL_BYTES: usize = 200;

/// A 400 for a value of the right type that is out of bounds.
pub(crate) fn invalid_value(
    path: &str,
    value: impl std::fmt::Display,
    accepted: &str,
    accepted_zh: &str,
) -> ApiError {
    let shown: String = value.to_string().chars().take(80).collect();
    ApiError::field(
        "invalid_value",
        path,
        format!("Invalid value for '{path}': '{shown}'. Expected {accepted}."),
        format!("参数“{path}”的值“{shown}”无效，应为{accepted_zh}。"),
    )
}

/// A real number within bounds, or the default.
pub(crate) fn real(
    path: &str,
    value: Option<f64>,
    (low, high): (f64, f64),
    default: f32,
) -> Result<f32, ApiError> {
    match value {
        None => Ok(default),
        Some(value) if (low..=high).contains(&value) => Ok(value as f32),
        Some(value) => Err(invalid_value(
            path,
            value,
            &format!("a number from {low} to {high}"),
            &format!("{low} 到 {high} 之间的数"),
        )),
    }
}

/// An integer within bounds, or `None`.
pub(crate) fn integer(
    path: &str,
    value: Option<i64>,
    (low, high): (u32, u32),
) -> Result<Option<u32>, ApiError> {
    let Some(value) = value else { return Ok(None) };
    match u32::try_from(value) {
        Ok(number) if (low..=high).contains(&number) => Ok(Some(number)),
        _ => Err(invalid_value(
            path,
            value,
            &format!("an integer from {low} to {high}"),
            &format!("{low} 到 {high} 之间的整数"),
        )),
    }
}

pub(crate) fn model(name: &str) -> Result<(), ApiError> {
    if name.is_empty() || name.len() > MAX_MODEL_BYTES {
        return Err(invalid_value(
            "model",
            name,
            "the name of a model, see GET /v1/models",
            "模型的名称，见 GET /v1/models",
        ));
    }
    Ok(())
}

/// A stop string, or an array of up to four.
pub(crate) fn stops(field: &str, value: Option<&Value>) -> Result<Vec<String>, ApiError> {
    let listed = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![(field.to_owned(), text.clone())],
        Some(Value::Array(items)) if items.len() <= MAX_STOPS => {
            let mut listed = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let path = format!("{field}[{index}]");
                let Some(text) = item.as_str() else {
                    return Err(wrong_type(&path, item, "a string"));
                };
                listed.push((path, text.to_owned()));
            }
            listed
        }
        Some(Value::Array(items)) => {
            let count = format!("{} strings", items.len());
            return Err(invalid_value(
                field,
                count,
                "at most 4 strings",
                "至多 4 个字符串",
            ));
        }
        Some(other) => return Err(wrong_type(field, other, "a string or an array of strings")),
    };
    for (path, text) in &listed {
        if text.is_empty() || text.len() > MAX_STOP_BYTES {
            return Err(invalid_value(
                path,
                text,
                "a text of 1 to 256 bytes",
                "1 到 256 字节的文本",
            ));
        }
    }
    Ok(listed.into_iter().map(|(_, text)| text).collect())
}

pub(crate) fn wrong_type(path: &str, value: &Value, expected: &str) -> ApiError {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    invalid_type(path, &format!("expected {expected}, but got {found}"))
}
