//! The decoder behind the seam of [`crate::runner`].

use super::decoder::Decoder;
use super::pool::{KvPool, layout};
use super::step::Step;
use super::workspace::Workspace;
use crate::error::EngineError;
use crate::load::spec::DecoderSpec;
use crate::runner::{BLOCK_TOKENS, FlatBatch, ModelRunner, RunnerShape, Span, StepOutput, Wants};
use std::sync::Arc;

/// A decoder with its pool of KV blocks.
pub(crate) struct DecoderRunner {
    decoder: Arc<Decoder>,
    pool: KvPool,
    work: Workspace,
}

/// Bytes of one block over all layers.
pub(crate) fn block_bytes(spec: &DecoderSpec) -> usize {
    size_of::<u16>() * layout(spec).block() * spec.layers
}

impl DecoderRunner {
    /// Reserves a pool of `blocks` blocks; memory is taken as blocks are first written.
    pub(crate) fn new(decoder: Arc<Decoder>, blocks: usize) -> Result<Self, EngineError> {
        let pool = KvPool::new(&decoder.spec, blocks)?;
        Ok(Self {
            decoder,
            pool,
            work: Workspace::default(),
        })
    }

    /// Refuses a batch that would read or write outside its own rows and blocks.
    fn check(&self, batch: &FlatBatch) -> Result<(), EngineError> {
        let mut next = 0;
        for (index, span) in batch.spans.iter().enumerate() {
            let wrong = |what: &str| {
                let detail = format!("span {index} of a batch: {what}");
                Err(EngineError::Internal { detail })
            };
            if span.rows.start != next || span.rows.is_empty() {
                return wrong("rows do not follow the span before");
            }
            next = span.rows.end;
            let Some(positions) = span.start.checked_add(span.rows.len()) else {
                return wrong("position overflows");
            };
            if span.blocks.len() < positions.div_ceil(BLOCK_TOKENS) {
                return wrong("fewer blocks than positions");
            }
            let outside = |b: &u32| *b as usize >= self.pool.blocks();
            if span.blocks.iter().any(outside) {
                return wrong("a block outside the pool");
            }
            if let Wants::Logits { rows, masks } = &span.wants
                && (*rows > span.rows.len() || !(masks.is_empty() || masks.len() == *rows))
            {
                return wrong("more logits than rows, or masks that do not match them");
            }
        }
        let vocab = self.decoder.spec.vocab;
        if next != batch.tokens.len() || batch.tokens.iter().any(|t| *t as usize >= vocab) {
            let detail = "rows without a span, or a token outside the vocabulary".to_owned();
            return Err(EngineError::Internal { detail });
        }
        Ok(())
    }
}

/// Rows at the end of a span whose final hidden states are needed.
fn kept(span: &Span) -> usize {
    match &span.wants {
        Wants::Nothing => 0,
        Wants::Logits { rows, .. } => *rows,
        Wants::Hidden => span.rows.len(),
    }
}

impl ModelRunner for DecoderRunner {
    fn shape(&self) -> RunnerShape {
        let spec = &self.decoder.spec;
        RunnerShape {
            vocab: spec.vocab,
            hidden: spec.hidden,
            blocks: self.pool.blocks(),
            block_bytes: block_bytes(spec),
        }
    }

    fn run(&mut self, batch: &FlatBatch) -> Result<StepOutput, EngineError> {
        self.check(batch)?;
        let hidden = self.decoder.spec.hidden;
        let states = Step::new(&self.decoder, batch).run(&mut self.pool, &mut self.work, kept)?;
        let mut output = StepOutput::default();
        let mut scored = Vec::new();
        let mut rest = states.as_slice();
        for span in &batch.spans {
            let (own, after) = rest.split_at(kept(span) * hidden);
            rest = after;
            match span.wants {
                Wants::Nothing => {}
                Wants::Logits { .. } => scored.extend_from_slice(own),
                Wants::Hidden => output.hidden.extend_from_slice(own),
            }
        }
        if scored.is_empty() {
            return Ok(output);
        }
        let masks = batch.spans.iter().flat_map(|span| match &span.wants {
            Wants::Logits { rows, masks } => (0..*rows)
                .map(|at| Some(masks.get(at)?.as_deref()?.words.as_slice()))
                .collect(),
            _ => Vec::new(),
        });
        let masks: Vec<Option<&[u64]>> = masks.collect();
        output.logits = self.decoder.logits(&scored, &masks);
        Ok(output)
    }
}
