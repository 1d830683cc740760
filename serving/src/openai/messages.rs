//! The messages of a chat, from JSON to what replicas take. Pure.

use super::ApiError;
use super::body::{invalid_type, missing_parameter};
use super::fields::{unknown, unsupported};
use super::tools::{name, text};
use super::validate::{invalid_value, wrong_type};
use serde_json::{Map, Value};
use zhisuan_proto::v1::{ChatMessage, ToolCall};

const MAX_MESSAGES: usize = 2_048;
const MAX_CALLS: usize = 128;

type Object = Map<String, Value>;

/// Refuses a chat without a turn, or with too many.
pub(crate) fn count(path: &str, messages: usize) -> Result<(), ApiError> {
    if (1..=MAX_MESSAGES).contains(&messages) {
        return Ok(());
    }
    Err(invalid_value(
        path,
        format!("{messages} messages"),
        "1 to 2048 messages",
        "1 到 2048 条消息",
    ))
}

/// The messages in the form that replicas take. `continues`: the last one is the beginning of
/// the answer.
pub(crate) fn read(messages: &[Object], continues: bool) -> Result<Vec<ChatMessage>, ApiError> {
    count("messages", messages.len())?;
    let mut read: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let path = format!("messages[{index}]");
        let message = one(&path, message)?;
        if message.role == "tool" {
            answers_a_call(
                &format!("{path}.tool_call_id"),
                &message.tool_call_id,
                &read,
            )?;
        }
        read.push(message);
    }
    let last = read.last().map_or("", |message| message.role.as_str());
    if continues && last != "assistant" {
        return Err(invalid_value(
            "continue_final_message",
            true,
            "a last message of the assistant to continue",
            "最后一条消息的角色为 assistant",
        ));
    }
    Ok(read)
}

/// A tool's message answers a call of the assistant's message before it.
pub(crate) fn answers_a_call(path: &str, id: &str, before: &[ChatMessage]) -> Result<(), ApiError> {
    let caller = before.iter().rfind(|message| message.role != "tool");
    if caller.is_some_and(|message| message.tool_calls.iter().any(|call| call.id == id)) {
        return Ok(());
    }
    Err(invalid_value(
        path,
        id,
        "the id of a tool call of the preceding assistant message",
        "前一条 assistant 消息中某个工具调用的 id",
    ))
}

fn one(path: &str, message: &Object) -> Result<ChatMessage, ApiError> {
    let role = match message.get("role") {
        None | Some(Value::Null) => return Err(missing_parameter(&format!("{path}.role"))),
        Some(Value::String(role)) => role.as_str(),
        Some(other) => return Err(wrong_type(&format!("{path}.role"), other, "a string")),
    };
    let role = match role {
        // The newer name of the same role.
        "developer" => "system",
        "system" | "user" | "assistant" | "tool" => role,
        "function" => return Err(unsupported(&format!("{path}.role"))),
        other => {
            return Err(invalid_value(
                &format!("{path}.role"),
                other,
                "'system', 'developer', 'user', 'assistant' or 'tool'",
                " system、developer、user、assistant 或 tool",
            ));
        }
    };
    fields(path, role, message)?;
    let calls = calls(&format!("{path}.tool_calls"), message.get("tool_calls"))?;
    let content_path = format!("{path}.content");
    let content = match message.get("content") {
        None | Some(Value::Null) if !calls.is_empty() => String::new(),
        content => content_text(&content_path, content)?,
    };
    let tool_call_id = text(&format!("{path}.tool_call_id"), message.get("tool_call_id"))?;
    if role == "tool" && tool_call_id.is_empty() {
        return Err(missing_parameter(&format!("{path}.tool_call_id")));
    }
    let mut reasoning = String::new();
    for field in ["reasoning_content", "reasoning"] {
        reasoning.push_str(&text(&format!("{path}.{field}"), message.get(field))?);
    }
    Ok(ChatMessage {
        role: role.to_owned(),
        content,
        tool_calls: calls,
        tool_call_id,
        name: text(&format!("{path}.name"), message.get("name"))?,
        reasoning,
    })
}

