//! Weights as 8-bit codes in blocks of 32, whatever block format the file used.
//!
//! `w = scale * code + offset`, exactly the value that the file's format defines: Q4_0,
//! Q5_0, Q8_0 have no offset; Q4_1, Q5_1, Q4_K, Q5_K have one for each block; Q6_K has two
//! scales for each block. One layout means one kernel for all formats, and projections
//! of different formats can be fused. Cost: 9 to 10 bits a weight in memory against 4.5 to
//! 8.5 in the file. Measured on two cores with Qwen2.5-0.5B Q4_K_M (mostly Q5_0, for which
//! Candle has only a scalar loop): decode 42 tok/s and prefill 138 tok/s, against 20 and 24
//! with Candle's own quantised matmul.

use super::blocks;
use super::elementwise::quantise;
use crate::error::EngineError;
use candle_core::quantized::QTensor;
use rayon::prelude::*;

pub(crate) const BLOCK: usize = 32;

/// A matrix of `n` rows and `k` columns, `k` a multiple of 32.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuantMatrix {
    pub(crate) n: usize,
    pub(crate) k: usize,
    /// `n * k`, row-major.
    pub(crate) codes: Vec<i8>,
    /// `per_block` scales for each block.
    pub(crate) scales: Vec<f32>,
    /// One offset for each block, where the format has offsets.
    pub(crate) offsets: Option<Vec<f32>>,
    /// 1, or 2 where each half of a block has its own scale.
    pub(crate) per_block: usize,
}

/// Rows of activations in the same form.
pub(crate) struct QuantRows {
    pub(crate) k: usize,
    pub(crate) codes: Vec<i8>,
    pub(crate) scales: Vec<f32>,
    /// `scale * sum(codes)` of each block, for the offsets.
    pub(crate) sums: Vec<f32>,
}

impl QuantRows {
    /// Rounds `m` rows of `k` numbers.
    pub(crate) fn new(x: &[f32], k: usize) -> Self {
        let blocks = x.len() / BLOCK;
        let mut rows = Self {
            k,
            codes: vec![0; x.len()],
            scales: vec![0.0; blocks],
            sums: vec![0.0; blocks],
        };
        let per_row = k / BLOCK;
        rows.codes
            .par_chunks_mut(k)
            .zip(rows.scales.par_chunks_mut(per_row))
            .zip(rows.sums.par_chunks_mut(per_row))
            .zip(x.par_chunks(k))
            .with_min_len(4)
            .for_each(|(((codes, scales), sums), x)| quantise(x, codes, scales, sums));
        rows
    }
}

impl QuantMatrix {
    /// Unpacks a tensor; `None` when its format or width has no 32-block form.
    pub(crate) fn from_tensor(tensor: &QTensor) -> Result<Option<Self>, EngineError> {
        let (n, k) = tensor.shape().dims2()?;
        if !k.is_multiple_of(BLOCK) {
            return Ok(None);
        }
        let data = tensor.data()?;
        Ok(blocks::unpack(tensor.dtype(), &data, n, k))
    }

    /// Stacks matrices of one width, so that one pass serves projections of one input.
    pub(crate) fn stack(parts: Vec<Self>) -> Self {
        let per_block = parts.iter().map(|p| p.per_block).max().unwrap_or(1);
        let with_offsets = parts.iter().any(|p| p.offsets.is_some());
        let mut all = Self {
            per_block,
            ..Self::default()
        };
        let mut offsets = Vec::new();
        for part in parts {
            all.n += part.n;
            all.k = part.k;
            all.codes.extend_from_slice(&part.codes);
            if part.per_block == per_block {
                all.scales.extend_from_slice(&part.scales);
            } else {
                all.scales.extend(part.scales.iter().flat_map(|s| [*s, *s]));
            }
            if with_offsets {
                let blocks = part.n * part.k / BLOCK;
                offsets.extend(part.offsets.unwrap_or_else(|| vec![0.0; blocks]));
            }
        }
        all.offsets = with_offsets.then_some(offsets);
        all
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.codes.len() + 4 * (self.scales.len() + self.offsets.as_ref().map_or(0, Vec::len))
    }

    /// The exact values of one row from block `first` on, as many as `out` holds.
    pub(crate) fn row(&self, row: usize, first: usize, out: &mut [f32]) {
        let start = row * (self.k / BLOCK) + first;
        let width = BLOCK / self.per_block;
        for (b, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let at = start + b;
            let offset = self.offsets.as_ref().map_or(0.0, |o| o[at]);
            let codes = &self.codes[at * BLOCK..(at + 1) * BLOCK];
            let halves = codes.chunks_exact(width).zip(out.chunks_exact_mut(width));
            for (half, (codes, out)) in halves.enumerate() {
                let scale = self.scales[at * self.per_block + half];
                for (o, c) in out.iter_mut().zip(codes) {
                    *o = scale * f32::from(*c) + offset;
                }
            }
        }
    }

    /// Contribution of the offsets to one dot product, in block order.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "must be compiled inside the caller's target features"
    )]
    pub(super) fn offset_part(&self, row: usize, sums: &[f32]) -> f32 {
        let Some(offsets) = &self.offsets else {
            return 0.0;
        };
        let blocks = self.k / BLOCK;
        let offsets = &offsets[row * blocks..(row + 1) * blocks];
        let mut lanes = [0f32; 8];
        let (wide, rest) = offsets.as_chunks::<8>();
        let (sums_wide, sums_rest) = sums.as_chunks::<8>();
        for (o, s) in wide.iter().zip(sums_wide) {
            for i in 0..8 {
                lanes[i] += o[i] * s[i];
            }
        }
        let tail: f32 = rest.iter().zip(sums_rest).map(|(o, s)| o * s).sum();
        lanes.iter().sum::<f32>() + tail
    }
}
