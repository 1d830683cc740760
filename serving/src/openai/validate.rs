//! Values to accepted values, or a 400 that names the field, the value and the bounds. Pure.

use super::ApiError;
use super::body::{invalid_type, missing_parameter};
use super::types::Message;
use super::unsupported;
use serde_json::Value;
use zhisuan_proto::v1::ChatMessage;

const MAX_MESSAGES: usize = 2_048;
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
pub(crate) fn stops(value: Option<&Value>) -> Result<Vec<String>, ApiError> {
    let listed = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => vec![("stop".to_owned(), text.clone())],
        Some(Value::Array(items)) if items.len() <= MAX_STOPS => {
            let mut listed = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let path = format!("stop[{index}]");
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
                "stop",
                count,
                "at most 4 strings",
                "至多 4 个字符串",
            ));
        }
        Some(other) => return Err(wrong_type("stop", other, "a string or an array of strings")),
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

/// The messages in the form that replicas take.
pub(crate) fn messages(messages: &[Message]) -> Result<Vec<ChatMessage>, ApiError> {
    if messages.is_empty() || messages.len() > MAX_MESSAGES {
        return Err(invalid_value(
            "messages",
            format!("{} messages", messages.len()),
            "1 to 2048 messages",
            "1 到 2048 条消息",
        ));
    }
    messages
        .iter()
        .enumerate()
        .map(|(index, message)| one_message(index, message))
        .collect()
}

fn one_message(index: usize, message: &Message) -> Result<ChatMessage, ApiError> {
    let path = format!("messages[{index}]");
    let role = match message.role.as_str() {
        // The newer name of the same role.
        "system" | "developer" => "system",
        "user" => "user",
        "assistant" => "assistant",
        "tool" | "function" => return Err(unsupported::parameter(&format!("{path}.role"))),
        other => {
            return Err(invalid_value(
                &format!("{path}.role"),
                other,
                "'system', 'developer', 'user' or 'assistant'",
                " system、developer、user 或 assistant",
            ));
        }
    };
    let parts = [
        ("name", &message.name),
        ("tool_calls", &message.tool_calls),
        ("function_call", &message.function_call),
        ("audio", &message.audio),
    ];
    for (name, value) in parts {
        let empty = value
            .as_ref()
            .is_none_or(|value| value == &Value::Array(Vec::new()));
        if !empty {
            return Err(unsupported::parameter(&format!("{path}.{name}")));
        }
    }
    Ok(ChatMessage {
        role: role.to_owned(),
        content: content(&format!("{path}.content"), message.content.as_ref())?,
        ..ChatMessage::default()
    })
}

/// A text, or an array of text parts joined by line breaks.
fn content(path: &str, value: Option<&Value>) -> Result<String, ApiError> {
    let parts = match value {
        None | Some(Value::Null) => return Err(missing_parameter(path)),
        Some(Value::String(text)) => return Ok(text.clone()),
        Some(Value::Array(parts)) if !parts.is_empty() => parts,
        Some(other) => {
            return Err(wrong_type(
                path,
                other,
                "a string or a non-empty array of parts",
            ));
        }
    };
    let mut texts = Vec::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        match part.get("type").and_then(Value::as_str) {
            Some("text") => {}
            Some(other) => {
                return Err(invalid_value(
                    &format!("{path}[{index}].type"),
                    other,
                    "'text': this gateway takes text only",
                    " text：本网关只接受文本",
                ));
            }
            None => return Err(missing_parameter(&format!("{path}[{index}].type"))),
        }
        match part.get("text") {
            Some(Value::String(text)) => texts.push(text.as_str()),
            Some(other) => {
                return Err(wrong_type(
                    &format!("{path}[{index}].text"),
                    other,
                    "a string",
                ));
            }
            None => return Err(missing_parameter(&format!("{path}[{index}].text"))),
        }
    }
    Ok(texts.join("\n"))
}

/// A text, or an array of texts; arrays of token numbers are refused.
pub(crate) fn texts(
    path: &str,
    value: Option<&Value>,
    most: usize,
) -> Result<Vec<String>, ApiError> {
    let items = match value {
        None | Some(Value::Null) => return Err(missing_parameter(path)),
        Some(Value::String(text)) => return Ok(vec![text.clone()]),
        Some(Value::Array(items)) => items,
        Some(other) => return Err(wrong_type(path, other, "a string or an array of strings")),
    };
    if items.is_empty() || items.len() > most {
        return Err(invalid_value(
            path,
            format!("{} texts", items.len()),
            &format!("1 to {most} texts"),
            &format!("1 到 {most} 段文本"),
        ));
    }
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let Some(text) = item.as_str() else {
            let path = format!("{path}[{index}]");
            return Err(wrong_type(
                &path,
                item,
                "a string; token numbers are not supported",
            ));
        };
        texts.push(text.to_owned());
    }
    Ok(texts)
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
