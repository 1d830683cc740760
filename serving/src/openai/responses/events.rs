//! A response on its way out: events in order, each with the next sequence number. Pure.

use super::items::{self, Status};
use crate::language::Language;
use crate::openai::ApiError;
use crate::openai::pieces::{Piece, Plan, Said, Usage};
use crate::openai::sampling::Wish;
use crate::openai::stream::{Called, Choice, Frame, Shape};
use serde_json::{Value, json};
use zhisuan_proto::v1::{Route, TokenLogprob};

/// The item that is being written.
#[derive(Debug)]
enum Open {
    Thought(String),
    Message(String, Vec<TokenLogprob>),
    Call(Called),
}

/// One response.
#[derive(Debug)]
pub(super) struct Responding {
    id: String,
    created_s: u64,
    /// What is repeated of the request.
    echo: Value,
    with_logprobs: bool,
    sequence: u64,
    done: Vec<Value>,
    open: Option<Open>,
    reason: &'static str,
}

impl Responding {
    pub(super) fn new(id: &str, wish: &Wish, echo: Value, created_s: u64) -> Self {
        Self {
            id: id.to_owned(),
            created_s,
            echo,
            with_logprobs: wish.with_logprobs,
            sequence: 0,
            done: Vec::new(),
            open: None,
            reason: "stop",
        }
    }

    /// The response object in a state.
    fn response(&self, status: &str, output: &[Value], usage: Option<Usage>) -> Value {
        let mut response = self.echo.clone();
        let cut = status == "incomplete";
        let fields = json!({
            "id": self.id,
            "object": "response",
            "created_at": self.created_s,
            "status": status,
            "error": null,
            "incomplete_details": cut.then(|| json!({"reason": "max_output_tokens"})),
            "output": output,
            "usage": usage.map(usage_json),
        });
        if let (Some(response), Value::Object(fields)) = (response.as_object_mut(), fields) {
            response.extend(fields);
        }
        response
    }

    fn event(&mut self, kind: &'static str, mut body: Value) -> Frame {
        body["type"] = json!(kind);
        body["sequence_number"] = json!(self.sequence);
        self.sequence += 1;
        Frame::named(kind, &body)
    }

    fn item_id(&self, prefix: &str) -> String {
        item_id(prefix, &self.id, self.done.len())
    }

    fn piece(&mut self, piece: Piece, logprob: Option<TokenLogprob>) -> Vec<Frame> {
        let mut frames = Vec::new();
        match piece {
            Piece::Reasoning(text) => {
                if !matches!(self.open, Some(Open::Thought(_))) {
                    frames.extend(self.close("completed"));
                    frames.extend(self.begin_item(Open::Thought(String::new())));
                }
                frames.push(self.more_thought(&text));
            }
            Piece::Content(text) => {
                if !matches!(self.open, Some(Open::Message(..))) {
                    frames.extend(self.close("completed"));
                    frames.extend(self.begin_item(Open::Message(String::new(), Vec::new())));
                }
                frames.push(self.more_text(&text, logprob));
            }
            Piece::Call { id, name, .. } => {
                frames.extend(self.close("completed"));
                let called = Called {
                    id,
                    name,
                    arguments: String::new(),
                };
                frames.extend(self.begin_item(Open::Call(called)));
            }
            Piece::Arguments { delta, .. } => frames.push(self.more_arguments(&delta)),
        }
        frames
    }

    fn begin_item(&mut self, open: Open) -> Vec<Frame> {
        let index = self.done.len();
        let (id, item, part) = match &open {
            Open::Thought(_) => {
                let id = self.item_id("rs");
                let item = items::thought(&id, "", "in_progress");
                (id, item, Some(items::thought_part("")))
            }
            Open::Message(..) => {
                let id = self.item_id("msg");
                let item = items::message(&id, &Value::Null, "in_progress");
                (id, item, Some(items::text_part("", &[])))
            }
            Open::Call(called) => {
                let id = self.item_id("fc");
                let item = items::call(&id, called, "in_progress");
                (id, item, None)
            }
        };
        self.open = Some(open);
        let added = json!({"output_index": index, "item": item});
        let mut frames = vec![self.event("response.output_item.added", added)];
        if let Some(part) = part {
            let body = json!({
                "item_id": id, "output_index": index, "content_index": 0, "part": part,
            });
            frames.push(self.event("response.content_part.added", body));
        }
        frames
    }

    fn more_thought(&mut self, text: &str) -> Frame {
        if let Some(Open::Thought(whole)) = &mut self.open {
            whole.push_str(text);
        }
        let body = json!({
            "item_id": self.item_id("rs"), "output_index": self.done.len(),
            "content_index": 0, "delta": text,
        });
        self.event("response.reasoning_text.delta", body)
    }

    fn more_text(&mut self, text: &str, logprob: Option<TokenLogprob>) -> Frame {
        let logprob = logprob.filter(|_| self.with_logprobs);
        let logprobs = items::token_logprobs(logprob.as_slice());
        if let Some(Open::Message(whole, tokens)) = &mut self.open {
            whole.push_str(text);
            tokens.extend(logprob);
        }
        let body = json!({
            "item_id": self.item_id("msg"), "output_index": self.done.len(),
            "content_index": 0, "delta": text, "logprobs": logprobs,
        });
        self.event("response.output_text.delta", body)
    }

