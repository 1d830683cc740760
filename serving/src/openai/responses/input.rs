//! `input` and `instructions` to the messages of a chat. Pure.

use crate::openai::ApiError;
use crate::openai::body::missing_parameter;
use crate::openai::fields::{unknown, unsupported};
use crate::openai::messages::{answers_a_call, arguments, content_text, count};
use crate::openai::tools::{name, text};
use crate::openai::validate::{invalid_value, wrong_type};
use serde_json::{Map, Value};
use zhisuan_proto::v1::{ChatMessage, ToolCall};

type Object = Map<String, Value>;

/// The messages; instructions go first.
pub(super) fn messages(
    input: Option<&Value>,
    instructions: Option<&str>,
) -> Result<Vec<ChatMessage>, ApiError> {
    let mut said = Vec::new();
    if let Some(text) = instructions {
        said.push(message("system", text.to_owned()));
    }
    match input {
        None | Some(Value::Null) => return Err(missing_parameter("input")),
        Some(Value::String(text)) => said.push(message("user", text.clone())),
        Some(Value::Array(items)) => {
            count("input", items.len())?;
            for (index, value) in items.iter().enumerate() {
                let path = format!("input[{index}]");
                match value {
                    Value::Object(object) => item(&path, object, &mut said)?,
                    other => return Err(wrong_type(&path, other, "an object")),
                }
            }
        }
        Some(other) => return Err(wrong_type("input", other, "a string or an array of items")),
    }
    // Thoughts that nothing followed.
    said.retain(|message| {
        message.role != "assistant" || !message.content.is_empty() || !message.tool_calls.is_empty()
    });
    if said.is_empty() {
        return Err(invalid_value(
            "input",
            "thoughts only",
            "at least one message, call or result beside them",
            "除思考外至少一条消息、调用或结果",
        ));
    }
    Ok(said)
}

fn message(role: &str, content: String) -> ChatMessage {
    ChatMessage {
        role: role.to_owned(),
        content,
        ..ChatMessage::default()
    }
}

fn item(path: &str, object: &Object, said: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    match object.get("type") {
        None | Some(Value::Null) => turn(path, object, said),
        Some(Value::String(kind)) => match kind.as_str() {
            "message" => turn(path, object, said),
            "function_call" => call(path, object, said),
            "function_call_output" => output(path, object, said),
            "reasoning" => reasoning(path, object, said),
            _ => Err(unsupported(&format!("{path}.type"))),
        },
        Some(other) => Err(wrong_type(&format!("{path}.type"), other, "a string")),
    }
}

fn known(path: &str, object: &Object, names: &[&str]) -> Result<(), ApiError> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(odd) => Err(unknown(&format!("{path}.{odd}"))),
        None => Ok(()),
    }
}

fn turn(path: &str, object: &Object, said: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    known(
        path,
        object,
        &["type", "role", "content", "id", "status", "phase"],
    )?;
    let role_path = format!("{path}.role");
    let role = match object.get("role") {
        None | Some(Value::Null) => return Err(missing_parameter(&role_path)),
        Some(Value::String(role)) => match role.as_str() {
            "developer" | "system" => "system",
            "user" => "user",
            "assistant" => "assistant",
            other => {
                return Err(invalid_value(
                    &role_path,
                    other,
                    "'system', 'developer', 'user' or 'assistant'",
                    " system、developer、user 或 assistant",
                ));
            }
        },
        Some(other) => return Err(wrong_type(&role_path, other, "a string")),
    };
    let content = content_text(&format!("{path}.content"), object.get("content"))?;
    if role == "assistant" {
        open_turn(said).content.push_str(&content);
    } else {
        said.push(message(role, content));
    }
    Ok(())
}

/// The assistant's turn that is being told; its thoughts, text and calls come as items of their
/// own.
fn open_turn(said: &mut Vec<ChatMessage>) -> &mut ChatMessage {
    let open = said.last().is_some_and(|last| {
        last.role == "assistant" && last.content.is_empty() && last.tool_calls.is_empty()
    });
    if !open {
        said.push(message("assistant", String::new()));
    }
    let last = said.len() - 1;
    &mut said[last]
}

fn call(path: &str, object: &Object, said: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    known(
        path,
        object,
        &["type", "id", "call_id", "name", "arguments", "status"],
    )?;
    let arguments_path = format!("{path}.arguments");
    let call = ToolCall {
        id: call_id(path, object)?,
        name: name(&format!("{path}.name"), object)?,
        arguments: arguments(
            &arguments_path,
            &text(&arguments_path, object.get("arguments"))?,
        )?,
    };
    match said.last_mut() {
        Some(last) if last.role == "assistant" => last.tool_calls.push(call),
        _ => open_turn(said).tool_calls.push(call),
    }
    Ok(())
}

fn call_id(path: &str, object: &Object) -> Result<String, ApiError> {
    let path = format!("{path}.call_id");
    match text(&path, object.get("call_id"))? {
        id if id.is_empty() => Err(missing_parameter(&path)),
        id => Ok(id),
    }
}

fn output(path: &str, object: &Object, said: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    known(path, object, &["type", "id", "call_id", "output", "status"])?;
    let id = call_id(path, object)?;
    answers_a_call(&format!("{path}.call_id"), &id, said)?;
    said.push(ChatMessage {
        role: "tool".to_owned(),
        content: content_text(&format!("{path}.output"), object.get("output"))?,
        tool_call_id: id,
        ..ChatMessage::default()
    });
    Ok(())
}

/// What an earlier answer thought, as `content` of kind `reasoning_text`.
fn reasoning(path: &str, object: &Object, said: &mut Vec<ChatMessage>) -> Result<(), ApiError> {
    known(
        path,
        object,
        &[
            "type",
            "id",
            "summary",
            "content",
            "status",
            "encrypted_content",
        ],
    )?;
    if object
        .get("encrypted_content")
        .is_some_and(|value| !value.is_null())
    {
        return Err(unsupported(&format!("{path}.encrypted_content")));
    }
    let parts = match object.get("content") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(parts)) => parts,
        Some(other) => return Err(wrong_type(&format!("{path}.content"), other, "an array")),
    };
    for (index, part) in parts.iter().enumerate() {
        let path = format!("{path}.content[{index}]");
        if part.get("type").and_then(Value::as_str) != Some("reasoning_text") {
            return Err(unsupported(&format!("{path}.type")));
        }
        let thought = text(&format!("{path}.text"), part.get("text"))?;
        open_turn(said).reasoning.push_str(&thought);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::messages;
    use serde_json::json;

    #[test]
    fn thoughts_alone_are_no_conversation() {
        let thought = json!([{"type": "reasoning", "summary": [], "id": "rs_1"}]);
        assert!(messages(Some(&thought), None).is_err());
        assert_eq!(messages(Some(&thought), Some("be brief")).unwrap().len(), 1);
    }
}
