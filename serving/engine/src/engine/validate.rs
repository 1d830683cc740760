//! Checks a request completely before anything is queued.

use super::request::{GenerateRequest, Prompt};
use super::{Shared, lock};
use crate::error::EngineError;
use crate::model::lora::Adapter;
use crate::sample::Sampling;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 256;
const MOST_LOGPROBS: usize = 20;
/// A byte-level token covers some hundred bytes at most, so a text with more bytes than
/// this for each token of the context is refused before it is tokenised.
const BYTES_PER_TOKEN: usize = 512;

/// A request with everything resolved.
pub(super) struct Plan {
    pub(super) tokens: Vec<u32>,
    pub(super) adapter: Option<Arc<Adapter>>,
    pub(super) max_tokens: usize,
    pub(super) sampling: Sampling,
    pub(super) seed: u64,
    pub(super) stop: Vec<String>,
    pub(super) logprobs: Option<usize>,
    pub(super) ignore_eos: bool,
}

pub(super) fn check(shared: &Shared, request: GenerateRequest) -> Result<Plan, EngineError> {
    let vocab = shared.decoder.spec.vocab;
    if request.max_tokens == 0 {
        return Err(EngineError::invalid("max_tokens", "值为 0，至少为 1"));
    }
    if request.stop.len() > MOST_STOPS {
        let count = request.stop.len();
        return Err(EngineError::invalid(
            "stop",
            format!("共 {count} 个，最多 {MOST_STOPS} 个"),
        ));
    }
    if let Some(bad) = request
        .stop
        .iter()
        .find(|s| s.is_empty() || s.len() > LONGEST_STOP)
    {
        return Err(EngineError::invalid(
            "stop",
            format!("有一项长 {} 字节，应为 1 到 {LONGEST_STOP} 字节", bad.len()),
        ));
    }
    if let Some(top) = request.logprobs.filter(|n| *n > MOST_LOGPROBS) {
        return Err(EngineError::invalid(
            "logprobs",
            format!("值为 {top}，最多 {MOST_LOGPROBS}"),
        ));
    }
    request.sampling.validate(vocab)?;
    let adapter = match &request.adapter {
        None => None,
        Some(name) => Some(
            lock(&shared.adapters)
                .get(name)
                .cloned()
                .ok_or_else(|| EngineError::AdapterUnknown { name: name.clone() })?,
        ),
    };
    let tokens = prompt_tokens(shared, request.prompt)?;
    Ok(Plan {
        tokens,
        adapter,
        max_tokens: request.max_tokens,
        seed: request
            .sampling
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one("seed")),
        sampling: request.sampling,
        stop: request.stop,
        logprobs: request.logprobs,
        ignore_eos: request.ignore_eos,
    })
}

/// Token ids of a prompt that fits with at least one token to spare.
pub(super) fn prompt_tokens(shared: &Shared, prompt: Prompt) -> Result<Vec<u32>, EngineError> {
    let limit = shared.info.context_length;
    let tokens = match prompt {
        Prompt::Tokens(tokens) => tokens,
        Prompt::Text(text) if text.len() > limit.saturating_mul(BYTES_PER_TOKEN) => {
            let prompt_tokens = text.len() / BYTES_PER_TOKEN;
            return Err(EngineError::ContextExceeded {
                prompt_tokens,
                limit,
            });
        }
        Prompt::Text(text) => shared.tokenizer.encode(&text)?,
    };
    if tokens.is_empty() {
        return Err(EngineError::invalid("prompt", "为空，至少要有一个词元"));
    }
    if tokens.len() >= limit {
        return Err(EngineError::ContextExceeded {
            prompt_tokens: tokens.len(),
            limit,
        });
    }
    let vocab = shared.decoder.spec.vocab;
    if let Some(bad) = tokens.iter().find(|t| **t as usize >= vocab) {
        return Err(EngineError::invalid(
            "prompt",
            format!("词元 {bad} 不在 0 到 {} 之间", vocab - 1),
        ));
    }
    Ok(tokens)
}
