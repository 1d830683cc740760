//! Embeddings through the same batch as answers.

use super::DecoderEngine;
use super::request::{EmbedRequest, Embeddings, Prompt};
use super::sequence::{Embed, Sequence, Task};
use super::validate;
use crate::error::EngineError;
use crate::model::cache::KvCache;
use std::sync::mpsc::{Receiver, channel};

type Reply = (usize, Result<Vec<f32>, EngineError>);

/// Embeds all texts. Takes as many places of the batch as are free and refills them as its
/// own texts end; when not even one place is free, the engine is overloaded.
pub(super) fn embed(
    engine: &DecoderEngine,
    request: &EmbedRequest,
) -> Result<Embeddings, EngineError> {
    let shared = &engine.shared;
    let texts = &request.texts;
    let mut prompts = Vec::with_capacity(texts.len());
    for text in texts {
        prompts.push(validate::prompt_tokens(
            shared,
            Prompt::Text(format!("{}{text}", request.instruction)),
        )?);
    }
    let tokens = prompts.iter().map(Vec::len).sum();
    let (reply, replies) = channel();
    let mut vectors = vec![Vec::new(); texts.len()];
    let mut open = 0;
    for (index, tokens) in prompts.into_iter().enumerate() {
        while let Err(error) = shared.enter() {
            if open == 0 || error == EngineError::Stopped {
                return Err(error);
            }
            open -= 1;
            take(&replies, &mut vectors)?;
        }
        engine.submit(Sequence {
            id: engine.next_id().0,
            tokens,
            cache: KvCache::new(shared.decoder.spec.layers),
            adapter: None,
            task: Task::Embed(Embed {
                sum: vec![0.0; shared.decoder.spec.hidden],
                index,
                reply: reply.clone(),
            }),
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
