//! Answers of chat and completions in the shape that client libraries read. Pure.

use super::ApiError;
use super::logprobs;
use super::pieces::{Piece, Plan, Said, Usage};
use super::sampling::Wish;
use super::stream::{Called, Choice, Frame, Shape};
use crate::language::Language;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zhisuan_proto::v1::{Route, TokenLogprob};

/// Which of the two interfaces for text is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completion,
}

/// The constant part of an answer, and how far its texts have come.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    kind: Kind,
    id: String,
    model: String,
    created_s: u64,
    fingerprint: String,
    with_logprobs: bool,
    /// In a stream with usage every chunk but the last carries `"usage": null`.
    include_usage: bool,
    /// Characters so far of each choice, for `text_offset`.
    offsets: Vec<usize>,
}

/// Changes exactly when the deployment behind the name changes.
pub(crate) fn fingerprint(route: &Route) -> String {
    let text = format!(
        "{}\n{}\n{}\n{}",
        route.model, route.deployment, route.created_at_ms, route.context_length
    );
    let hash = Sha256::digest(text.as_bytes());
    format!("fp_{}", hex::encode(&hash[..5]))
}

impl Reply {
    pub(crate) fn new(kind: Kind, id: &str, wish: &Wish, created_s: u64) -> Self {
        Self {
            kind,
            id: id.to_owned(),
            model: wish.model.clone(),
            created_s,
            fingerprint: String::new(),
            with_logprobs: wish.with_logprobs,
            include_usage: wish.include_usage,
            offsets: Vec::new(),
        }
    }

    fn pieces(
        &mut self,
        choice: usize,
        pieces: Vec<Piece>,
        logprob: Option<TokenLogprob>,
    ) -> Vec<Frame> {
        let logprob = logprob.filter(|_| self.with_logprobs);
        let tokens = logprob.as_ref().map(std::slice::from_ref);
        let mut logprobs = self.logprobs(tokens, self.offset(choice));
        let mut frames: Vec<Frame> = pieces
            .into_iter()
            .map(|piece| {
                // The token's probabilities go with the first of its pieces.
                let logprobs = logprobs.take();
                self.piece(choice, piece, &logprobs)
            })
            .collect();
        if frames.is_empty() && !logprobs.is_null() {
            frames.push(self.piece(choice, Piece::Content(String::new()), &logprobs));
        }
        frames
    }

    fn piece(&mut self, choice: usize, piece: Piece, logprobs: &Value) -> Frame {
        let delta = match piece {
            Piece::Content(text) => {
                if let Some(offset) = self.offsets.get_mut(choice) {
                    *offset += text.chars().count();
                }
                if self.kind == Kind::Completion {
                    return Frame::data(&self.text_chunk(choice, &text, logprobs, &Value::Null));
                }
                json!({"content": text})
            }
            Piece::Reasoning(text) => json!({"reasoning_content": text}),
            Piece::Call { index, id, name } => json!({"tool_calls": [{
                "index": index, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""},
            }]}),
            Piece::Arguments { index, delta } => {
                json!({"tool_calls": [{"index": index, "function": {"arguments": delta}}]})
            }
        };
        Frame::data(&self.chat_chunk(choice, &delta, logprobs, &Value::Null))
    }

    fn offset(&self, choice: usize) -> usize {
        self.offsets.get(choice).copied().unwrap_or(0)
    }

    fn finish(&self, choice: usize, reason: &str, stop: Option<String>) -> Value {
        let reason = json!(reason);
        let mut chunk = match self.kind {
            Kind::Chat => self.chat_chunk(choice, &json!({}), &Value::Null, &reason),
            Kind::Completion => self.text_chunk(choice, "", &Value::Null, &reason),
        };
        tell_stop(&mut chunk["choices"][0], stop);
        chunk
    }

    /// The counts, after the reasons and before the end.
    fn done(&self, usage: Usage) -> Vec<Frame> {
        let mut frames = Vec::new();
        if self.include_usage {
            let mut chunk = self.frame(self.chunk_object(), json!([]));
            chunk.insert("usage".to_owned(), usage_json(usage));
            frames.push(Frame::data(&Value::Object(chunk)));
        }
        frames.push(Frame {
            event: None,
            data: "[DONE]".to_owned(),
        });
        frames
    }

    fn choice(&self, index: usize, choice: &Choice) -> Value {
        let tokens = self.with_logprobs.then_some(choice.logprobs.as_slice());
        let logprobs = self.logprobs(tokens, 0);
        let reason = choice.reason;
        let mut value = match self.kind {
            Kind::Chat => json!({
                "index": index,
                "message": message(choice),
                "logprobs": logprobs,
                "finish_reason": reason,
            }),
            Kind::Completion => json!({
                "index": index,
                "text": choice.text,
                "logprobs": logprobs,
                "finish_reason": reason,
            }),
        };
        tell_stop(&mut value, choice.stop.clone());
        value
    }

    fn logprobs(&self, tokens: Option<&[TokenLogprob]>, offset: usize) -> Value {
        match (tokens, self.kind) {
            (None, _) => Value::Null,
            (Some(tokens), Kind::Chat) => logprobs::chat(tokens),
            (Some(tokens), Kind::Completion) => logprobs::completion(tokens, offset),
        }
    }

    fn chat_chunk(&self, choice: usize, delta: &Value, logprobs: &Value, reason: &Value) -> Value {
        self.chunk(&json!({
            "index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": reason,
        }))
    }

    fn text_chunk(&self, choice: usize, text: &str, logprobs: &Value, reason: &Value) -> Value {
        self.chunk(&json!({
            "index": choice, "text": text, "logprobs": logprobs, "finish_reason": reason,
        }))
    }

    fn chunk(&self, choice: &Value) -> Value {
        let mut chunk = self.frame(self.chunk_object(), json!([choice]));
        if self.include_usage {
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
        let mut frame = Map::from_iter([
            ("id".to_owned(), json!(self.id)),
            ("object".to_owned(), json!(object)),
            ("created".to_owned(), json!(self.created_s)),
            ("model".to_owned(), json!(self.model)),
            ("system_fingerprint".to_owned(), json!(self.fingerprint)),
            ("choices".to_owned(), choices),
        ]);
        if self.kind == Kind::Chat {
            frame.insert("service_tier".to_owned(), json!("default"));
        }
        frame
    }
}

