//! Embeddings through the same batch as answers.

use super::decoder::DecoderEngine;
use super::request::{BANDS, EmbedRequest, Embeddings, Prompt};
use super::sequence::{Arrival, Embed, Sequence, Task};
use super::validate;
use crate::error::EngineError;
use crate::load::spec::Pooling;
use crate::schedule::Submission;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

type Reply = (usize, Result<Vec<f32>, EngineError>);

/// Embeds all texts. Takes as many places of the batch as are free and refills them as its
/// own texts end; when not even one place is free, the engine is overloaded.
pub(super) fn embed(
    engine: &DecoderEngine,
    request: &EmbedRequest,
) -> Result<Embeddings, EngineError> {
    let shared = &engine.shared;
    let tenant: Arc<str> = request.tenant.as_str().into();
    let mut prompts = Vec::with_capacity(request.texts.len());
    for text in &request.texts {
        let text = Prompt::Text(format!("{}{text}", request.instruction));
        prompts.push(validate::prompt_tokens(shared, text)?);
    }
    let pooling = shared.decoder.spec.pooling.unwrap_or(Pooling::Mean);
    let tokens = prompts.iter().map(Vec::len).sum();
    let (reply, replies) = channel();
    let mut vectors = vec![Vec::new(); prompts.len()];
    let mut open = 0;
    for (index, tokens) in prompts.into_iter().enumerate() {
        let id = loop {
            match shared.enter(&tenant, tokens.len(), 0) {
                Ok(id) => break id,
                Err(error) if open == 0 || error == EngineError::Stopped => return Err(error),
                Err(_) => {}
            }
            open -= 1;
            take(&replies, &mut vectors)?;
        };
        let scope = validate::root(shared, None, "", &request.tenant);
        let submission = Submission {
            id,
            tenant: Arc::clone(&tenant),
            band: (request.priority as usize).min(BANDS - 1),
            tokens,
            // A mean needs the states of all tokens, so nothing can be reused.
            root: (pooling == Pooling::LastToken).then_some(scope),
            deadline_us: None,
            pin_us: 0,
        };
        let task = Task::Embed(Embed {
            pooling,
            sum: vec![0.0; shared.decoder.spec.hidden],
            index,
            reply: reply.clone(),
        });
        let adapter = None;
        let sequence = Sequence { adapter, task };
        engine.submit(Arrival {
            submission,
            sequence,
        })?;
        open += 1;
    }
    for _ in 0..open {
        take(&replies, &mut vectors)?;
    }
    Ok(Embeddings { vectors, tokens })
}

fn take(replies: &Receiver<Reply>, vectors: &mut [Vec<f32>]) -> Result<(), EngineError> {
    // This thread holds a sender too, so a lost sequence must always answer: the worker
    // ends every sequence by `fail`, `cancel` or its vector.
    let (index, vector) = replies.recv().map_err(|_| EngineError::Stopped)?;
    if let Some(slot) = vectors.get_mut(index) {
        *slot = vector?;
    }
    Ok(())
}
