//! Rows of activations, rounded once to 8 bits in blocks of 32 for all products of one input.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::elementwise::{gelu_mul, rms_norm, silu_mul};
use super::layout::BLOCK;
use super::{dispatch, madd, pool};

/// Below this length of all rows together a region of threads costs more than it saves.
const SERIAL: usize = 16 * 1024;

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
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer.
    for (block, out) in x.as_chunks::<BLOCK>().0.iter().zip(out) {
        // NaN must reach the logits, so a block that holds one gets a NaN scale: zero times
        // a number is zero, times NaN or infinity it is not.
        let (mut lanes, mut trace) = ([0f32; 16], [0f32; 16]);
        for part in block.as_chunks::<16>().0 {
            for i in 0..16 {
                let size = part[i].abs();
                lanes[i] = if size > lanes[i] { size } else { lanes[i] };
                trace[i] += part[i] * 0.0;
            }
        }
        let most = lanes.iter().copied().fold(0f32, f32::max);
        let broken = trace.iter().sum::<f32>() != 0.0;
        // Blocks so small that the inverse of their scale overflows count as zero.
        let inverse = if most > 1e-36 && !broken {
            127.0 / most
        } else {
            0.0
        };
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
        out.scale = if broken {
            f32::NAN
        } else if inverse == 0.0 {
            0.0
        } else {
            most / 127.0
        };
        out.sum = out.scale * (sums[0] + sums[1]) as f32;
        out.minus = -(sums[0] + sums[1]);
        out.minus_low = -sums[0];
    }
}

dispatch! {
    /// Rounds a row to 8-bit codes with one scale for each block (`x ~ scale * code`).
    pub(super) fn quantise(x: &[f32], out: &mut [Block]) => quantise_body
}
