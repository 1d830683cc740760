//! Answers in the shape that client libraries read. Pure: pieces in, JSON out.

use super::logprobs;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zhisuan_proto::v1::{Delta, Route, TokenCount, TokenLogprob};

/// Which of the two interfaces for text is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completion,
}

impl Kind {
    /// The field of a request that carries the prompt.
    pub(crate) fn prompt_field(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Completion => "prompt",
        }
    }
}

/// The constant part of an answer, and how far its text has come.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created_s: u64,
    pub(crate) fingerprint: String,
    pub(crate) with_logprobs: bool,
    /// In a stream with usage every chunk but the last carries `"usage": null`.
    pub(crate) null_usage: bool,
    /// Characters so far, for `text_offset`.
    offset: usize,
}

impl Reply {
    pub(crate) fn new(kind: Kind, id: String, model: String, created_s: u64) -> Self {
        Self {
            kind,
            id,
            model,
            created_s,
            fingerprint: String::new(),
            with_logprobs: false,
            null_usage: false,
            offset: 0,
        }
    }

    /// Changes exactly when the deployment behind the name changes.
    pub(crate) fn fingerprint_of(route: &Route) -> String {
        let text = format!(
            "{}\n{}\n{}\n{}",
            route.model, route.deployment, route.created_at_ms, route.context_length
        );
        let hash = Sha256::digest(text.as_bytes());
        format!("fp_{}", hex::encode(&hash[..5]))
    }

    /// The chunk before the first text; only chat has one.
    pub(crate) fn opening(&self) -> Option<Value> {
        match self.kind {
            Kind::Chat => Some(self.chat_chunk(
                &json!({"role": "assistant", "content": ""}),
                &Value::Null,
                &Value::Null,
            )),
            Kind::Completion => None,
        }
    }

    /// The chunk of one piece; `None` when it has nothing to show.
    pub(crate) fn delta(&mut self, delta: &Delta) -> Option<Value> {
        let logprob = delta.logprob.as_ref().filter(|_| self.with_logprobs);
        if delta.text.is_empty() && logprob.is_none() {
            return None;
        }
        let logprobs = self.logprobs(logprob.map(std::slice::from_ref));
        self.offset += delta.text.chars().count();
        Some(match self.kind {
            Kind::Chat => self.chat_chunk(&json!({"content": delta.text}), &logprobs, &Value::Null),
            Kind::Completion => self.text_chunk(&delta.text, &logprobs, &Value::Null),
        })
    }

    /// The chunk that says why the answer ended.
    pub(crate) fn finish(&self, reason: &str) -> Value {
        match self.kind {
            Kind::Chat => self.chat_chunk(&json!({}), &Value::Null, &json!(reason)),
            Kind::Completion => self.text_chunk("", &Value::Null, &json!(reason)),
        }
    }

    /// The chunk of the counts, after the reason and before the end.
    pub(crate) fn usage_chunk(&self, usage: TokenCount) -> Value {
        let mut chunk = self.frame(self.chunk_object(), json!([]));
        chunk.insert("usage".to_owned(), usage_json(usage));
        Value::Object(chunk)
    }

    /// The answer in one piece.
    pub(crate) fn whole(
        &self,
        text: &str,
        tokens: &[TokenLogprob],
        reason: &str,
        usage: TokenCount,
    ) -> Value {
        let logprobs = self.logprobs(self.with_logprobs.then_some(tokens));
        let (object, choice) = match self.kind {
            Kind::Chat => (
                "chat.completion",
                json!({
                    "index": 0,
                    "message": {"role": "assistant", "content": text, "refusal": null},
                    "logprobs": logprobs,
                    "finish_reason": reason,
                }),
            ),
            Kind::Completion => (
                "text_completion",
                json!({"index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason}),
            ),
        };
        let mut answer = self.frame(object, json!([choice]));
        answer.insert("usage".to_owned(), usage_json(usage));
        Value::Object(answer)
    }

    fn logprobs(&self, tokens: Option<&[TokenLogprob]>) -> Value {
        match (tokens, self.kind) {
            (None, _) => Value::Null,
            (Some(tokens), Kind::Chat) => logprobs::chat(tokens),
            (Some(tokens), Kind::Completion) => logprobs::completion(tokens, self.offset),
        }
    }

    fn chat_chunk(&self, delta: &Value, logprobs: &Value, reason: &Value) -> Value {
        self.chunk(&json!({
            "index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": reason,
        }))
    }

    fn text_chunk(&self, text: &str, logprobs: &Value, reason: &Value) -> Value {
        self.chunk(&json!({
            "index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason,
        }))
    }

    fn chunk(&self, choice: &Value) -> Value {
        let mut chunk = self.frame(self.chunk_object(), json!([choice]));
        if self.null_usage {
            chunk.insert("usage".to_owned(), Value::Null);
        }
        Value::Object(chunk)
    }

    fn chunk_object(&self) -> &'static str {
        match self.kind {
            Kind::Chat => "chat.completion.chunk",
            Kind::Completion => "text_completion",
        }
    }

    fn frame(&self, object: &str, choices: Value) -> Map<String, Value> {
        Map::from_iter([
            ("id".to_owned(), json!(self.id)),
            ("object".to_owned(), json!(object)),
            ("created".to_owned(), json!(self.created_s)),
            ("model".to_owned(), json!(self.model)),
            ("system_fingerprint".to_owned(), json!(self.fingerprint)),
            ("choices".to_owned(), choices),
        ])
    }
}

fn usage_json(usage: TokenCount) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
    })
}
