//! The output items of a response. Pure.

use crate::openai::logprobs;
use crate::openai::stream::Called;
use serde_json::{Value, json};
use zhisuan_proto::v1::TokenLogprob;

/// "completed", "incomplete", "in_progress".
pub(super) type Status = &'static str;

pub(super) fn thought(id: &str, text: &str, status: Status) -> Value {
    let content = if text.is_empty() {
        json!([])
    } else {
        json!([thought_part(text)])
    };
    json!({"id": id, "type": "reasoning", "summary": [], "content": content, "status": status})
}

pub(super) fn thought_part(text: &str) -> Value {
    json!({"type": "reasoning_text", "text": text})
}

/// `part` is null before the text began.
pub(super) fn message(id: &str, part: &Value, status: Status) -> Value {
    let content = if part.is_null() {
        json!([])
    } else {
        json!([part])
    };
    json!({
        "id": id, "type": "message", "role": "assistant", "status": status, "content": content,
    })
}

pub(super) fn text_part(text: &str, tokens: &[TokenLogprob]) -> Value {
    json!({
        "type": "output_text", "text": text, "annotations": [], "logprobs": token_logprobs(tokens),
    })
}

/// As chat has them under `content`.
pub(super) fn token_logprobs(tokens: &[TokenLogprob]) -> Value {
    logprobs::chat(tokens)["content"].take()
}

pub(super) fn call(id: &str, called: &Called, status: Status) -> Value {
    json!({
        "id": id, "type": "function_call", "status": status,
        "call_id": called.id, "name": called.name, "arguments": called.arguments,
    })
}