impl Shape for Reply {
    fn opened(&mut self, route: &Route) {
        self.fingerprint = fingerprint(route);
    }

    /// Only chat has chunks before the first text: they tell the role.
    fn begin(&mut self, plan: Plan) -> Vec<Frame> {
        let choices = plan.prompts * plan.n;
        self.offsets = vec![0; choices];
        if self.kind == Kind::Completion {
            return Vec::new();
        }
        let delta = json!({"role": "assistant", "content": ""});
        (0..choices)
            .map(|choice| Frame::data(&self.chat_chunk(choice, &delta, &Value::Null, &Value::Null)))
            .collect()
    }

    fn said(&mut self, said: Said) -> Vec<Frame> {
        match said {
            Said::Pieces {
                choice,
                pieces,
                logprob,
            } => self.pieces(choice, pieces, logprob),
            Said::Attached { choice, members } if self.kind == Kind::Chat => {
                let delta = Value::Object(members);
                let chunk = self.chat_chunk(choice, &delta, &Value::Null, &Value::Null);
                vec![Frame::data(&chunk)]
            }
            Said::Attached { .. } => Vec::new(),
            Said::Ended {
                choice,
                reason,
                stop,
            } => vec![Frame::data(&self.finish(choice, reason, stop))],
            Said::Done(usage) => self.done(usage),
            Said::Failed(error) => self.failed(&error, Language::default()),
        }
    }

    fn failed(&mut self, error: &ApiError, language: Language) -> Vec<Frame> {
        vec![Frame::named("error", &json!(error.body(language)))]
    }

    fn whole(&mut self, choices: Vec<Choice>, usage: Usage) -> Value {
        let choices = choices.into_iter().enumerate();
        let choices = choices
            .map(|(index, choice)| self.choice(index, &choice))
            .collect();
        let object = match self.kind {
            Kind::Chat => "chat.completion",
            Kind::Completion => "text_completion",
        };
        let mut answer = self.frame(object, choices);
        answer.insert("usage".to_owned(), usage_json(usage));
        Value::Object(answer)
    }
}

/// The stop string of a choice under vLLM's name; the official interface has no field for it.
fn tell_stop(choice: &mut Value, stop: Option<String>) {
    if let Some(stop) = stop {
        choice["stop_reason"] = json!(stop);
    }
}

fn message(choice: &Choice) -> Value {
    let content = if choice.text.is_empty() && !choice.calls.is_empty() {
        Value::Null
    } else {
        json!(choice.text)
    };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null});
    if !choice.reasoning.is_empty() {
        message["reasoning_content"] = json!(choice.reasoning);
    }
    if !choice.calls.is_empty() {
        message["tool_calls"] = choice.calls.iter().map(tool_call).collect();
    }
    for (name, value) in &choice.attached {
        message[name] = value.clone();
    }
    message
}

fn tool_call(call: &Called) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

fn usage_json(usage: Usage) -> Value {
    let tokens = usage.tokens;
    json!({
        "prompt_tokens": tokens.prompt_tokens,
        "completion_tokens": tokens.completion_tokens,
        "total_tokens": u64::from(tokens.prompt_tokens) + u64::from(tokens.completion_tokens),
        "prompt_tokens_details": {"cached_tokens": tokens.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    })
}
