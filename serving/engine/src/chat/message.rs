//! What a chat is made of. The same shapes as on the wire (`replicas.proto`).

use serde::{Deserialize, Serialize};

/// One message of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The text; may be empty beside tool calls.
    pub content: String,
    /// Calls that an assistant's message made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The call that a tool's message answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Name of the tool or of the speaker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the model thought before an assistant's message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
}

impl ChatMessage {
    /// A message of `role` with `content`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            content: content.into(),
            ..Self::default()
        }
    }
}

/// A call of a tool, as the model made it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call; the tool's message answers to it.
    pub id: String,
    /// Name of the tool.
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema of its arguments, as text; empty means that it takes none.
    pub parameters: String,
    /// Whether arguments must fit the schema (the caller then sends a constraint).
    pub strict: bool,
}

/// Everything that a prompt is rendered from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chat {
    /// The conversation so far, oldest first.
    pub messages: Vec<ChatMessage>,
    /// Tools on offer.
    pub tools: Vec<Tool>,
    /// Whether a model that can think first does so; `None` leaves it to its template.
    pub thinking: Option<bool>,
    /// The last message is the beginning of the answer, not a turn of its own.
    pub continue_last: bool,
}
