//! A fake model for tests of the loop: a deterministic token function over block contents,
//! a declared cost, a virtual clock. It computes nothing that a language model computes.

use crate::error::EngineError;
use crate::runner::{
    BLOCK_TOKENS, BlockId, FlatBatch, ModelRunner, RunnerShape, StepOutput, Wants,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const VOCAB: usize = 97;

/// Microseconds of virtual time: a step, each row, each key read.
#[derive(Debug, Clone, Copy)]
pub(super) struct DeclaredCost {
    pub(super) step: u64,
    pub(super) row: u64,
    pub(super) read: f64,
}

pub(super) const COST: DeclaredCost = DeclaredCost {
    step: 5_000,
    row: 900,
    read: 0.05,
};

/// Keeps one number for each position in its blocks. The next token depends on the numbers
/// of all positions, so a block that is shared, freed or overwritten wrongly changes tokens.
pub(super) struct FakeRunner {
    blocks: Vec<[u64; BLOCK_TOKENS]>,
    clock: Arc<AtomicU64>,
    cost: DeclaredCost,
}

fn mix(a: u64, b: u64) -> u64 {
    let mut z = (a ^ b.rotate_left(32)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What the fake model answers to a prompt, without any blocks.
pub(super) fn expected(prompt: &[u32], count: usize) -> Vec<u32> {
    let (mut state, mut all) = (0, 0u64);
    let mut feed = |token: u32| {
        state = mix(state, u64::from(token));
        all = all.wrapping_add(state);
        (mix(all, 7) % VOCAB as u64) as u32
    };
    let mut next = 0;
    for token in prompt {
        next = feed(*token);
    }
    let mut answer = vec![next];
    while answer.len() < count {
        next = feed(next);
        answer.push(next);
    }
    answer.truncate(count);
    answer
}

impl FakeRunner {
    pub(super) fn new(blocks: usize, clock: Arc<AtomicU64>) -> Self {
        Self {
            blocks: vec![[u64::MAX; BLOCK_TOKENS]; blocks],
            clock,
            cost: COST,
        }
    }

    fn at(&self, blocks: &[BlockId], position: usize) -> u64 {
        self.blocks[blocks[position / BLOCK_TOKENS] as usize][position % BLOCK_TOKENS]
    }

    /// Nobody else may have a block into which a span writes.
    fn check_writes(batch: &FlatBatch) {
        let mut holders: HashMap<BlockId, usize> = HashMap::new();
        for span in &batch.spans {
            for block in span.blocks.iter() {
                *holders.entry(*block).or_default() += 1;
            }
        }
        for span in &batch.spans {
            for block in &span.blocks[span.start / BLOCK_TOKENS..] {
                assert_eq!(holders[block], 1, "a written block is shared");
            }
        }
    }
}

impl ModelRunner for FakeRunner {
    fn shape(&self) -> RunnerShape {
        RunnerShape {
            vocab: VOCAB,
            hidden: 1,
            blocks: self.blocks.len(),
            block_bytes: 0,
        }
    }

    fn run(&mut self, batch: &FlatBatch) -> Result<StepOutput, EngineError> {
        Self::check_writes(batch);
        let mut output = StepOutput::default();
        let mut reads = 0;
        for span in &batch.spans {
            let wanted = match span.wants {
                Wants::Logits { rows, .. } => rows,
                Wants::Nothing | Wants::Hidden => 0,
            };
            let mut all =
                (0..span.start).fold(0u64, |sum, p| sum.wrapping_add(self.at(&span.blocks, p)));
            for (row, token) in batch.tokens[span.rows.clone()].iter().enumerate() {
                let position = span.start + row;
                let before = match position {
                    0 => 0,
                    p => self.at(&span.blocks, p - 1),
                };
                let state = mix(before, u64::from(*token));
                let block = span.blocks[position / BLOCK_TOKENS] as usize;
                self.blocks[block][position % BLOCK_TOKENS] = state;
                all = all.wrapping_add(state);
                reads += position + 1;
                if row + wanted >= span.rows.len() {
                    let from = output.logits.len();
                    output.logits.resize(from + VOCAB, 0.0);
                    output.logits[from + (mix(all, 7) % VOCAB as u64) as usize] = 1.0;
                }
            }
        }
        let cost = self.cost;
        let took =
            cost.step + cost.row * batch.tokens.len() as u64 + (reads as f64 * cost.read) as u64;
        self.clock.fetch_add(took, Ordering::Relaxed);
        Ok(output)
    }
}
