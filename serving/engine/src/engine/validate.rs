//! Checks a request completely before anything is queued.

use super::lock;
use super::request::{BANDS, GenerateRequest, Prompt};
use super::shared::Shared;
use crate::blocks::{BlockHash, CacheScope};
use crate::error::EngineError;
use crate::model::lora::Adapter;
use crate::output::grammar::Grammar;
use crate::output::sample::Sampling;
use crate::schedule::Submission;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 256;
const MOST_LOGPROBS: usize = 20;
/// Bytes of a tenant's or a cache's name.
const LONGEST_NAME: usize = 256;
/// A byte-level token covers some hundred bytes at most, so a text with more bytes than
/// this for each token of the context is refused before it is tokenised.
const BYTES_PER_TOKEN: usize = 512;

/// A request with everything resolved.
pub(super) struct Plan {
    pub(super) tokens: Vec<u32>,
    pub(super) adapter: Option<Arc<Adapter>>,
    pub(super) max_tokens: usize,
    pub(super) min_tokens: usize,
    pub(super) sampling: Sampling,
    pub(super) seed: u64,
    pub(super) stop: Vec<String>,
    pub(super) stop_tokens: Vec<u32>,
    /// Tokens that may not come before `min_tokens`.
    pub(super) ends: Vec<u32>,
    pub(super) logprobs: Option<usize>,
    pub(super) ignore_eos: bool,
    pub(super) grammar: Option<Grammar>,
    /// Tokens that the answer likely repeats.
    pub(super) prediction: Vec<u32>,
    pub(super) queue_ms: u32,
    tenant: Arc<str>,
    priority: u32,
    pin_s: u32,
    root: BlockHash,
}

impl Plan {
    /// Takes a place in the engine and makes what the scheduler must know.
    pub(super) fn submission(&self, shared: &Shared) -> Result<Submission, EngineError> {
        let id = shared.enter(&self.tenant, self.tokens.len(), self.max_tokens)?;
        let arrived_us = shared.now_us();
        let wait_us = u64::from(self.queue_ms) * 1000;
        Ok(Submission {
            id,
            tenant: Arc::clone(&self.tenant),
            band: (self.priority as usize).min(BANDS - 1),
            tokens: self.tokens.clone(),
            root: Some(self.root),
            arrived_us,
            deadline_us: (wait_us > 0).then_some(arrived_us + wait_us),
            pin_us: u64::from(self.pin_s) * 1_000_000,
        })
    }
}

/// Begin of the hashes of a request's blocks: who may share them, and what decides them.
pub(super) fn root(
    shared: &Shared,
    adapter: Option<(&str, u64)>,
    salt: &str,
    tenant: &str,
) -> BlockHash {
    let salt = if salt.is_empty() {
        format!("tenant {tenant}")
    } else {
        format!("shared {salt}")
    };
    BlockHash::root(&CacheScope {
        model: &shared.fingerprint,
        salt: &salt,
        adapter,
    })
}

pub(super) fn check(shared: &Shared, request: GenerateRequest) -> Result<Plan, EngineError> {
    check_limits(&request)?;
    request.sampling.validate(shared.spec.vocab)?;
    let loaded = match &request.adapter {
        None => None,
        Some(name) => Some(
            lock(&shared.adapters)
                .by_name
                .get(name)
                .cloned()
                .ok_or_else(|| EngineError::AdapterUnknown { name: name.clone() })?,
        ),
    };
    let generation = loaded.as_ref().map(|loaded| loaded.generation);
    let scope = request.adapter.as_deref().zip(generation);
    let root = root(shared, scope, &request.cache_salt, &request.tenant);
    let tokens = prompt_tokens(shared, request.prompt)?;
    let grammar = match &request.constraint {
        None => None,
        Some(constraint) => Some(Grammar::new(&shared.grammars, constraint)?),
    };
    let prediction = prediction(shared, &request.prediction)?;
    let mut ends = shared.ends.clone();
    ends.extend(&request.stop_tokens);
    Ok(Plan {
        adapter: loaded.map(|loaded| loaded.adapter),
        // The context ends an answer that would outgrow it.
        max_tokens: request
            .max_tokens
            .min(shared.info.context_length - tokens.len()),
        tokens,
        min_tokens: request.min_tokens,
        seed: request
            .sampling
            .seed
            .unwrap_or_else(|| RandomState::new().hash_one("seed")),
        sampling: request.sampling,
        stop: request.stop,
        stop_tokens: request.stop_tokens,
        ends,
        logprobs: request.logprobs,
        ignore_eos: request.ignore_eos,
        grammar,
        prediction,
        queue_ms: request.queue_ms,
        tenant: request.tenant.into(),
        priority: request.priority,
        pin_s: request.pin_s,
        root,
    })
}

/// Fields whose bounds need nothing else.
fn check_limits(request: &GenerateRequest) -> Result<(), EngineError> {
    if request.max_tokens == 0 {
        return Err(EngineError::invalid("max_tokens", "值为 0，至少为 1"));
    }
    if request.min_tokens > request.max_tokens {
        let detail = format!(
            "值为 {}，应不大于 max_tokens（{}）",
            request.min_tokens, request.max_tokens
        );
        return Err(EngineError::invalid("min_tokens", detail));
    }
    for (field, count) in [
        ("stop", request.stop.len()),
        ("stop_tokens", request.stop_tokens.len()),
    ] {
        if count > MOST_STOPS {
            let detail = format!("共 {count} 个，最多 {MOST_STOPS} 个");
            return Err(EngineError::invalid(field, detail));
        }
    }
    let bad = |s: &&String| s.is_empty() || s.len() > LONGEST_STOP;
    if let Some(bad) = request.stop.iter().find(bad) {
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
    for (field, text) in [
        ("tenant", &request.tenant),
        ("cache_salt", &request.cache_salt),
    ] {
        if text.len() > LONGEST_NAME {
            let detail = format!("长 {} 字节，最多 {LONGEST_NAME} 字节", text.len());
            return Err(EngineError::invalid(field, detail));
        }
    }
    Ok(())
}

/// Tokens of the expected text. It is only a hint: what could never be written is cut off.
fn prediction(shared: &Shared, text: &str) -> Result<Vec<u32>, EngineError> {
    let most = shared.info.context_length;
    let mut end = text.len().min(most.saturating_mul(BYTES_PER_TOKEN));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut tokens = shared.tokenizer.encode_data(&text[..end])?;
    tokens.truncate(most);
    Ok(tokens)
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
    in_vocabulary(&tokens, shared.spec.vocab)?;
    Ok(tokens)
}

/// Refuses the first token that the vocabulary does not have, by its place.
pub(super) fn in_vocabulary(tokens: &[u32], vocab: usize) -> Result<(), EngineError> {
    match tokens.iter().position(|token| *token as usize >= vocab) {
        None => Ok(()),
        Some(at) => Err(EngineError::invalid(
            format!("tokens[{at}]"),
            format!("词元 {} 不在 0 到 {} 之间", tokens[at], vocab - 1),
        )),
    }
}
