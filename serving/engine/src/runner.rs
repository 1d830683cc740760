//! The seam between the loop and a model: one flat batch in, the asked-for rows out.
//!
//! The loop decides who runs, which blocks hold whose keys and values, and what is sampled;
//! a runner only computes. Decode, prefill chunk, verification of drafted tokens and
//! embedding have one shape, so a runner knows no phases. Nothing here assumes a CPU: blocks
//! are numbers, and memory behind them belongs to the runner.

use crate::error::EngineError;
use crate::model::lora::Adapter;
use std::ops::Range;
use std::sync::Arc;

/// Tokens whose keys and values one block holds.
pub(crate) const BLOCK_TOKENS: usize = 32;

/// Number of a block in the runner's pool.
pub(crate) type BlockId = u32;

/// Tokens of the vocabulary that a grammar allows: bit `t % 64` of word `t / 64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenMask {
    /// One bit for each token of the vocabulary.
    pub(crate) words: Vec<u64>,
    /// How many bits are set.
    pub(crate) allowed: usize,
}

/// What the loop needs back of a span's rows.
#[derive(Debug, Clone)]
pub(crate) enum Wants {
    /// Nothing: a prompt chunk that is not the last.
    Nothing,
    /// Logits of the last `rows` rows (more than one to verify drafted tokens). With masks,
    /// one for each of these rows, only allowed entries need to be computed; the others are
    /// `-inf`.
    Logits {
        rows: usize,
        masks: Vec<Option<Arc<TokenMask>>>,
    },
    /// Final hidden states of every row of the span.
    Hidden,
}

/// One sequence's part of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    /// Its rows in [`FlatBatch::tokens`].
    pub(crate) rows: Range<usize>,
    /// Position of its first row; what came before is in its blocks.
    pub(crate) start: usize,
    /// Blocks of positions `0..start + rows.len()`, 32 positions each, in order.
    pub(crate) blocks: Arc<[BlockId]>,
    pub(crate) adapter: Option<Arc<Adapter>>,
    pub(crate) wants: Wants,
}

/// The rows of one step: every span's new tokens, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct FlatBatch {
    pub(crate) tokens: Vec<u32>,
    pub(crate) spans: Vec<Span>,
}

/// What a step computed, in the order of the spans.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepOutput {
    /// `vocab` numbers for each row of logits that was asked for.
    pub(crate) logits: Vec<f32>,
    /// `hidden` numbers for each row of the spans that want hidden states.
    pub(crate) hidden: Vec<f32>,
}

/// Sizes that the loop must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunnerShape {
    pub(crate) vocab: usize,
    pub(crate) hidden: usize,
    /// Blocks in the pool.
    pub(crate) blocks: usize,
    /// Bytes of one block over all layers.
    pub(crate) block_bytes: usize,
}

/// A model with a pool of KV blocks.
pub(crate) trait ModelRunner: Send {
    fn shape(&self) -> RunnerShape;

    /// Computes one step: writes keys and values of all rows into their blocks and returns
    /// what the spans want. After an error the content of the batch's own positions is
    /// undefined; other blocks are as before. Tokens are below the vocabulary's size.
    fn run(&mut self, batch: &FlatBatch) -> Result<StepOutput, EngineError>;
}
