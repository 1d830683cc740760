//! Training examples from JSON lines, and the order in which they are seen.

use super::TrainConfig;
use crate::chat::{ChatMessage, ChatTemplate};
use crate::error::EngineError;
use crate::output::sample::uniform;
use crate::tokenizer::TextTokenizer;
use serde_json::{Map, Value};

/// One tokenised example. `targets[i]` is the token to predict after `tokens[i]`, where
/// there is loss.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Example {
    pub(crate) tokens: Vec<u32>,
    pub(crate) targets: Vec<Option<u32>>,
}

/// Tokens with a mark for those that are to be learnt.
type Marked = Vec<(u32, bool)>;

struct Reader<'a> {
    tokenizer: &'a TextTokenizer,
    template: &'a ChatTemplate,
    line: usize,
}

/// Reads all lines; the first unusable one is refused with its number and field.
pub(crate) fn parse(
    text: &str,
    tokenizer: &TextTokenizer,
    template: &ChatTemplate,
    config: &TrainConfig,
) -> Result<Vec<Example>, EngineError> {
    let mut examples = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, l)| !l.trim().is_empty())
    {
        let reader = Reader {
            tokenizer,
            template,
            line: index + 1,
        };
        let (field, mut marked) = reader.line(line)?;
        marked.truncate(config.max_len + 1);
        if !marked.iter().skip(1).any(|(_, learn)| *learn) {
            let detail = format!("前 {} 个词元中没有要学习的内容", config.max_len);
            return Err(reader.refuse(field, &detail));
        }
        let targets = marked
            .iter()
            .skip(1)
            .map(|(t, learn)| learn.then_some(*t))
            .collect();
        marked.pop();
        examples.push(Example {
            tokens: marked.into_iter().map(|m| m.0).collect(),
            targets,
        });
    }
    if examples.is_empty() {
        return Err(EngineError::Data {
            line: 1,
            field: "messages".to_owned(),
            detail: "文件中没有训练样本".to_owned(),
        });
    }
    Ok(examples)
}

impl Reader<'_> {
    fn refuse(&self, field: &str, detail: &str) -> EngineError {
        EngineError::Data {
            line: self.line,
            field: field.to_owned(),
            detail: detail.to_owned(),
        }
    }

    fn line(&self, line: &str) -> Result<(&'static str, Marked), EngineError> {
        let value: Value =
            serde_json::from_str(line).map_err(|e| self.refuse("(JSON)", &e.to_string()))?;
        let Value::Object(object) = value else {
            return Err(self.refuse(
                "(JSON)",
                "不是对象，应为 {\"messages\":…} 或 {\"prompt\":…,\"completion\":…}",
            ));
        };
        let known: &[&str] = if object.contains_key("messages") {
            &["messages"]
        } else {
            &["prompt", "completion"]
        };
        if let Some(extra) = object.keys().find(|k| !known.contains(&k.as_str())) {
            return Err(self.refuse(extra, &format!("未知字段，可用 {}", known.join("、"))));
        }
        if object.contains_key("messages") {
            return Ok(("messages", self.chat(&object)?));
        }
        let mut marked = self.encode(self.text(&object, "prompt")?, false)?;
        let completion = self.text(&object, "completion")?;
        marked.extend(self.encode(completion, true)?);
        marked.extend(self.tokenizer.eos().map(|eos| (eos, true)));
        Ok(("completion", marked))
    }

    fn text<'o>(
        &self,
        object: &'o Map<String, Value>,
        field: &str,
    ) -> Result<&'o str, EngineError> {
        match object.get(field) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.refuse(field, &format!("应为字符串，实为 {other}"))),
            None => Err(self.refuse(field, "缺少")),
        }
    }

    fn encode(&self, text: &str, learn: bool) -> Result<Marked, EngineError> {
        if text.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self
            .tokenizer
            .encode(text)?
            .into_iter()
            .map(|t| (t, learn))
            .collect())
    }

    fn messages(&self, object: &Map<String, Value>) -> Result<Vec<ChatMessage>, EngineError> {
        let Some(Value::Array(items)) = object.get("messages") else {
            return Err(self.refuse("messages", "应为数组"));
        };
        let mut messages = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let part = |key: &str| {
                item.get(key).and_then(Value::as_str).ok_or_else(|| {
                    self.refuse(&format!("messages[{index}].{key}"), "缺少，或不是字符串")
                })
            };
            let role = part("role")?;
            if !matches!(role, "system" | "user" | "assistant" | "tool") {
                let field = format!("messages[{index}].role");
                let detail = format!("值为“{role}”，可用 system、user、assistant、tool");
                return Err(self.refuse(&field, &detail));
            }
            messages.push(ChatMessage::new(role, part("content")?));
        }
        if !messages.iter().any(|m| m.role == "assistant") {
            return Err(self.refuse("messages", "至少要有一条 assistant 消息"));
        }
        Ok(messages)
    }

    /// The chat as the template writes it; the assistant's words and the token that ends
    /// its turn are learnt.
    fn chat(&self, object: &Map<String, Value>) -> Result<Marked, EngineError> {
        let messages = self.messages(object)?;
        let render = |upto: usize, open: bool| {
            self.template
                .render(&messages[..upto], self.tokenizer.control_texts(), open)
        };
        let mut marked = Marked::new();
        let mut shown = String::new();
        for (index, _) in messages
            .iter()
            .enumerate()
            .filter(|(_, m)| m.role == "assistant")
        {
            if index == 0 {
                return Err(self.refuse("messages[0].role", "第一条消息不能是 assistant"));
            }
            let (before, after) = (render(index, true)?, render(index + 1, false)?);
            let (Some(context), Some(reply)) = (
                before.strip_prefix(shown.as_str()),
                after.strip_prefix(before.as_str()),
            ) else {
                return Err(self.refuse(
                    "messages",
                    "模型的对话模板会改写之前的消息，无法标出要学习的部分",
                ));
            };
            marked.extend(self.encode(context, false)?);
            let mut learnt = self.encode(reply, true)?;
            let end = learnt.iter().rposition(|(t, _)| self.tokenizer.is_end(*t));
            for (_, learn) in learnt.iter_mut().skip(end.map_or(usize::MAX, |at| at + 1)) {
                *learn = false;
            }
            marked.extend(learnt);
            shown = after;
        }
        Ok(marked)
    }
}

/// Index of the `nth` example seen: every pass over `count` examples is a new shuffle that
/// depends only on the seed and the number of the pass, so that a resumed run sees the same.
pub(crate) fn order(seed: u64, count: usize, nth: usize) -> usize {
    let (pass, at) = (nth / count, nth % count);
    let mut indices: Vec<usize> = (0..count).collect();
    let pass_seed = seed ^ (pass as u64 + 1).wrapping_mul(0xD134_2543_DE82_EF95);
    for i in (1..count).rev() {
        let other = (uniform(pass_seed, i as u64) * (i + 1) as f64) as usize;
        indices.swap(i, other.min(i));
    }
    indices[at]
}
