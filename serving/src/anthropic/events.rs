//! A message on its way out: events block by block, or one object. Pure.

use super::error_body;
use crate::language::Language;
use crate::openai::ApiError;
use crate::openai::pieces::{Piece, Plan, Said, Usage};
use crate::openai::stream::{Choice, Frame, Shape};
use serde_json::{Value, json};
use zhisuan_proto::v1::Route;

/// The block that is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Thinking,
    Text,
    Tool,
}

/// One message.
#[derive(Debug)]
pub(super) struct Messaging {
    id: String,
    model: String,
    /// Blocks that are whole.
    done: usize,
    open: Option<Open>,
    reason: &'static str,
    stop: Option<String>,
}

impl Messaging {
    pub(super) fn new(id: &str, model: &str) -> Self {
        Self {
            id: id.to_owned(),
            model: model.to_owned(),
            done: 0,
            open: None,
            reason: "stop",
            stop: None,
        }
    }

    fn message(
        &self,
        content: &[Value],
        reason: Option<&str>,
        stop: Option<&str>,
        usage: &Value,
    ) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": stop,
            "usage": usage,
        })
    }

    fn piece(&mut self, piece: Piece) -> Vec<Frame> {
        let mut frames = Vec::new();
        let delta = match piece {
            Piece::Reasoning(text) => {
                let block = json!({"type": "thinking", "thinking": "", "signature": ""});
                frames.extend(self.turn_to(Open::Thinking, &block));
                json!({"type": "thinking_delta", "thinking": text})
            }
            Piece::Content(text) => {
                frames.extend(self.turn_to(Open::Text, &json!({"type": "text", "text": ""})));
                json!({"type": "text_delta", "text": text})
            }
            Piece::Call { id, name, .. } => {
                frames.extend(self.close());
                let block = json!({"type": "tool_use", "id": id, "name": name, "input": {}});
                frames.extend(self.turn_to(Open::Tool, &block));
                return frames;
            }
            Piece::Arguments { delta, .. } => {
                json!({"type": "input_json_delta", "partial_json": delta})
            }
        };
        let body = json!({"type": "content_block_delta", "index": self.done, "delta": delta});
        frames.push(Frame::named("content_block_delta", &body));
        frames
    }

    /// Begins a block unless one of its kind is being written.
    fn turn_to(&mut self, open: Open, block: &Value) -> Vec<Frame> {
        if self.open == Some(open) {
            return Vec::new();
        }
        let mut frames = self.close();
        self.open = Some(open);
        let body = json!({
            "type": "content_block_start", "index": self.done, "content_block": block,
        });
        frames.push(Frame::named("content_block_start", &body));
        frames
    }

    fn close(&mut self) -> Vec<Frame> {
        if self.open.take().is_none() {
            return Vec::new();
        }
        let body = json!({"type": "content_block_stop", "index": self.done});
        self.done += 1;
        vec![Frame::named("content_block_stop", &body)]
    }
}

/// Why a message ended.
fn stop_reason(reason: &str, stop: Option<&str>) -> &'static str {
    match (reason, stop) {
        ("length", _) => "max_tokens",
        ("tool_calls", _) => "tool_use",
        (_, Some(_)) => "stop_sequence",
        (_, None) => "end_turn",
    }
}

impl Shape for Messaging {
    fn opened(&mut self, _route: &Route) {}

    fn begin(&mut self, plan: Plan) -> Vec<Frame> {
        // What was cached is known at the end only.
        let usage = json!({
            "input_tokens": plan.prompt_tokens, "output_tokens": 0,
            "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
        });
        let message = self.message(&[], None, None, &usage);
        let start = json!({"type": "message_start", "message": message});
        vec![
            Frame::named("message_start", &start),
            Frame::named("ping", &json!({"type": "ping"})),
        ]
    }

    fn said(&mut self, said: Said) -> Vec<Frame> {
        match said {
            Said::Pieces { pieces, .. } => pieces
                .into_iter()
                .flat_map(|piece| self.piece(piece))
                .collect(),
            // This interface has no place for them.
            Said::Attached { .. } => Vec::new(),
            Said::Ended { reason, stop, .. } => {
                self.reason = reason;
                self.stop = stop;
                self.close()
            }
            Said::Done(usage) => {
                let stop = self.stop.as_deref();
                let reason = stop_reason(self.reason, stop);
                let body = json!({
                    "type": "message_delta",
                    "delta": {"stop_reason": reason, "stop_sequence": stop},
                    "usage": usage_json(usage),
                });
                vec![
                    Frame::named("message_delta", &body),
                    Frame::named("message_stop", &json!({"type": "message_stop"})),
                ]
            }
            Said::Failed(error) => self.failed(&error, Language::default()),
        }
    }

    fn failed(&mut self, error: &ApiError, language: Language) -> Vec<Frame> {
        let body = error_body(error.status, error.code, error.message(language), None);
        vec![Frame::named("error", &body)]
    }

    fn whole(&mut self, choices: Vec<Choice>, usage: Usage) -> Value {
        let choice = choices.into_iter().next().unwrap_or_default();
        let mut content = Vec::new();
        if !choice.reasoning.is_empty() {
            content.push(json!({
                "type": "thinking", "thinking": choice.reasoning, "signature": "",
            }));
        }
        if !choice.text.is_empty() {
            content.push(json!({"type": "text", "text": choice.text}));
        }
        for call in choice.calls {
            // Arguments that are no JSON are told as they are.
            let input = serde_json::from_str(&call.arguments);
            let input: Value = input.unwrap_or_else(|_| json!(call.arguments));
            content.push(json!({
                "type": "tool_use", "id": call.id, "name": call.name, "input": input,
            }));
        }
        let stop = choice.stop.as_deref();
        let reason = stop_reason(choice.reason, stop);
        self.message(&content, Some(reason), stop, &usage_json(usage))
    }
}

/// Tokens that came from the cache are told apart from the others.
fn usage_json(usage: Usage) -> Value {
    let tokens = usage.tokens;
    json!({
        "input_tokens": tokens.prompt_tokens.saturating_sub(tokens.cached_tokens),
        "cache_read_input_tokens": tokens.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": tokens.completion_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
    })
}
