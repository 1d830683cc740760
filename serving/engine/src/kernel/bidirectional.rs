//! Attention in both directions: every row of a sequence sees all of its rows.
//!
//! Keys are packed with positions side by side and values with padding to whole vectors,
//! once for each sequence and head; then tiles of several query rows pass over them. Each
//! row's own sums run over dimensions and positions in ascending order, whatever rows share
//! its tile.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

#[cfg(target_arch = "x86_64")]
use super::bidirectional_avx512 as avx512;
use super::elementwise::exp;
use super::{Isa, dispatch, isa, madd};

/// Numbers of one vector.
pub(super) const LANES: usize = 16;
/// Most query rows of a tile.
pub(super) const ROWS: usize = 8;

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

    /// Numbers of one position's values of a head, filled up to whole vectors.
    pub(super) fn wide(self) -> usize {
        self.head_dim.next_multiple_of(LANES)
    }

    /// Numbers of one dimension's keys, filled up to whole vectors.
    pub(super) fn padded(length: usize) -> usize {
        length.next_multiple_of(LANES)
    }

    /// Numbers that [`pack`] writes for one head of a sequence of `length` rows.
    pub(crate) fn packed_len(self, length: usize) -> usize {
        Self::padded(length) * self.head_dim + length * self.wide()
    }

    /// Scratch that [`attend`] needs for a sequence of `length` rows.
    pub(crate) fn scratch_len(length: usize) -> usize {
        ROWS * Self::padded(length)
    }
}

/// Lays out keys and values of one head of a sequence. `qkv` holds the sequence's rows,
/// `out` [`Heads::packed_len`] numbers.
pub(crate) fn pack(qkv: &[f32], shape: Heads, head: usize, out: &mut [f32]) {
    let (dim, hidden) = (shape.head_dim, shape.heads * shape.head_dim);
    let padded = Heads::padded(qkv.len() / shape.width());
    let (keys, values) = out.split_at_mut(padded * dim);
    // Sixteen positions at a time, so that whole cache lines are written.
    for (at, rows) in qkv.chunks(LANES * shape.width()).enumerate() {
        let rows: Vec<&[f32]> = rows.chunks_exact(shape.width()).collect();
        for d in 0..dim {
            let line = &mut keys[d * padded + at * LANES..][..LANES];
            for (i, key) in line.iter_mut().enumerate() {
                *key = rows.get(i).map_or(0.0, |row| row[hidden + head * dim + d]);
            }
        }
    }
    for (out, row) in values
        .chunks_exact_mut(shape.wide())
        .zip(qkv.chunks_exact(shape.width()))
    {
        out[..dim].copy_from_slice(&row[2 * hidden + head * dim..][..dim]);
        out[dim..].fill(0.0);
    }
}

/// `softmax(q k^T / sqrt(head_dim)) v` of all heads for some rows of one sequence of
/// `length` rows.
///
/// `qkv` holds those rows, at least one, as projected; `packed` what [`pack`] made of each
/// head of the whole sequence in order; `scratch` at least [`Heads::scratch_len`] numbers;
/// `out` gets one row of `heads * head_dim` for each of `qkv`.
pub(crate) fn attend(
    qkv: &[f32],
    length: usize,
    shape: Heads,
    packed: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let rows = qkv.len() / shape.width();
    assert_eq!(qkv.len(), rows * shape.width(), "width of the rows");
    assert_eq!(out.len(), rows * shape.heads * shape.head_dim, "room");
    assert_eq!(packed.len(), shape.heads * shape.packed_len(length));
    let scratch = &mut scratch[..Heads::scratch_len(length)];
    #[cfg(target_arch = "x86_64")]
    if isa() == Isa::Avx512 {
        return avx512::attend(qkv, length, shape, packed, scratch, out);
    }
    plain(qkv, length, shape, packed, scratch, out);
}

