//! Rows of activations, rounded once to 8 bits in blocks of 32 for all products of one input.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::elementwise::{gelu_mul, rms_norm, silu_mul};
use super::layout::BLOCK;
#[cfg(target_arch = "x86_64")]
use super::rows_avx512;
use super::{Isa, dispatch, isa, madd, pool};

/// Below this length of all rows together a region of threads costs more than it saves.
const SERIAL: usize = 16 * 1024;
/// 1.5 * 2^23: adding it rounds a small number to an integer.
pub(super) const ROUND: f32 = 12_582_912.0;

/// 32 activations `scale * code`, with what the kernels need of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(16))]
pub(super) struct Block {
    pub(super) codes: [i8; BLOCK],
    pub(super) scale: f32,
    /// `-sum(codes)`, for the codes that mean zero.
    pub(super) minus: i32,
    /// `scale * sum(codes)`, for offsets.
    pub(super) sum: f32,
    /// `minus` of the first half.
    pub(super) minus_low: i32,
}

impl Block {
    /// The four codes of group `g` as one number, the first in its lowest byte.
    #[inline(always)]
    pub(super) fn four(&self, g: usize) -> i32 {
        i32::from_le_bytes(self.codes.as_chunks::<4>().0[g].map(|c| c as u8))
    }

    /// What numbers of at most this size are multiplied with before they are rounded, and the
    /// scale of their codes. NaN must reach the logits, so a block that holds one (or an
    /// infinity) is `broken` and gets a NaN scale.
    #[inline(always)]
    pub(super) fn scales(most: f32, broken: bool) -> (f32, f32) {
        if broken {
            return (0.0, f32::NAN);
        }
        // Blocks so small that the inverse of their scale overflows count as zero.
        if most > 1e-36 {
            (127.0 / most, most / 127.0)
        } else {
            (0.0, 0.0)
        }
    }

    /// Sets everything but the codes, of which these are the sums of both halves.
    #[inline(always)]
    pub(super) fn finish(&mut self, scale: f32, low: i32, high: i32) {
        let sum = low.wrapping_add(high);
        self.scale = scale;
        self.sum = scale * sum as f32;
        self.minus = sum.wrapping_neg();
        self.minus_low = low.wrapping_neg();
    }
}

/// Rows of `k` activations.
#[derive(Debug, Clone, Default)]
pub(crate) struct QuantRows {
    pub(super) k: usize,
    pub(super) blocks: Vec<Block>,
}

/// The function in front of the second half of a gated feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// `x sigmoid(x)`.
    Silu,
    /// The tanh form of the Gaussian error linear unit (Gemma).
    Gelu,
}

impl Gate {
    /// `out = gate(first) * second`.
    pub(crate) fn apply(self, first: &[f32], second: &[f32], out: &mut [f32]) {
        match self {
            Self::Silu => silu_mul(first, second, out),
            Self::Gelu => gelu_mul(first, second, out),
        }
    }
}

impl QuantRows {
    /// How many rows there are.
    pub(crate) fn count(&self) -> usize {
        self.blocks.len() * BLOCK / self.k.max(1)
    }

    /// Rounds rows of `k` numbers.
    pub(crate) fn set(&mut self, x: &[f32], k: usize) {
        self.fill(x.len() / k, k, |row, blocks| {
            quantise(&x[row * k..(row + 1) * k], blocks);
        });
    }

    /// `x / rms(x) * weight` for each row, rounded.
    pub(crate) fn set_normed(&mut self, x: &[f32], weight: &[f32], eps: f32) {
        let k = weight.len();
        self.fill(x.len() / k, k, |row, blocks| {
            pool::with_scratch(k, |out| {
                rms_norm(&x[row * k..(row + 1) * k], weight, eps, out);
                quantise(out, blocks);
            });
        });
    }

