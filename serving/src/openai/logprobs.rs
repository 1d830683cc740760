//! Log-probabilities in the two shapes of the official interface. Pure.

use serde_json::{Map, Value, json};
use zhisuan_proto::v1::TokenLogprob;

/// JSON has no infinity; the official interface writes this for "never".
const NEVER: f32 = -9999.0;

fn finite(logprob: f32) -> f32 {
    if logprob.is_finite() { logprob } else { NEVER }
}

/// `choices[].logprobs` of chat: one object per token.
pub(crate) fn chat(tokens: &[TokenLogprob]) -> Value {
    let one = |token: &str, logprob: f32| json!({"token": token, "logprob": finite(logprob), "bytes": token.as_bytes()});
    let content: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let mut entry = one(&token.token, token.logprob);
            entry["top_logprobs"] = token
                .top
                .iter()
                .map(|top| one(&top.token, top.logprob))
                .collect();
            entry
        })
        .collect();
    json!({"content": content, "refusal": null})
}

/// `choices[].logprobs` of completions: parallel arrays; offsets count characters.
pub(crate) fn completion(tokens: &[TokenLogprob], first_offset: usize) -> Value {
    let mut offset = first_offset;
    let mut offsets = Vec::with_capacity(tokens.len());
    for token in tokens {
        offsets.push(offset);
        offset += token.token.chars().count();
    }
    let tops: Vec<Value> = tokens
        .iter()
        .map(|token| {
            let top: Map<String, Value> = token
                .top
                .iter()
                .map(|top| (top.token.clone(), json!(finite(top.logprob))))
                .collect();
            Value::Object(top)
        })
        .collect();
    json!({
        "tokens": tokens.iter().map(|token| token.token.as_str()).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| finite(token.logprob)).collect::<Vec<_>>(),
        "top_logprobs": tops,
        "text_offset": offsets,
    })
}