dispatch! {
    /// [`attend`] on any machine, row by row.
    fn plain(
        qkv: &[f32],
        length: usize,
        shape: Heads,
        packed: &[f32],
        scratch: &mut [f32],
        out: &mut [f32],
    ) => plain_body
}

#[inline(always)]
fn plain_body<const FMA: bool>(
    qkv: &[f32],
    length: usize,
    shape: Heads,
    packed: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let (dim, hidden, wide) = (shape.head_dim, shape.heads * shape.head_dim, shape.wide());
    let padded = Heads::padded(length);
    let scale = 1.0 / (dim as f32).sqrt();
    let scores = &mut scratch[..padded];
    for (row, out) in qkv
        .chunks_exact(shape.width())
        .zip(out.chunks_exact_mut(hidden))
    {
        for (head, packed) in packed.chunks_exact(shape.packed_len(length)).enumerate() {
            let (keys, values) = packed.split_at(padded * dim);
            scores.fill(0.0);
            for (q, keys) in row[head * dim..][..dim]
                .iter()
                .zip(keys.chunks_exact(padded))
            {
                for (s, k) in scores.iter_mut().zip(keys) {
                    *s = madd::<FMA>(*q, *k, *s);
                }
            }
            let scores = &mut scores[..length];
            let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for s in scores.iter_mut() {
                *s = exp::<FMA>((*s - most) * scale);
                sum += *s;
            }
            let inverse = 1.0 / sum;
            for (v, out) in out[head * dim..][..dim].chunks_mut(LANES).enumerate() {
                let mut mixed = [0f32; LANES];
                for (weight, values) in scores.iter().zip(values.chunks_exact(wide)) {
                    let values: &[f32] = &values[v * LANES..][..LANES];
                    for i in 0..LANES {
                        mixed[i] = madd::<FMA>(*weight, values[i], mixed[i]);
                    }
                }
                for (o, m) in out.iter_mut().zip(&mixed) {
                    *o = m * inverse;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Heads, attend, pack, plain};
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

    type Attend = fn(&[f32], usize, Heads, &[f32], &mut [f32], &mut [f32]);

    fn run(with: Attend, qkv: &[f32], shape: Heads, rows: std::ops::Range<usize>) -> Vec<f32> {
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
        with(own, length, shape, &packed, &mut scratch, &mut out);
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
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn equals_the_definition_and_does_not_see_tiles(
            length in 1usize..150, heads in 1usize..4, dim in 1usize..70, seed: u32, cut: u8,
        ) {
            let shape = Heads { heads, head_dim: dim };
            let qkv: Vec<f32> = noise(length * shape.width(), seed).iter().map(|v| 3.0 * v).collect();
            for with in [attend, plain] {
                let whole = run(with, &qkv, shape, 0..length);
                for (got, wanted) in whole.iter().zip(reference(&qkv, shape)) {
                    prop_assert!((f64::from(*got) - wanted).abs() < 2e-5, "{got} {wanted}");
                }
                let cut = 1 + usize::from(cut) % length;
                let mut parts = run(with, &qkv, shape, 0..cut);
                if cut < length {
                    parts.extend(run(with, &qkv, shape, cut..length));
                }
                prop_assert_eq!(parts, whole, "a tile's border changed a bit");
            }
        }
    }

    #[test]
    fn extremes_stay_within_the_values_and_nan_is_seen() {
        let shape = Heads {
            heads: 1,
            head_dim: 16,
        };
        let mut qkv = noise(20 * shape.width(), 3);
        for (i, v) in qkv.iter_mut().enumerate() {
            // Scores up to 1e8: one position takes all the weight.
            *v *= if i % shape.width() < 32 { 1e4 } else { 1.0 };
        }
        let out = run(attend, &qkv, shape, 0..20);
        assert!(out.iter().all(|v| v.abs() <= 1.0), "{out:?}");
        qkv[5 * shape.width() + 20] = f32::NAN;
        assert!(run(attend, &qkv, shape, 0..20).iter().all(|v| v.is_nan()));
    }
}
