//! How keys and values of one layer lie in its blocks: half precision, 32 positions.
//!
//! A block holds one tile for each key/value head: keys turned (`[head_dim][32]`), so that 32
//! scores are made side by side without a sum across lanes, then values in rows
//! (`[32][width]`, `width` being `head_dim` rounded up to whole lanes; the rest stays zero).

use half::f16;
use half::slice::HalfBitsSliceExt;
use half::slice::HalfFloatSliceExt;
use std::ops::Range;

/// Positions of one block.
pub(crate) const TILE: usize = 32;

/// Numbers that go through a register together.
pub(super) const LANES: usize = 16;

/// Heads of one layer's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KvLayout {
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

impl KvLayout {
    /// Numbers from one position's values to the next position's.
    pub(super) fn width(self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    fn tile(self) -> usize {
        TILE * (self.head_dim + self.width())
    }

    /// Half-precision numbers of one block of one layer.
    pub(crate) fn block(self) -> usize {
        self.kv_heads * self.tile()
    }

    fn place(self, block: u32, head: usize) -> Range<usize> {
        let from = block as usize * self.block() + head * self.tile();
        from..from + self.tile()
    }

    /// Keys and values of one head in one block.
    pub(super) fn read(self, layer: &[u16], block: u32, head: usize) -> (&[u16], &[u16]) {
        layer[self.place(block, head)].split_at(TILE * self.head_dim)
    }

    /// Writes one position of every head; numbers beyond half precision become its largest.
    pub(crate) fn write(
        self,
        layer: &mut [u16],
        block: u32,
        slot: usize,
        keys: &[f32],
        values: &[f32],
        scratch: &mut KvScratch,
    ) {
        let (head_dim, width) = (self.head_dim, self.width());
        let keys = scratch.keys.narrow(keys);
        let values = scratch.values.narrow(values);
        let heads = keys
            .chunks_exact(head_dim)
            .zip(values.chunks_exact(head_dim));
        for (head, (key, value)) in heads.enumerate() {
            let tile = &mut layer[self.place(block, head)];
            let (columns, rows) = tile.split_at_mut(TILE * head_dim);
            for (column, key) in columns.chunks_exact_mut(TILE).zip(key) {
                column[slot] = *key;
            }
            rows[slot * width..slot * width + head_dim].copy_from_slice(value);
        }
    }
}

/// Buffers of [`KvLayout::write`].
#[derive(Debug, Default)]
pub(crate) struct KvScratch {
    keys: Narrowed,
    values: Narrowed,
}

#[derive(Debug, Default)]
struct Narrowed {
    clamped: Vec<f32>,
    bits: Vec<u16>,
}

impl Narrowed {
    fn narrow(&mut self, numbers: &[f32]) -> &[u16] {
        let most = f16::MAX.to_f32();
        self.clamped.clear();
        self.clamped
            .extend(numbers.iter().map(|v| v.clamp(-most, most)));
        self.bits.resize(numbers.len(), 0);
        self.bits
            .reinterpret_cast_mut::<f16>()
            .convert_from_f32_slice(&self.clamped);
        &self.bits
    }
}
