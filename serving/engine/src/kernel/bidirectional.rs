//! Attention in both directions: every row of a sequence sees all of its rows.
//!
//! Keys are packed with positions side by side and values with padding to whole vectors,
//! once for each sequence and head; then tiles of [`ROWS`] query rows pass over them. Each
//! row's own sums run over dimensions and positions in ascending order, whatever rows share
//! its tile.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::elementwise::exp;
use super::{dispatch, madd};

/// Numbers of one vector.
const LANES: usize = 16;
/// Query rows of a tile.
const ROWS: usize = 4;
/// Vectors of keys that a tile takes at once: with [`ROWS`] they fill 16 registers.
const KEYS: usize = 4;

type Vector = [f32; LANES];

/// Widths of the projected rows: `q | k | v`, each `heads * head_dim`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heads {
    pub(crate) heads: usize,
    pub(crate) head_dim: usize,
}

impl Heads {
    /// Numbers of one projected row.
    pub(crate) fn width(self) -> usize {
        3 * self.heads * self.head_dim
    }

    /// Vectors that hold one head's values of a position.
    fn value_vectors(self) -> usize {
        self.head_dim.div_ceil(LANES)
    }

    /// Vectors of keys of one dimension.
    fn key_vectors(length: usize) -> usize {
        length.div_ceil(LANES * KEYS) * KEYS
    }

    /// Numbers that [`pack`] writes for one head of a sequence of `length` rows.
    pub(crate) fn packed_len(self, length: usize) -> usize {
        let keys = Self::key_vectors(length) * self.head_dim;
        (keys + length * self.value_vectors()) * LANES
    }

    /// Scratch that [`attend`] needs for a sequence of `length` rows.
    pub(crate) fn scratch_len(length: usize) -> usize {
        ROWS * Self::key_vectors(length) * LANES
    }
}

/// Lays out keys and values of one head of a sequence. `qkv` holds the sequence's rows,
/// `out` [`Heads::packed_len`] numbers.
pub(crate) fn pack(qkv: &[f32], shape: Heads, head: usize, out: &mut [f32]) {
    let (dim, hidden) = (shape.head_dim, shape.heads * shape.head_dim);
    let length = qkv.len() / shape.width();
    let padded = Heads::key_vectors(length) * LANES;
    let (keys, values) = out.split_at_mut(padded * dim);
    keys.fill(0.0);
    for (position, row) in qkv.chunks_exact(shape.width()).enumerate() {
        let key = &row[hidden + head * dim..][..dim];
        for (d, k) in key.iter().enumerate() {
            keys[d * padded + position] = *k;
        }
    }
    let wide = shape.value_vectors() * LANES;
    for (out, row) in values
        .chunks_exact_mut(wide)
        .zip(qkv.chunks_exact(shape.width()))
    {
        out[..dim].copy_from_slice(&row[2 * hidden + head * dim..][..dim]);
        out[dim..].fill(0.0);
    }
}

