//! Checks a request completely before anything is queued.

use super::begun::Begun;
use super::lock;
use super::request::{BANDS, GenerateRequest, Prompt, Resume};
use super::shared::Shared;
use crate::blocks::{BlockHash, CacheScope};
use crate::error::EngineError;
use crate::model::lora::Adapter;
use crate::output::grammar::Grammar;
use crate::output::sample::Sampling;
use crate::schedule::{Resumed, Submission};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

const MOST_STOPS: usize = 16;
const LONGEST_STOP: usize = 256;
const MOST_LOGPROBS: usize = 20;
/// Bytes of a tenant's or a cache's name.
const LONGEST_NAME: usize = 256;
/// Texts of one request to embed or to judge, lists of tokens included.
const MOST_TEXTS: usize = 4096;
/// A byte-level token covers some hundred bytes at most, so a text with more bytes than
/// this for each token of the context is refused before it is tokenised.
const BYTES_PER_TOKEN: usize = 512;

/// A request with everything resolved.
pub(super) struct Plan {
    /// The prompt, and what another engine has answered to it.
    pub(super) tokens: Vec<u32>,
    /// How many of them are the prompt.
    pub(super) prompt: usize,
    pub(super) adapter: Option<Arc<Adapter>>,
    pub(super) max_tokens: usize,
    pub(super) min_tokens: usize,
    pub(super) sampling: Sampling,
    pub(super) seed: u64,
    /// The answer's text until here.
    pub(super) begun: Begun,
    pub(super) stop_tokens: Vec<u32>,
    /// Tokens that may not come before `min_tokens`.
    pub(super) ends: Vec<u32>,
    pub(super) logprobs: Option<usize>,
    pub(super) ignore_eos: bool,
    /// Tokens that the answer likely repeats.
    pub(super) prediction: Vec<u32>,
    pub(super) queue_ms: u32,
    /// What another engine found in its cache.
    pub(super) cached_tokens: usize,
    resumed: bool,
    tenant: Arc<str>,
    priority: u32,
    pin_s: u32,
    root: BlockHash,
}

impl Plan {
    /// Takes a place in the engine and makes what the scheduler must know.
    pub(super) fn submission(&self, shared: &Shared) -> Result<Submission, EngineError> {
        let answered = self.tokens.len() - self.prompt;
        let id = shared.enter(&self.tenant, self.tokens.len(), self.max_tokens - answered)?;
        let arrived_us = shared.now_us();
        let wait_us = if answered == 0 {
            u64::from(self.queue_ms) * 1000
        } else {
            0
        };
        Ok(Submission {
            id,
            tenant: Arc::clone(&self.tenant),
            band: (self.priority as usize).min(BANDS - 1),
            tokens: self.tokens.clone(),
            root: Some(self.root),
            arrived_us,
            deadline_us: (wait_us > 0).then_some(arrived_us + wait_us),
            pin_us: u64::from(self.pin_s) * 1_000_000,
            resumed: self.resumed.then_some(Resumed {
                answered,
                cached: self.cached_tokens,
            }),
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
    let (prompt, resume) = match request.prompt {
        Prompt::Begun(mut resume) => {
            let prompt = std::mem::take(&mut resume.prompt);
            (Prompt::Tokens(prompt), Some(resume))
        }
        prompt => (prompt, None),
    };
    let mut tokens = prompt_tokens(shared, prompt)?;
    let prompt = tokens.len();
    // The context ends an answer that would outgrow it.
    let max_tokens = request.max_tokens.min(shared.info.context_length - prompt);
    let grammar = match &request.constraint {
        None => None,
        Some(constraint) => Some(Grammar::new(&shared.grammars, constraint)?),
    };
    let mut begun = Begun::new(&request.stop, grammar);
    if let Some(resume) = &resume {
        check_answer(shared, resume, max_tokens)?;
        begun.replay(&resume.answer, &shared.tokenizer)?;
        tokens.extend(&resume.answer);
    }
    let prediction = prediction(shared, &request.prediction)?;
    let mut ends = shared.ends.clone();
    ends.extend(&request.stop_tokens);
    Ok(Plan {
        adapter: loaded.map(|loaded| loaded.adapter),
        max_tokens,
        tokens,
        prompt,
        min_tokens: request.min_tokens,
        seed: resume
            .as_ref()
            .map(|resume| resume.seed)
            .or(request.sampling.seed)
            .unwrap_or_else(|| RandomState::new().hash_one("seed")),
        sampling: request.sampling,
        begun,
        stop_tokens: request.stop_tokens,
        ends,
        logprobs: request.logprobs,
        ignore_eos: request.ignore_eos,
        prediction,
        queue_ms: request.queue_ms,
        cached_tokens: resume
            .as_ref()
            .map_or(0, |resume| resume.cached_tokens.min(prompt)),
        resumed: resume.is_some(),
        tenant: request.tenant.into(),
        priority: request.priority,
        pin_s: request.pin_s,
        root,
    })
}

/// An answer that another engine began has tokens of this vocabulary, and more may come.
fn check_answer(shared: &Shared, resume: &Resume, max_tokens: usize) -> Result<(), EngineError> {
    let told = resume.answer.len();
    if told >= max_tokens {
        let detail = format!("已有 {told} 个词元，应少于本请求的上限 {max_tokens}");
        return Err(EngineError::invalid("resume", detail));
    }
    let vocab = shared.spec.vocab;
    if let Some(bad) = resume.answer.iter().find(|t| **t as usize >= vocab) {
        let detail = format!("词元 {bad} 不在 0 到 {} 之间", vocab - 1);
        return Err(EngineError::invalid("resume", detail));
    }
    Ok(())
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
    let tokens = match prompt {
        Prompt::Tokens(tokens) => tokens,
        // Its answer is the caller's concern.
        Prompt::Begun(resume) => resume.prompt,
        Prompt::Text(text) => {
            text_fits(shared, text.len())?;
            shared.tokenizer.encode(&text)?
        }
    };
    tokens_fit(shared, tokens)
}

/// Refuses a text of so many bytes that it cannot fit, before it is tokenised.
pub(super) fn text_fits(shared: &Shared, bytes: usize) -> Result<(), EngineError> {
    let limit = shared.info.context_length;
    if bytes > limit.saturating_mul(BYTES_PER_TOKEN) {
        return Err(EngineError::ContextExceeded {
            prompt_tokens: bytes / BYTES_PER_TOKEN,
            limit,
        });
    }
    Ok(())
}

/// Refuses tokens that leave no room for an answer or are none of the model's.
pub(super) fn tokens_fit(shared: &Shared, tokens: Vec<u32>) -> Result<Vec<u32>, EngineError> {
    let limit = shared.info.context_length;
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

/// Refuses more texts than one request may have, before anything is made of them.
pub(super) fn few_texts(count: usize) -> Result<(), EngineError> {
    if count > MOST_TEXTS {
        let detail = format!("共 {count} 段，最多 {MOST_TEXTS} 段");
        return Err(EngineError::invalid("input", detail));
    }
    Ok(())
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
