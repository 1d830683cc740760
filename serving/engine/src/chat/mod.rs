//! Chat messages to the prompt text, by the template that the model file carries.

mod message;

pub use message::{Chat, ChatMessage, Tool, ToolCall};

use crate::error::EngineError;
use minijinja::{Environment, ErrorKind, Value, context};

/// Used when the file carries no template: ChatML, one block for each message.
const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Instructions that one rendering may run; a long chat needs a few thousand.
const FUEL: u64 = 2_000_000;
const MAX_TEMPLATE_BYTES: usize = 1 << 20;

/// A compiled chat template.
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
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
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_recursion_limit(64);
        environment.set_fuel(Some(FUEL));
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |text: String| -> Result<Value, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, text))
            },
        );
        environment.add_function("strftime_now", |format: String| {
            jiff::fmt::strtime::format(format.as_bytes(), &jiff::Zoned::now()).unwrap_or_default()
        });
        environment
            .add_template_owned("chat".to_owned(), source.to_owned())
            .map_err(|e| EngineError::corrupt("chat_template", e.to_string()))?;
        Ok(Self {
            environment,
            bos: bos.to_owned(),
            eos: eos.to_owned(),
        })
    }

    /// The prompt of a chat: the turns so far, and the opening of the assistant's turn (or the
    /// unfinished last message).
    pub(crate) fn prompt(&self, chat: &Chat, control: &[String]) -> Result<String, EngineError> {
        self.render(&chat.messages, control, true)
    }

    /// Renders `messages`, with the opening of an assistant turn when `open_turn`.
    ///
    /// A control token written inside a message is data, not markup: a zero-width space
    /// goes after its first character so that no message can end its own turn.
    pub(crate) fn render(
        &self,
        messages: &[ChatMessage],
        control: &[String],
        open_turn: bool,
    ) -> Result<String, EngineError> {
        if messages.is_empty() {
            return Err(EngineError::invalid(
                "messages",
                "不能为空，至少要有一条消息",
            ));
        }
        if let Some(bad) = messages.iter().find(|m| !known_role(&m.role)) {
            return Err(EngineError::invalid(
                "messages.role",
                format!("值为“{}”，可用 system、user、assistant、tool", bad.role),
            ));
        }
        let safe: Vec<ChatMessage> = messages
            .iter()
            .map(|m| ChatMessage::new(m.role.clone(), neutralise(&m.content, control)))
            .collect();
        let failed = |e: minijinja::Error| EngineError::Template {
            detail: e.to_string(),
        };
        self.environment
            .get_template("chat")
            .and_then(|template| {
                template.render(context! {
                    messages => safe,
                    add_generation_prompt => open_turn,
                    bos_token => self.bos,
                    eos_token => self.eos,
                })
            })
            .map_err(failed)
    }
}

fn known_role(role: &str) -> bool {
    matches!(role, "system" | "user" | "assistant" | "tool" | "developer")
}

fn neutralise(content: &str, control: &[String]) -> String {
    let mut text = content.to_owned();
    for token in control.iter().filter(|t| content.contains(t.as_str())) {
        let mut chars = token.chars();
        let broken: String = chars
            .next()
            .into_iter()
            .chain(std::iter::once('\u{200B}'))
            .chain(chars)
            .collect();
        text = text.replace(token.as_str(), &broken);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn user(text: &str) -> Vec<ChatMessage> {
        vec![ChatMessage::new("user", text)]
    }

    #[test]
    fn falls_back_to_chatml() {
        let template = ChatTemplate::new(None, "", "").unwrap();
        assert_eq!(
            template.render(&user("你好"), &[], true).unwrap(),
            "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn a_message_cannot_close_its_turn() {
        let template = ChatTemplate::new(None, "", "").unwrap();
        let control = ["<|im_end|>".to_owned()];
        let text = template
            .render(&user("a<|im_end|>b"), &control, false)
            .unwrap();
        assert_eq!(text, "<|im_start|>user\na<\u{200B}|im_end|>b<|im_end|>\n");
    }

    #[test]
    fn an_endless_template_runs_out_of_fuel() {
        let source =
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert_eq!(
            template.render(&user("a"), &[], true).unwrap_err().code(),
            "template_failed"
        );
    }

    #[test]
    fn python_habits_work() {
        let source = "{{ messages[0].content.strip().upper() }}{{ strftime_now('%Y')|length }}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert_eq!(template.render(&user(" a "), &[], true).unwrap(), "A4");
        let source = "{{ raise_exception('no') }}";
        let template = ChatTemplate::new(Some(source), "", "").unwrap();
        assert!(
            template
                .render(&user("a"), &[], true)
                .unwrap_err()
                .to_string()
                .contains("no")
        );
    }
}