    fn more_arguments(&mut self, text: &str) -> Frame {
        if let Some(Open::Call(called)) = &mut self.open {
            called.arguments.push_str(text);
        }
        let body = json!({
            "item_id": self.item_id("fc"), "output_index": self.done.len(), "delta": text,
        });
        self.event("response.function_call_arguments.delta", body)
    }

    /// Ends the item that is being written.
    fn close(&mut self, status: Status) -> Vec<Frame> {
        let Some(open) = self.open.take() else {
            return Vec::new();
        };
        let index = self.done.len();
        let at = |id: &str| json!({"item_id": id, "output_index": index, "content_index": 0});
        let mut frames = Vec::new();
        let item = match open {
            Open::Thought(text) => {
                let id = self.item_id("rs");
                let mut body = at(&id);
                body["text"] = json!(text);
                frames.push(self.event("response.reasoning_text.done", body));
                let mut body = at(&id);
                body["part"] = items::thought_part(&text);
                frames.push(self.event("response.content_part.done", body));
                items::thought(&id, &text, status)
            }
            Open::Message(text, tokens) => {
                let id = self.item_id("msg");
                let mut body = at(&id);
                body["text"] = json!(text);
                body["logprobs"] = items::token_logprobs(&tokens);
                frames.push(self.event("response.output_text.done", body));
                let part = items::text_part(&text, &tokens);
                let mut body = at(&id);
                body["part"] = part.clone();
                frames.push(self.event("response.content_part.done", body));
                items::message(&id, &part, status)
            }
            Open::Call(called) => {
                let id = self.item_id("fc");
                let body = json!({
                    "item_id": id, "output_index": index,
                    "name": called.name, "arguments": called.arguments,
                });
                frames.push(self.event("response.function_call_arguments.done", body));
                items::call(&id, &called, status)
            }
        };
        let body = json!({"output_index": index, "item": item});
        frames.push(self.event("response.output_item.done", body));
        self.done.push(item);
        frames
    }
}

fn item_id(prefix: &str, response: &str, index: usize) -> String {
    let tail = response.split_once('_').map_or(response, |(_, tail)| tail);
    format!("{prefix}_{tail}{index:02x}")
}

/// The state of a response or an item that ended for a reason.
fn status_of(reason: &str) -> Status {
    if reason == "length" {
        "incomplete"
    } else {
        "completed"
    }
}

impl Shape for Responding {
    fn opened(&mut self, _route: &Route) {}

    fn begin(&mut self, _plan: Plan) -> Vec<Frame> {
        ["response.created", "response.in_progress"]
            .into_iter()
            .map(|kind| {
                let response = self.response("in_progress", &[], None);
                self.event(kind, json!({"response": response}))
            })
            .collect()
    }

    fn said(&mut self, said: Said) -> Vec<Frame> {
        match said {
            Said::Pieces {
                pieces,
                mut logprob,
                ..
            } => pieces
                .into_iter()
                .flat_map(|piece| self.piece(piece, logprob.take()))
                .collect(),
            // Citations are told by the chat interface alone.
            Said::Attached { .. } => Vec::new(),
            Said::Ended { reason, .. } => {
                self.reason = reason;
                self.close(status_of(reason))
            }
            Said::Done(usage) => {
                let status = status_of(self.reason);
                let response = self.response(status, &self.done, Some(usage));
                let kind = if status == "incomplete" {
                    "response.incomplete"
                } else {
                    "response.completed"
                };
                vec![self.event(kind, json!({"response": response}))]
            }
            Said::Failed(error) => self.failed(&error, Language::default()),
        }
    }

    fn failed(&mut self, error: &ApiError, language: Language) -> Vec<Frame> {
        let mut response = self.response("failed", &self.done, None);
        response["error"] = json!({"code": "server_error", "message": error.message(language)});
        vec![self.event("response.failed", json!({"response": response}))]
    }

    fn whole(&mut self, choices: Vec<Choice>, usage: Usage) -> Value {
        let choice = choices.into_iter().next().unwrap_or_default();
        let status = status_of(choice.reason);
        let mut output = Vec::new();
        let id = |prefix: &str, output: &[Value]| item_id(prefix, &self.id, output.len());
        if !choice.reasoning.is_empty() {
            output.push(items::thought(
                &id("rs", &output),
                &choice.reasoning,
                "completed",
            ));
        }
        if !choice.text.is_empty() || choice.calls.is_empty() {
            let tokens: &[TokenLogprob] = if self.with_logprobs {
                &choice.logprobs
            } else {
                &[]
            };
            let part = items::text_part(&choice.text, tokens);
            output.push(items::message(&id("msg", &output), &part, status));
        }
        for called in &choice.calls {
            output.push(items::call(&id("fc", &output), called, "completed"));
        }
        self.response(status, &output, Some(usage))
    }
}

fn usage_json(usage: Usage) -> Value {
    let tokens = usage.tokens;
    json!({
        "input_tokens": tokens.prompt_tokens,
        "input_tokens_details": {"cached_tokens": tokens.cached_tokens},
        "output_tokens": tokens.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": u64::from(tokens.prompt_tokens) + u64::from(tokens.completion_tokens),
    })
}