    /// `gate(first half) * second half` of rows of `2 k` numbers, rounded.
    pub(crate) fn set_gated(&mut self, both: &[f32], k: usize, gate: Gate) {
        self.fill(both.len() / (2 * k), k, |row, blocks| {
            let (first, second) = both[row * 2 * k..(row + 1) * 2 * k].split_at(k);
            pool::with_scratch(k, |out| {
                gate.apply(first, second, out);
                quantise(out, blocks);
            });
        });
    }

    fn fill(&mut self, count: usize, k: usize, row: impl Fn(usize, &mut [Block]) + Sync) {
        assert!(k.is_multiple_of(BLOCK), "rows of {k} have no blocks of 32");
        self.k = k;
        self.blocks.resize(count * k / BLOCK, Block::default());
        let blocks = &mut self.blocks[..];
        let per_row = (k / BLOCK).max(1);
        if count * k < SERIAL {
            for (i, blocks) in blocks.chunks_exact_mut(per_row).enumerate() {
                row(i, blocks);
            }
        } else {
            pool::chunks(blocks, per_row, row);
        }
    }
}

#[inline(always)]
fn quantise_body<const FMA: bool>(x: &[f32], out: &mut [Block]) {
    for (block, out) in x.as_chunks::<BLOCK>().0.iter().zip(out) {
        // Zero times a number is zero, times NaN or infinity it is not.
        let (mut lanes, mut trace) = ([0f32; 16], [0f32; 16]);
        for part in block.as_chunks::<16>().0 {
            for i in 0..16 {
                let size = part[i].abs();
                lanes[i] = if size > lanes[i] { size } else { lanes[i] };
                trace[i] += part[i] * 0.0;
            }
        }
        let most = lanes.iter().copied().fold(0f32, f32::max);
        let (inverse, scale) = Block::scales(most, trace.iter().sum::<f32>() != 0.0);
        let mut sums = [0i32; 2];
        let halves = block.as_chunks::<16>().0.iter();
        let codes = out.codes.as_chunks_mut::<16>().0.iter_mut();
        for ((part, codes), sum) in halves.zip(codes).zip(&mut sums) {
            for i in 0..16 {
                let rounded = madd::<FMA>(part[i], inverse, ROUND).to_bits() as i32;
                let value = rounded
                    .wrapping_sub(ROUND.to_bits() as i32)
                    .clamp(-127, 127);
                codes[i] = value as i8;
                *sum += value;
            }
        }
        out.finish(scale, sums[0], sums[1]);
    }
}

dispatch! {
    fn quantise_plain(x: &[f32], out: &mut [Block]) => quantise_body
}

/// Rounds a row to 8-bit codes with one scale for each block (`x ~ scale * code`).
pub(super) fn quantise(x: &[f32], out: &mut [Block]) {
    #[cfg(target_arch = "x86_64")]
    if isa() == Isa::Avx512 {
        // SAFETY: `isa` is never more than what the machine was found to have.
        #[expect(unsafe_code, reason = "calls code compiled for detected features")]
        return unsafe { rows_avx512::quantise(x, out) };
    }
    quantise_plain(x, out);
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, Block, quantise, quantise_plain};
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = f32> {
        prop_oneof![
            8 => -4.0f32..4.0,
            1 => any::<f32>().prop_filter("finite", |v| v.is_finite()),
            1 => Just(0.0),
        ]
    }

    proptest! {
        #[test]
        fn every_path_rounds_alike(x in proptest::collection::vec(number(), 3 * BLOCK)) {
            let mut here = vec![Block::default(); 3];
            let mut plain = here.clone();
            quantise(&x, &mut here);
            quantise_plain(&x, &mut plain);
            prop_assert_eq!(here, plain);
        }
    }

    #[test]
    fn what_is_not_a_number_breaks_its_block_only() {
        for broken in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut x = vec![1.0; 2 * BLOCK];
            x[BLOCK + 17] = broken;
            let mut out = vec![Block::default(); 2];
            quantise(&x, &mut out);
            assert!(out[0].scale.is_finite() && out[1].scale.is_nan(), "{out:?}");
        }
    }
}
