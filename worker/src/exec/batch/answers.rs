//! Answers in the shape of the interface that was asked. Pure.

use super::bodies::Form;
use super::lines::Place;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What a line came to, with its counts.
#[derive(Debug)]
pub(crate) enum Answer {
    Text(Written),
    Vectors(Computed),
}

/// A text that was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) form: Form,
    pub(crate) text: String,
    pub(crate) finish: &'static str,
    /// The stop string that ended it.
    pub(crate) stop: Option<String>,
    pub(crate) prompt_tokens: usize,
    /// Of these, how many were found in the cache.
    pub(crate) cached_tokens: usize,
    pub(crate) completion_tokens: usize,
}

/// Vectors that were computed.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) vectors: Vec<Vec<f32>>,
    pub(crate) base64: bool,
    pub(crate) tokens: usize,
}

impl Answer {
    /// The body of the response.
    pub(super) fn body(&self, place: Place, model: &str) -> Value {
        match self {
            Self::Text(text) => text.body(place, model),
            Self::Vectors(vectors) => vectors.body(model),
        }
    }
}

impl Written {
    fn body(&self, place: Place, model: &str) -> Value {
        match self.form {
            Form::Response => self.response(place, model),
            Form::Chat => {
                let message = json!({"role": "assistant", "content": self.text, "refusal": null});
                let choice = self.choice("message", message);
                self.choices("chatcmpl-", "chat.completion", place, model, &choice)
            }
            Form::Completion => {
                let choice = self.choice("text", json!(self.text));
                self.choices("cmpl-", "text_completion", place, model, &choice)
            }
        }
    }

    fn choice(&self, field: &str, said: Value) -> Value {
        let mut choice = json!({"index": 0, "logprobs": null, "finish_reason": self.finish});
        choice[field] = said;
        if let Some(stop) = &self.stop {
            choice["stop_reason"] = json!(stop);
        }
        choice
    }

    fn choices(
        &self,
        prefix: &str,
        object: &str,
        place: Place,
        model: &str,
        choice: &Value,
    ) -> Value {
        json!({
            "id": format!("{prefix}{}-{}", place.job_id, place.number),
            "object": object,
            "created": place.created,
            "model": model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": self.prompt_tokens,
                "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
                "completion_tokens": self.completion_tokens,
                "total_tokens": self.prompt_tokens + self.completion_tokens,
            },
        })
    }

    fn response(&self, place: Place, model: &str) -> Value {
        let number = format!("{}-{}", place.job_id, place.number);
        let (status, why) = match self.finish {
            "length" => ("incomplete", json!({"reason": "max_output_tokens"})),
            _ => ("completed", Value::Null),
        };
        let part = json!({
            "type": "output_text", "text": self.text, "annotations": [], "logprobs": [],
        });
        json!({
            "id": format!("resp_{number}"),
            "object": "response",
            "created_at": place.created,
            "status": status,
            "error": null,
            "incomplete_details": why,
            "model": model,
            "output": [{
                "id": format!("msg_{number}"), "type": "message", "role": "assistant",
                "status": status, "content": [part],
            }],
            "store": false,
            "parallel_tool_calls": true,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": self.prompt_tokens,
                "input_tokens_details": {"cached_tokens": self.cached_tokens},
                // Nobody looked for thoughts in the text, so their tokens are not told.
                "output_tokens": self.completion_tokens,
                "total_tokens": self.prompt_tokens + self.completion_tokens,
            },
        })
    }
}

impl Computed {
    fn body(&self, model: &str) -> Value {
        let vector = |values: &Vec<f32>| {
            if self.base64 {
                // Little-endian f32, as the official libraries decode it.
                let bytes = values.iter().flat_map(|value| value.to_le_bytes());
                json!(STANDARD.encode(bytes.collect::<Vec<u8>>()))
            } else {
                json!(values)
            }
        };
        let data = self.vectors.iter().enumerate().map(|(index, values)| {
            json!({"object": "embedding", "index": index, "embedding": vector(values)})
        });
        json!({
            "object": "list",
            "data": data.collect::<Vec<_>>(),
            "model": model,
            "usage": {"prompt_tokens": self.tokens, "total_tokens": self.tokens},
        })
    }
}
