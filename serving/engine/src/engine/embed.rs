//! Embeddings through the same batch as answers.

use super::decoder::DecoderEngine;
use super::request::{BANDS, EmbedRequest, Embeddings, Prompt, RequestId};
use super::sequence::{Arrival, Embed, Sequence, Task};
use super::validate;
use crate::error::EngineError;
use crate::load::spec::Pooling;
use crate::schedule::Submission;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

type Reply = (usize, Result<Vec<f64>, EngineError>);

/// How often a caller is asked whether it still waits.
const ASK: Duration = Duration::from_millis(20);

/// Who asks for states, and of which tokens.
pub(super) struct Wish<'a> {
    pub(super) tenant: &'a str,
    pub(super) priority: u32,
    pub(super) pooling: Pooling,
}

/// Embeds all texts.
pub(super) fn embed(
    engine: &DecoderEngine,
    request: &EmbedRequest,
    wanted: &dyn Fn() -> bool,
) -> Result<Embeddings, EngineError> {
    let shared = &engine.shared;
    let mut prompts = Vec::with_capacity(request.texts.len());
    for text in &request.texts {
        let text = Prompt::Text(format!("{}{text}", request.instruction));
        prompts.push(validate::prompt_tokens(shared, text)?);
    }
    for tokens in &request.tokens {
        let tokens = Prompt::Tokens(tokens.clone());
        prompts.push(validate::prompt_tokens(shared, tokens)?);
    }
    let tokens = prompts.iter().map(Vec::len).sum();
    let wish = Wish {
        tenant: &request.tenant,
        priority: request.priority,
        pooling: shared.spec.pooling.unwrap_or(Pooling::Mean),
    };
    let states = states(engine, &wish, prompts, wanted)?;
    let vectors = states.iter().map(|state| to_length_one(state));
    Ok(Embeddings {
        vectors: vectors.collect::<Result<_, _>>()?,
        tokens,
    })
}

/// The pooled hidden states of all prompts (of a mean, their sum). Takes as many places of the
/// batch as are free and refills them as its own texts end; when not even one place is free,
/// the engine is overloaded.
pub(super) fn states(
    engine: &DecoderEngine,
    wish: &Wish<'_>,
    prompts: Vec<Vec<u32>>,
    wanted: &dyn Fn() -> bool,
) -> Result<Vec<Vec<f64>>, EngineError> {
    let (reply, replies) = channel();
    let mut texts = Texts {
        engine,
        wish,
        tenant: wish.tenant.into(),
        reply,
        open: BTreeMap::new(),
    };
    let mut states = vec![Vec::new(); prompts.len()];
    let mut next = prompts.into_iter().enumerate().peekable();
    while !texts.open.is_empty() || next.peek().is_some() {
        if let Some((index, tokens)) = next.peek() {
            match texts.submit(*index, tokens) {
                Ok(()) => {
                    next.next();
                    continue;
                }
                Err(error) if texts.open.is_empty() || error == EngineError::Stopped => {
                    return Err(error);
                }
                Err(_) => {}
            }
        }
        match replies.recv_timeout(ASK) {
            Ok((index, state)) => {
                texts.open.remove(&index);
                states[index] = state?;
            }
            // `texts` holds a sender, so the other case is only that of time.
            Err(_) if !wanted() => return Err(EngineError::Cancelled),
            Err(_) => {}
        }
    }
    Ok(states)
}

/// A state as a vector of length 1 (for a mean the count of tokens cancels out).
fn to_length_one(state: &[f64]) -> Result<Vec<f32>, EngineError> {
    let length = state.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length.is_finite() && length > 0.0 {
        Ok(state.iter().map(|v| (v / length) as f32).collect())
    } else {
        Err(EngineError::NumericFault)
    }
}

/// Texts of one request on their way through the batch; those that are open when it is
/// dropped are cancelled.
struct Texts<'a> {
    engine: &'a DecoderEngine,
    wish: &'a Wish<'a>,
    tenant: Arc<str>,
    reply: Sender<Reply>,
    /// Requests by text.
    open: BTreeMap<usize, RequestId>,
}

impl Texts<'_> {
    fn submit(&mut self, index: usize, tokens: &[u32]) -> Result<(), EngineError> {
        let shared = &self.engine.shared;
        let id = shared.enter(&self.tenant, tokens.len(), 0)?;
        let pooling = self.wish.pooling;
        let scope = validate::root(shared, None, "", &self.tenant);
        let submission = Submission {
            id,
            tenant: Arc::clone(&self.tenant),
            band: (self.wish.priority as usize).min(BANDS - 1),
            tokens: tokens.to_vec(),
            // A mean needs the states of all tokens, so nothing can be reused.
            root: (pooling == Pooling::LastToken).then_some(scope),
            arrived_us: shared.now_us(),
            deadline_us: None,
            pin_us: 0,
            resumed: None,
        };
        let task = Task::Embed(Embed {
            pooling,
            sum: vec![0.0; shared.spec.hidden],
            index,
            reply: self.reply.clone(),
        });
        let adapter = None;
        let sequence = Sequence { adapter, task };
        self.open.insert(index, RequestId(id));
        self.engine.submit(Arrival {
            submission,
            sequence,
        })
    }
}

impl Drop for Texts<'_> {
    fn drop(&mut self) {
        for id in self.open.values() {
            self.engine.cancel(*id);
        }
    }
}
