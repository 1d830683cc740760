//! What a template knows, found out by asking it.

use super::turns::Turns;
use super::{Chat, ChatMessage, ChatTemplate, Tool, ToolCall, Wishes};

/// What chats with a model may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChatAbilities {
    /// How the model writes calls: "hermes", "llama", "mistral" or "qwen_xml".
    pub tool_style: &'static str,
    /// Whether its own template offers tools; else a system message of ours does.
    pub native_tools: bool,
    /// Whether [`Chat::thinking`] changes anything.
    pub thinking: bool,
    /// Whether the prompt already opens a thought (unless thinking is switched off), so that
    /// answers begin inside it.
    pub opens_thought: bool,
}

impl ChatAbilities {
    /// For the wire: `tools=hermes`, `thinking`, `thinking=opened`.
    pub fn words(self) -> Vec<String> {
        let mut words = vec![format!("tools={}", self.tool_style)];
        if self.thinking {
            words.push("thinking".to_owned());
        }
        if self.opens_thought {
            words.push("thinking=opened".to_owned());
        }
        words
    }
}

/// What the template itself does.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Native {
    /// Style of its calls, where it offers tools in a style that can be read back.
    pub(super) tools: Option<&'static str>,
    pub(super) developer: bool,
    thinking: bool,
    opens_thought: bool,
}

impl Native {
    pub(super) fn abilities(self) -> ChatAbilities {
        ChatAbilities {
            tool_style: self.tools.unwrap_or("hermes"),
            native_tools: self.tools.is_some(),
            thinking: self.thinking,
            opens_thought: self.opens_thought,
        }
    }
}

/// Renders small chats and looks at what came out. A template that fails on one lacks the
/// ability; its failure shows again when a real chat needs it.
pub(super) fn probe(template: &ChatTemplate, source: &str) -> Native {
    let plain = |thinking| fill(template, &question(), thinking).unwrap_or_default();
    let (default, off, on) = (plain(None), plain(Some(false)), plain(Some(true)));
    Native {
        tools: tool_style(template),
        developer: source.contains("developer"),
        thinking: off != on,
        opens_thought: ["<think>", "<thinking>", "[THINK]"]
            .iter()
            .any(|tag| default.trim_end().ends_with(tag)),
    }
}

fn question() -> Chat {
    Chat {
        messages: vec![ChatMessage::new("user", "question")],
        ..Chat::default()
    }
}

/// The style of the calls in a rendered history; `None` where offer or call are left out.
fn tool_style(template: &ChatTemplate) -> Option<&'static str> {
    let (name, parameters) = (
        "probe_of_tools",
        "{\"type\": \"object\", \"properties\": {}}",
    );
    let mut chat = question();
    chat.tools.push(Tool {
        name: name.to_owned(),
        description: "description".to_owned(),
        parameters: parameters.to_owned(),
        strict: false,
    });
    if !fill(template, &chat, None)?.contains(name) {
        return None;
    }
    let mut call = ChatMessage::new("assistant", "");
    call.tool_calls.push(ToolCall {
        id: "abcdefghi".to_owned(),
        name: "probe_of_calls".to_owned(),
        arguments: "{\"key\": \"value\"}".to_owned(),
    });
    let mut result = ChatMessage::new("tool", "result");
    result.tool_call_id = Some("abcdefghi".to_owned());
    result.name = Some("probe_of_calls".to_owned());
    chat.messages.extend([call, result]);
    let text = fill(template, &chat, None)?;
    let at = text.find("probe_of_calls")?;
    let (before, after) = text.split_at(at);
    Some(if before.ends_with("<function=") {
        "qwen_xml"
    } else if before.contains("[TOOL_CALLS]") {
        "mistral"
    } else if before.contains("<tool_call>") && after.contains("</tool_call>") {
        "hermes"
    } else if after.contains("\"parameters\"") && after.contains("\"key\"") {
        "llama"
    } else {
        return None;
    })
}

fn fill(template: &ChatTemplate, chat: &Chat, thinking: Option<bool>) -> Option<String> {
    let wishes = Wishes {
        open_turn: true,
        thinking,
    };
    template
        .fill(&Turns::new(chat, &[], false).ok()?, wishes)
        .ok()
}
