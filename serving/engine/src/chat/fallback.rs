//! Tools for a model whose template knows none, in the Hermes style that most open models have
//! seen: the offer in the system message, calls and results as text of the turns.

use super::turns::object;
use super::{Chat, ChatMessage};
use crate::error::EngineError;
use serde_json::{Value, json};

/// The same chat with tools, calls and results written into the messages.
pub(super) fn without_tools(chat: &Chat) -> Result<Chat, EngineError> {
    let mut messages: Vec<ChatMessage> = Vec::with_capacity(chat.messages.len() + 1);
    for (index, message) in chat.messages.iter().enumerate() {
        messages.push(told(index, message)?);
    }
    if !chat.tools.is_empty() {
        let offer = offer(chat)?;
        match messages.first_mut() {
            Some(first) if matches!(first.role.as_str(), "system" | "developer") => {
                first.content = format!("{}\n\n{offer}", first.content);
            }
            _ => messages.insert(0, ChatMessage::new("system", offer)),
        }
    }
    Ok(Chat {
        messages,
        tools: Vec::new(),
        ..chat.clone()
    })
}

/// One message as text alone.
fn told(index: usize, message: &ChatMessage) -> Result<ChatMessage, EngineError> {
    if message.role == "tool" {
        let content = format!("<tool_response>\n{}\n</tool_response>", message.content);
        return Ok(ChatMessage::new("user", content));
    }
    let mut parts = Vec::new();
    if !message.content.is_empty() {
        parts.push(message.content.clone());
    }
    for (at, call) in message.tool_calls.iter().enumerate() {
        let field = format!("messages[{index}].tool_calls[{at}].arguments");
        let arguments = object(&field, &call.arguments)?;
        parts.push(format!(
            "<tool_call>\n{{\"name\": {}, \"arguments\": {arguments}}}\n</tool_call>",
            Value::from(call.name.as_str())
        ));
    }
    Ok(ChatMessage {
        content: parts.join("\n"),
        tool_calls: Vec::new(),
        ..message.clone()
    })
}

fn offer(chat: &Chat) -> Result<String, EngineError> {
    let mut listed = String::new();
    for (index, tool) in chat.tools.iter().enumerate() {
        let field = format!("tools[{index}].function.parameters");
        let function = json!({"type": "function", "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": object(&field, &tool.parameters)?,
        }});
        listed.push_str(&function.to_string());
        listed.push('\n');
    }
    Ok(format!(
        "You can call functions. Each line between <tools> and </tools> describes one:\n<tools>\n{listed}</tools>\nTo call a function, answer with its name and its arguments as one JSON object inside tags, one pair of tags for each call:\n<tool_call>\n{{\"name\": \"function\", \"arguments\": {{}}}}\n</tool_call>"
    ))
}
