//! The pool of KV blocks: all layers in one reserved piece of memory.

use crate::error::EngineError;
use crate::kernel::kv::{KvLayout, KvScratch, TILE};
use crate::kernel::mapped::Halves;
use crate::load::spec::DecoderSpec;
use crate::runner::{BLOCK_TOKENS, BlockId};

const _: () = assert!(
    TILE == BLOCK_TOKENS,
    "a block is one tile of the attention kernel"
);

/// Keys and values of all layers.
#[derive(Debug)]
pub(super) struct KvPool {
    memory: Halves,
    layout: KvLayout,
    blocks: usize,
    scratch: KvScratch,
}

/// Heads of one layer's cache.
pub(super) fn layout(spec: &DecoderSpec) -> KvLayout {
    KvLayout {
        kv_heads: spec.kv_heads,
        head_dim: spec.head_dim,
    }
}

impl KvPool {
    /// Reserves `blocks` blocks; memory is taken as they are written.
    pub(super) fn new(spec: &DecoderSpec, blocks: usize) -> Result<Self, EngineError> {
        let layout = layout(spec);
        let numbers = layout
            .block()
            .checked_mul(spec.layers)
            .and_then(|n| n.checked_mul(blocks))
            .filter(|n| *n > 0 && u32::try_from(blocks).is_ok());
        let refused = |why: String| {
            let detail = format!("无法为 {blocks} 个 KV 块（每块 {TILE} 个词元）保留内存：{why}");
            EngineError::invalid("kv_blocks", detail)
        };
        let numbers = numbers.ok_or_else(|| refused("数量不合法".to_owned()))?;
        let memory = Halves::zeroed(numbers).map_err(|e| refused(e.to_string()))?;
        Ok(Self {
            memory,
            layout,
            blocks,
            scratch: KvScratch::default(),
        })
    }

    /// Blocks in the pool.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// All blocks of one layer.
    pub(super) fn layer(&self, layer: usize) -> &[u16] {
        let size = self.blocks * self.layout.block();
        &self.memory.as_slice()[layer * size..(layer + 1) * size]
    }

    /// Writes consecutive positions from `start` on; each row is a key row and its value row.
    pub(super) fn write<'a>(
        &mut self,
        layer: usize,
        blocks: &[BlockId],
        start: usize,
        rows: impl Iterator<Item = (&'a [f32], &'a [f32])>,
    ) {
        let size = self.blocks * self.layout.block();
        let layer = &mut self.memory.as_mut_slice()[layer * size..(layer + 1) * size];
        for (position, (key, value)) in (start..).zip(rows) {
            let (block, slot) = (blocks[position / TILE], position % TILE);
            self.layout
                .write(layer, block, slot, key, value, &mut self.scratch);
        }
    }
}
