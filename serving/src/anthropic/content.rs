//! Content blocks to the messages of a chat. Pure.

use crate::openai::ApiError;
use crate::openai::body::missing_parameter;
use crate::openai::fields::{unknown, unsupported};
use crate::openai::messages::answers_a_call;
use crate::openai::tools::{name, text};
use crate::openai::validate::{invalid_value, wrong_type};
use serde_json::{Map, Value};
use zhisuan_proto::v1::{ChatMessage, ToolCall};

type Object = Map<String, Value>;

/// The longest life that a `cache_control` asks for; the whole prompt is kept as long.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CacheControl(u32);

impl CacheControl {
    pub(super) fn seconds(self) -> u32 {
        self.0
    }

    /// Reads the field of a block or tool.
    pub(super) fn see(&mut self, path: &str, object: &Object) -> Result<(), ApiError> {
        match object.get("cache_control") {
            None => Ok(()),
            Some(control) => self.control(&format!("{path}.cache_control"), control),
        }
    }

    /// Reads the field of the whole request.
    pub(super) fn whole(&mut self, control: &Value) -> Result<(), ApiError> {
        self.control("cache_control", control)
    }

    fn control(&mut self, path: &str, control: &Value) -> Result<(), ApiError> {
        let control = match control {
            Value::Null => return Ok(()),
            Value::Object(control) => control,
            other => return Err(wrong_type(path, other, "an object")),
        };
        if control.get("type").and_then(Value::as_str) != Some("ephemeral") {
            return Err(unsupported(&format!("{path}.type")));
        }
        let ttl = control.get("ttl").filter(|ttl| !ttl.is_null());
        let seconds = match ttl.map(Value::as_str) {
            None | Some(Some("5m")) => 300,
            Some(Some("1h")) => 3_600,
            Some(_) => return Err(unsupported(&format!("{path}.ttl"))),
        };
        self.0 = self.0.max(seconds);
        Ok(())
    }
}

fn known(path: &str, object: &Object, names: &[&str]) -> Result<(), ApiError> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(odd) => Err(unknown(&format!("{path}.{odd}"))),
        None => Ok(()),
    }
}

/// The system prompt: a text or blocks of text.
pub(super) fn system(value: &Value, pins: &mut CacheControl) -> Result<ChatMessage, ApiError> {
    Ok(ChatMessage {
        role: "system".to_owned(),
        content: texts("system", value, pins)?,
        ..ChatMessage::default()
    })
}

/// A text, or blocks of text joined by line breaks.
fn texts(path: &str, value: &Value, pins: &mut CacheControl) -> Result<String, ApiError> {
    let blocks = match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Array(blocks) => blocks,
        other => {
            return Err(wrong_type(
                path,
                other,
                "a string or an array of text blocks",
            ));
        }
    };
    let mut all = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let (kind, object) = kind(&path, block)?;
        if kind != "text" {
            return Err(unsupported(&format!("{path}.type")));
        }
        all.push(plain(&path, object, pins)?);
    }
    Ok(all.join("\n"))
}

fn kind<'a>(path: &str, block: &'a Value) -> Result<(&'a str, &'a Object), ApiError> {
    let object = block
        .as_object()
        .ok_or_else(|| wrong_type(path, block, "an object"))?;
    match object.get("type") {
        Some(Value::String(kind)) => Ok((kind, object)),
        None | Some(Value::Null) => Err(missing_parameter(&format!("{path}.type"))),
        Some(other) => Err(wrong_type(&format!("{path}.type"), other, "a string")),
    }
}

fn plain(path: &str, object: &Object, pins: &mut CacheControl) -> Result<String, ApiError> {
    known(
        path,
        object,
        &["type", "text", "cache_control", "citations"],
    )?;
    let cited = object
        .get("citations")
        .is_some_and(|value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty));
    if cited {
        return Err(unsupported(&format!("{path}.citations")));
    }
    pins.see(path, object)?;
    match object.get("text") {
        Some(Value::String(text)) => Ok(text.clone()),
        None | Some(Value::Null) => Err(missing_parameter(&format!("{path}.text"))),
        Some(other) => Err(wrong_type(&format!("{path}.text"), other, "a string")),
    }
}

