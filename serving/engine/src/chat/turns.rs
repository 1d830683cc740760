//! A chat in the shapes that templates see.

use super::{Chat, ChatMessage, Tool};
use crate::error::EngineError;
use serde_json::{Map, Value, json};

/// Messages and tools as Hugging Face's templates expect them.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) messages: Vec<Value>,
    /// Absent where there are none: templates ask `if tools`.
    pub(super) tools: Option<Vec<Value>>,
    /// Bytes of all texts.
    pub(super) bytes: usize,
}

impl Turns {
    /// Refuses unknown roles and what is not JSON by its place. A control token written inside
    /// the chat is data, not markup: a zero-width space goes after its first character so that
    /// no message can end its own turn. `developer` says whether the template knows that role.
    pub(super) fn new(
        chat: &Chat,
        control: &[String],
        developer: bool,
    ) -> Result<Self, EngineError> {
        if chat.messages.is_empty() {
            return Err(EngineError::invalid(
                "messages",
                "不能为空，至少要有一条消息",
            ));
        }
        let mut bytes = 0;
        let mut safe = |value: &mut Value| neutralise(value, control, &mut bytes);
        let mut messages = Vec::with_capacity(chat.messages.len());
        for (index, message) in chat.messages.iter().enumerate() {
            let mut value = turn(index, message, developer)?;
            safe(&mut value);
            messages.push(value);
        }
        let mut tools = Vec::with_capacity(chat.tools.len());
        for (index, offered) in chat.tools.iter().enumerate() {
            let mut value = tool(index, offered)?;
            safe(&mut value);
            tools.push(value);
        }
        Ok(Self {
            messages,
            tools: (!tools.is_empty()).then_some(tools),
            bytes,
        })
    }
}

fn turn(index: usize, message: &ChatMessage, developer: bool) -> Result<Value, EngineError> {
    let role = match message.role.as_str() {
        // OpenAI's newer name for the same thing.
        "developer" if !developer => "system",
        role @ ("system" | "developer" | "user" | "assistant" | "tool") => role,
        other => {
            return Err(EngineError::invalid(
                "messages.role",
                format!("值为“{other}”，可用 system、developer、user、assistant、tool"),
            ));
        }
    };
    let mut turn = Map::new();
    turn.insert("role".into(), role.into());
    turn.insert("content".into(), message.content.as_str().into());
    for (key, value) in [
        ("reasoning_content", &message.reasoning),
        ("tool_call_id", &message.tool_call_id),
        ("name", &message.name),
    ] {
        if let Some(value) = value {
            turn.insert(key.into(), value.as_str().into());
        }
    }
    if !message.tool_calls.is_empty() {
        let mut calls = Vec::new();
        for (at, call) in message.tool_calls.iter().enumerate() {
            let field = format!("messages[{index}].tool_calls[{at}].arguments");
            calls.push(json!({
                "type": "function",
                "id": call.id,
                "function": {"name": call.name, "arguments": object(&field, &call.arguments)?},
            }));
        }
        turn.insert("tool_calls".into(), calls.into());
    }
    Ok(Value::Object(turn))
}

fn tool(index: usize, tool: &Tool) -> Result<Value, EngineError> {
    let field = format!("tools[{index}].function");
    if tool.name.is_empty() {
        return Err(EngineError::invalid(format!("{field}.name"), "为空"));
    }
    let parameters = match tool.parameters.trim() {
        "" => json!({"type": "object", "properties": {}}),
        text => object(&format!("{field}.parameters"), text)?,
    };
    Ok(json!({"type": "function", "function": {
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
    }}))
}

/// A JSON object from text; none at all stands for an empty one.
pub(super) fn object(field: &str, text: &str) -> Result<Value, EngineError> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(EngineError::invalid(field, "应为 JSON 对象")),
        Err(error) => Err(EngineError::invalid(
            field,
            format!("不是合法的 JSON：{error}"),
        )),
    }
}

/// Breaks control tokens in every text of a value, names of fields included.
fn neutralise(value: &mut Value, control: &[String], bytes: &mut usize) {
    match value {
        Value::String(text) => {
            *bytes += text.len();
            if let Some(broken) = broken(text, control) {
                *text = broken;
            }
        }
        Value::Array(items) => {
            for item in items {
                neutralise(item, control, bytes);
            }
        }
        Value::Object(fields) => {
            let kept = std::mem::take(fields);
            for (key, mut item) in kept {
                *bytes += key.len();
                neutralise(&mut item, control, bytes);
                fields.insert(broken(&key, control).unwrap_or(key), item);
            }
        }
        _ => *bytes += 8,
    }
}

fn broken(text: &str, control: &[String]) -> Option<String> {
    let mut found = control
        .iter()
        .filter(|token| text.contains(token.as_str()))
        .peekable();
    found.peek()?;
    let mut broken = text.to_owned();
    for token in found {
        let mut chars = token.chars();
        let split: String = chars
            .next()
            .into_iter()
            .chain(std::iter::once('\u{200B}'))
            .chain(chars)
            .collect();
        broken = broken.replace(token.as_str(), &split);
    }
    Some(broken)
}