/// Dot products of `ROWS` queries with all keys, into rows of `padded` scores.
#[inline(always)]
fn scores_of<const FMA: bool>(
    queries: [&[f32]; ROWS],
    keys: &[f32],
    padded: usize,
    scores: &mut [f32],
) {
    for from in (0..padded).step_by(LANES * KEYS) {
        let mut sums = [[[0f32; LANES]; KEYS]; ROWS];
        for (d, row) in keys.chunks_exact(padded).enumerate() {
            let (vectors, _) = row[from..from + LANES * KEYS].as_chunks::<LANES>();
            for r in 0..ROWS {
                let q = queries[r][d];
                for v in 0..KEYS {
                    for i in 0..LANES {
                        sums[r][v][i] = madd::<FMA>(q, vectors[v][i], sums[r][v][i]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let row = &mut scores[r * padded + from..][..LANES * KEYS];
            row.copy_from_slice(sums.as_flattened());
        }
    }
}

/// `e^((s - max) * scale)` in place; returns the sum. Entries beyond the row stay unread.
#[inline(always)]
fn softmax<const FMA: bool>(row: &mut [f32], scale: f32) -> f32 {
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    let mut most = [f32::NEG_INFINITY; LANES];
    for chunk in chunks.iter() {
        for i in 0..LANES {
            most[i] = if chunk[i] > most[i] {
                chunk[i]
            } else {
                most[i]
            };
        }
    }
    let most = most
        .iter()
        .chain(rest.iter())
        .fold(f32::NEG_INFINITY, |m, s| m.max(*s));
    let mut sums = [0f32; LANES];
    for chunk in chunks {
        for i in 0..LANES {
            chunk[i] = exp::<FMA>((chunk[i] - most) * scale);
            sums[i] += chunk[i];
        }
    }
    let mut sum = super::attention::sum16(&sums);
    for s in rest {
        *s = exp::<FMA>((*s - most) * scale);
        sum += *s;
    }
    sum
}

/// Weighted sums of `V` vectors of the values for `ROWS` rows of weights.
#[inline(always)]
fn mix<const FMA: bool, const V: usize>(
    weights: [&[f32]; ROWS],
    values: &[f32],
    wide: usize,
    from: usize,
) -> [[Vector; V]; ROWS] {
    let mut sums = [[[0f32; LANES]; V]; ROWS];
    for (j, row) in values.chunks_exact(wide).enumerate() {
        let (vectors, _) = row[from..from + V * LANES].as_chunks::<LANES>();
        for r in 0..ROWS {
            let w = weights[r][j];
            for v in 0..V {
                for i in 0..LANES {
                    sums[r][v][i] = madd::<FMA>(w, vectors[v][i], sums[r][v][i]);
                }
            }
        }
    }
    sums
}

#[inline(always)]
fn attend_body<const FMA: bool>(
    qkv: &[f32],
    length: usize,
    shape: Heads,
    packed: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let (dim, hidden, width) = (shape.head_dim, shape.heads * shape.head_dim, shape.width());
    let padded = Heads::key_vectors(length) * LANES;
    let wide = shape.value_vectors() * LANES;
    let scale = 1.0 / (dim as f32).sqrt();
    let rows = qkv.len() / width;
    let last = rows - 1;
    for (head, packed) in packed.chunks_exact(shape.packed_len(length)).enumerate() {
        let (keys, values) = packed.split_at(padded * dim);
        for first in (0..rows).step_by(ROWS) {
            // A short tile computes its last row again; nothing of it is stored twice.
            let at: [usize; ROWS] = std::array::from_fn(|r| (first + r).min(last));
            let queries = at.map(|row| &qkv[row * width + head * dim..][..dim]);
            scores_of::<FMA>(queries, keys, padded, scratch);
            let mut sums = [0f32; ROWS];
            for (r, row) in scratch.chunks_exact_mut(padded).take(ROWS).enumerate() {
                sums[r] = softmax::<FMA>(&mut row[..length], scale);
            }
            let weights = std::array::from_fn(|r| &scratch[r * padded..][..length]);
            for from in (0..wide).step_by(2 * LANES) {
                let mut put = |r: usize, mixed: &[f32]| {
                    let row = first + r;
                    if row > last {
                        return;
                    }
                    let inverse = 1.0 / sums[r];
                    let end = (from + mixed.len()).min(dim);
                    let out = &mut out[row * hidden + head * dim..][from..end];
                    for (o, m) in out.iter_mut().zip(mixed) {
                        *o = m * inverse;
                    }
                };
                if from + 2 * LANES <= wide {
                    let mixed = mix::<FMA, 2>(weights, values, wide, from);
                    (0..ROWS).for_each(|r| put(r, mixed[r].as_flattened()));
                } else {
                    let mixed = mix::<FMA, 1>(weights, values, wide, from);
                    (0..ROWS).for_each(|r| put(r, mixed[r].as_flattened()));
                }
            }
        }
    }
}

dispatch! {
    /// `softmax(q k^T / sqrt(head_dim)) v` of all heads for some rows of one sequence of
    /// `length` rows.
    ///
    /// `qkv` holds those rows, at least one, as projected; `packed` what [`pack`] made of
    /// each head of the whole sequence in order; `scratch` at least [`Heads::scratch_len`]
    /// numbers; `out` gets one row of `heads * head_dim` for each of `qkv`.
    pub(crate) fn attend(
        qkv: &[f32],
        length: usize,
        shape: Heads,
        packed: &[f32],
        scratch: &mut [f32],
        out: &mut [f32],
    ) => attend_body
}

#[cfg(test)]
mod tests {
    use super::{Heads, attend, pack};
    use proptest::prelude::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = u64::from(seed) + 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn run(qkv: &[f32], shape: Heads, rows: std::ops::Range<usize>) -> Vec<f32> {
        let length = qkv.len() / shape.width();
        let mut packed = vec![f32::NAN; shape.heads * shape.packed_len(length)];
        for (head, out) in packed
            .chunks_exact_mut(shape.packed_len(length))
            .enumerate()
        {
            pack(qkv, shape, head, out);
        }
        let mut scratch = vec![f32::NAN; Heads::scratch_len(length)];
        let mut out = vec![f32::NAN; rows.len() * shape.heads * shape.head_dim];
        let own = &qkv[rows.start * shape.width()..rows.end * shape.width()];
        attend(own, length, shape, &packed, &mut scratch, &mut out);
        out
    }

    /// The definition, in f64.
    fn reference(qkv: &[f32], shape: Heads) -> Vec<f64> {
        let (dim, hidden) = (shape.head_dim, shape.heads * shape.head_dim);
        let rows: Vec<&[f32]> = qkv.chunks_exact(shape.width()).collect();
        let mut out = Vec::new();
        for q in &rows {
            for head in 0..shape.heads {
                let at = head * dim;
                let score = |k: &&[f32]| -> f64 {
                    let pairs = q[at..at + dim]
                        .iter()
                        .zip(&k[hidden + at..hidden + at + dim]);
                    let dot: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    dot / (dim as f64).sqrt()
                };
                let scores: Vec<f64> = rows.iter().map(score).collect();
                let most = scores.iter().copied().fold(f64::MIN, f64::max);
                let total: f64 = scores.iter().map(|s| (s - most).exp()).sum();
                for d in 0..dim {
                    let weighted = scores
                        .iter()
                        .zip(&rows)
                        .map(|(s, v)| (s - most).exp() / total * f64::from(v[2 * hidden + at + d]));
                    out.push(weighted.sum());
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn equals_the_definition_and_does_not_see_tiles(
            length in 1usize..150, heads in 1usize..4, dim in 1usize..70, seed: u32, cut: u8,
        ) {
            let shape = Heads { heads, head_dim: dim };
            let qkv: Vec<f32> = noise(length * shape.width(), seed).iter().map(|v| 3.0 * v).collect();
            let whole = run(&qkv, shape, 0..length);
            for (got, wanted) in whole.iter().zip(reference(&qkv, shape)) {
                prop_assert!((f64::from(*got) - wanted).abs() < 2e-5, "{got} {wanted}");
            }
            let cut = 1 + usize::from(cut) % length;
            let mut parts = run(&qkv, shape, 0..cut);
            if cut < length {
                parts.extend(run(&qkv, shape, cut..length));
            }
            prop_assert_eq!(parts, whole, "a tile's border changed a bit");
        }
    }
}