/// One turn, added to what was said: results of tools become messages of their own.
pub(super) fn turn(
    path: &str,
    message: &Object,
    said: &mut Vec<ChatMessage>,
    pins: &mut CacheControl,
) -> Result<(), ApiError> {
    known(path, message, &["role", "content"])?;
    let role_path = format!("{path}.role");
    let role = match message.get("role") {
        None | Some(Value::Null) => return Err(missing_parameter(&role_path)),
        Some(Value::String(role)) if matches!(role.as_str(), "user" | "assistant" | "system") => {
            role.as_str()
        }
        Some(Value::String(other)) => {
            let accepted = "'user', 'assistant' or 'system'";
            let accepted_zh = " user、assistant 或 system";
            return Err(invalid_value(&role_path, other, accepted, accepted_zh));
        }
        Some(other) => return Err(wrong_type(&role_path, other, "a string")),
    };
    let path = format!("{path}.content");
    match message.get("content") {
        None | Some(Value::Null) => Err(missing_parameter(&path)),
        Some(Value::String(text)) => {
            add(said, role, |last| append(&mut last.content, text));
            Ok(())
        }
        Some(Value::Array(blocks)) if !blocks.is_empty() => {
            for (index, value) in blocks.iter().enumerate() {
                block(&format!("{path}[{index}]"), role, value, said, pins)?;
            }
            Ok(())
        }
        Some(other) => Err(wrong_type(
            &path,
            other,
            "a string or a non-empty array of blocks",
        )),
    }
}

fn append(content: &mut String, text: &str) {
    if !content.is_empty() {
        content.push('\n');
    }
    content.push_str(text);
}

/// Adds to the turn of `role` that is being told; turns of one role in a row are one turn.
fn add(said: &mut Vec<ChatMessage>, role: &str, change: impl FnOnce(&mut ChatMessage)) {
    if said.last().is_none_or(|last| last.role != role) {
        said.push(ChatMessage {
            role: role.to_owned(),
            ..ChatMessage::default()
        });
    }
    if let Some(last) = said.last_mut() {
        change(last);
    }
}

fn block(
    path: &str,
    role: &str,
    value: &Value,
    said: &mut Vec<ChatMessage>,
    pins: &mut CacheControl,
) -> Result<(), ApiError> {
    let (kind, object) = kind(path, value)?;
    match (kind, role) {
        ("text", _) => {
            let text = plain(path, object, pins)?;
            add(said, role, |last| append(&mut last.content, &text));
        }
        ("tool_use", "assistant") => {
            let call = tool_use(path, object, pins)?;
            add(said, role, |last| last.tool_calls.push(call));
        }
        ("tool_result", "user") => tool_result(path, object, said, pins)?,
        ("thinking", "assistant") => {
            known(path, object, &["type", "thinking", "signature"])?;
            let thought = text(&format!("{path}.thinking"), object.get("thinking"))?;
            add(said, role, |last| append(&mut last.reasoning, &thought));
        }
        _ => return Err(unsupported(&format!("{path}.type"))),
    }
    Ok(())
}

fn tool_use(path: &str, object: &Object, pins: &mut CacheControl) -> Result<ToolCall, ApiError> {
    known(
        path,
        object,
        &["type", "id", "name", "input", "cache_control", "caller"],
    )?;
    pins.see(path, object)?;
    let id_path = format!("{path}.id");
    let id = text(&id_path, object.get("id"))?;
    if id.is_empty() {
        return Err(missing_parameter(&id_path));
    }
    let arguments = match object.get("input") {
        Some(input @ Value::Object(_)) => input.to_string(),
        None | Some(Value::Null) => return Err(missing_parameter(&format!("{path}.input"))),
        Some(other) => return Err(wrong_type(&format!("{path}.input"), other, "an object")),
    };
    Ok(ToolCall {
        id,
        name: name(&format!("{path}.name"), object)?,
        arguments,
    })
}

fn tool_result(
    path: &str,
    object: &Object,
    said: &mut Vec<ChatMessage>,
    pins: &mut CacheControl,
) -> Result<(), ApiError> {
    known(
        path,
        object,
        &[
            "type",
            "tool_use_id",
            "content",
            "is_error",
            "cache_control",
        ],
    )?;
    pins.see(path, object)?;
    let id_path = format!("{path}.tool_use_id");
    let id = text(&id_path, object.get("tool_use_id"))?;
    if id.is_empty() {
        return Err(missing_parameter(&id_path));
    }
    answers_a_call(&id_path, &id, said)?;
    let content = match object.get("content") {
        None | Some(Value::Null) => String::new(),
        Some(value) => texts(&format!("{path}.content"), value, pins)?,
    };
    let failed = match object.get("is_error") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(failed)) => *failed,
        Some(other) => return Err(wrong_type(&format!("{path}.is_error"), other, "a boolean")),
    };
    said.push(ChatMessage {
        role: "tool".to_owned(),
        content: if failed {
            format!("Error: {content}")
        } else {
            content
        },
        tool_call_id: id,
        ..ChatMessage::default()
    });
    Ok(())
}