/// Fields of a message beyond its role: those of its role, and the empty ones that libraries send
/// back with an answer.
fn fields(path: &str, role: &str, message: &Object) -> Result<(), ApiError> {
    for (field, value) in message {
        let known = match field.as_str() {
            "role" | "content" | "name" => true,
            "tool_calls" | "reasoning_content" | "reasoning" => role == "assistant",
            "tool_call_id" => role == "tool",
            "refusal" | "audio" | "function_call" | "annotations" => false,
            _ => return Err(unknown(&format!("{path}.{field}"))),
        };
        let empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !known && !empty {
            return Err(unsupported(&format!("{path}.{field}")));
        }
    }
    Ok(())
}

/// The calls that an assistant's message made.
fn calls(path: &str, value: Option<&Value>) -> Result<Vec<ToolCall>, ApiError> {
    let calls = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(calls)) => calls,
        Some(other) => return Err(wrong_type(path, other, "an array")),
    };
    if calls.len() > MAX_CALLS {
        let count = format!("{} calls", calls.len());
        return Err(invalid_value(
            path,
            count,
            "at most 128 calls",
            "至多 128 个调用",
        ));
    }
    calls
        .iter()
        .enumerate()
        .map(|(index, call)| one_call(&format!("{path}[{index}]"), call))
        .collect()
}

fn one_call(path: &str, call: &Value) -> Result<ToolCall, ApiError> {
    let object = call
        .as_object()
        .ok_or_else(|| wrong_type(path, call, "an object"))?;
    let id = text(&format!("{path}.id"), object.get("id"))?;
    if id.is_empty() {
        return Err(missing_parameter(&format!("{path}.id")));
    }
    let kind = object.get("type").filter(|kind| !kind.is_null());
    match kind.map(Value::as_str) {
        // Some libraries leave it out.
        None | Some(Some("function")) => {}
        Some(_) => return Err(unsupported(&format!("{path}.type"))),
    }
    let function_path = format!("{path}.function");
    let function = match object.get("function") {
        None | Some(Value::Null) => return Err(missing_parameter(&function_path)),
        Some(Value::Object(function)) => function,
        Some(other) => return Err(wrong_type(&function_path, other, "an object")),
    };
    let arguments_path = format!("{function_path}.arguments");
    Ok(ToolCall {
        id,
        name: name(&format!("{function_path}.name"), function)?,
        arguments: arguments(
            &arguments_path,
            &text(&arguments_path, function.get("arguments"))?,
        )?,
    })
}

/// The text of a call's arguments; templates need an object in it.
pub(crate) fn arguments(path: &str, text: &str) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Ok("{}".to_owned());
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(_)) => Ok(text.to_owned()),
        Ok(other) => Err(wrong_type(path, &other, "the text of a JSON object")),
        Err(error) => Err(invalid_type(
            path,
            &format!("the text is not JSON: {error}"),
        )),
    }
}

/// A text, or an array of text parts joined by line breaks.
pub(crate) fn content_text(path: &str, value: Option<&Value>) -> Result<String, ApiError> {
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
        texts.push(part_text(&format!("{path}[{index}]"), part)?);
    }
    Ok(texts.join("\n"))
}

/// The text of one part; the responses interface names the same kind by its direction.
pub(crate) fn part_text<'a>(path: &str, part: &'a Value) -> Result<&'a str, ApiError> {
    let kind_path = format!("{path}.type");
    match part.get("type").and_then(Value::as_str) {
        Some("text" | "input_text" | "output_text") => {}
        Some(other) => {
            return Err(invalid_value(
                &kind_path,
                other,
                "'text': this gateway takes text only",
                " text：本网关只接受文本",
            ));
        }
        None => return Err(missing_parameter(&kind_path)),
    }
    let text_path = format!("{path}.text");
    match part.get("text") {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(wrong_type(&text_path, other, "a string")),
        None => Err(missing_parameter(&text_path)),
    }
}
