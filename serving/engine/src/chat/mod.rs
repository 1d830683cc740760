//! A chat to the prompt text, by the template that the model file carries.
//!
//! Templates are written for Hugging Face's `apply_chat_template`; names and shapes of what
//! they see are theirs. A model whose template knows no tools gets them all the same, in a
//! system message that we write (`fallback`).

mod abilities;
mod bounds;
mod budget;
mod environment;
mod fallback;
mod message;
mod turns;

pub use abilities::ChatAbilities;
pub use message::{Chat, ChatMessage, Tool, ToolCall};

use crate::error::EngineError;
use abilities::Native;
use minijinja::{Environment, context};
use turns::Turns;

/// Used when the file carries no template: ChatML, one block for each message.
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

const MAX_TEMPLATE_BYTES: usize = 1 << 20;
/// Marks the end of an unfinished last message; no template and no chat holds it.
const END: &str = "zhisuan-end-of-the-unfinished-message-c41f0e0d";

/// A compiled chat template.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    native: Native,
}

/// What the template is told beside the turns.
#[derive(Debug, Clone, Copy)]
struct Wishes {
    open_turn: bool,
    thinking: Option<bool>,
}

impl ChatTemplate {
    /// Compiles the template of a file, or ChatML when there is none.
    pub(crate) fn new(source: Option<&str>, bos: &str, eos: &str) -> Result<Self, EngineError> {
        let source = source.unwrap_or(CHATML);
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(EngineError::corrupt(
                "chat_template",
                format!("长 {} 字节，上限 {MAX_TEMPLATE_BYTES}", source.len()),
            ));
        }
        let mut template = Self {
            environment: environment::compile(source)?,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
            native: Native::default(),
        };
        template.native = abilities::probe(&template, source);
        Ok(template)
    }

    /// What chats with this model may ask for.
    pub(crate) fn abilities(&self) -> ChatAbilities {
        self.native.abilities()
    }

    /// The prompt of a chat: the turns so far, and the opening of the assistant's turn (or the
    /// unfinished last message). Control tokens written anywhere in the chat stay text.
    pub(crate) fn prompt(&self, chat: &Chat, control: &[String]) -> Result<String, EngineError> {
        let mut chat = chat.clone();
        if chat.continue_last {
            match chat.messages.last_mut() {
                Some(last) if last.role == "assistant" && last.tool_calls.is_empty() => {
                    last.content.push_str(END);
                }
                _ => {
                    return Err(EngineError::invalid(
                        "continue_last",
                        "最后一条消息应为没有工具调用的 assistant 消息",
                    ));
                }
            }
        }
        let wishes = Wishes {
            open_turn: !chat.continue_last,
            thinking: chat.thinking,
        };
        let turns = if self.native.tools.is_some() {
            Turns::new(&chat, control, self.native.developer)?
        } else {
            Turns::new(
                &fallback::without_tools(&chat)?,
                control,
                self.native.developer,
            )?
        };
        let text = self.fill(&turns, wishes)?;
        if !chat.continue_last {
            return Ok(text);
        }
        match text.split_once(END) {
            Some((before, after)) if !after.contains(END) => Ok(before.to_owned()),
            _ => Err(EngineError::Template {
                detail: "模板没有原样写出最后一条消息，无法续写".to_owned(),
            }),
        }
    }

    /// Renders turns alone, with the opening of an assistant turn when `open_turn`.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        control: &[String],
        open_turn: bool,
    ) -> Result<String, EngineError> {
        let chat = Chat {
            messages: messages.to_vec(),
            ..Chat::default()
        };
        let wishes = Wishes {
            open_turn,
            thinking: None,
        };
        self.fill(&Turns::new(&chat, control, self.native.developer)?, wishes)
    }

    fn fill(&self, turns: &Turns, wishes: Wishes) -> Result<String, EngineError> {
        let mut context = context! {
            messages => turns.messages,
            tools => turns.tools,
            add_generation_prompt => wishes.open_turn,
            bos_token => self.bos,
            eos_token => self.eos,
        };
        if let Some(thinking) = wishes.thinking {
            // Qwen3 and GLM look for the first, DeepSeek and Granite for the second.
            context = context! { enable_thinking => thinking, thinking => thinking, ..context };
        }
        environment::render(&self.environment, context, turns.bytes)
    }
}

#[cfg(test)]
mod tests;
