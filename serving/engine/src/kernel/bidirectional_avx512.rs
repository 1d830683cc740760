//! Attention in both directions by AVX-512: up to 8 query rows against whole vectors of keys.
#![expect(
    unsafe_code,
    reason = "vector loads and stores inside slices whose lengths are checked before the loops"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the same lane of several arrays"
)]

use super::bidirectional::{Heads, LANES, ROWS};
use std::arch::x86_64::*;

/// Sizes of one sequence, and where a head's parts lie.
#[derive(Clone, Copy)]
struct Head<'a> {
    /// `dim` rows of `padded` numbers.
    keys: &'a [f32],
    /// `length` rows of `wide` numbers.
    values: &'a [f32],
    dim: usize,
    length: usize,
    padded: usize,
    wide: usize,
}

/// See [`super::bidirectional::attend`], which checks the lengths; the caller has found
/// AVX-512.
pub(super) fn attend(
    qkv: &[f32],
    length: usize,
    shape: Heads,
    packed: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    // SAFETY: `isa` reported the features before this was called.
    unsafe { heads(qkv, length, shape, packed, scratch, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn heads(
    qkv: &[f32],
    length: usize,
    shape: Heads,
    packed: &[f32],
    scratch: &mut [f32],
    out: &mut [f32],
) {
    let (dim, width) = (shape.head_dim, shape.width());
    let hidden = shape.heads * dim;
    let rows = qkv.len() / width;
    for (number, packed) in packed.chunks_exact(shape.packed_len(length)).enumerate() {
        let padded = Heads::padded(length);
        let (keys, values) = packed.split_at(padded * dim);
        let head = Head {
            keys,
            values,
            dim,
            length,
            padded,
            wide: shape.wide(),
        };
        let mut row = 0;
        while row < rows {
            let queries = &qkv[row * width + number * dim..];
            let out = &mut out[row * hidden + number * dim..];
            row += match rows - row {
                ROWS.. => tile::<ROWS>(&head, queries, width, scratch, out, hidden),
                4.. => tile::<4>(&head, queries, width, scratch, out, hidden),
                2.. => tile::<2>(&head, queries, width, scratch, out, hidden),
                _ => tile::<1>(&head, queries, width, scratch, out, hidden),
            };
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn tile<const R: usize>(
    head: &Head<'_>,
    queries: &[f32],
    width: usize,
    scores: &mut [f32],
    out: &mut [f32],
    hidden: usize,
) -> usize {
    assert!(queries.len() >= (R - 1) * width + head.dim);
    assert!(scores.len() >= R * head.padded && head.keys.len() == head.dim * head.padded);
    let mut from = 0;
    while from < head.padded {
        from += LANES
            * match (head.padded - from) / LANES {
                3.. => dots::<R, 3>(head, queries, width, from, scores),
                2 => dots::<R, 2>(head, queries, width, from, scores),
                _ => dots::<R, 1>(head, queries, width, from, scores),
            };
    }
    let mut inverses = [0f32; R];
    for r in 0..R {
        inverses[r] = 1.0 / softmax(head, &mut scores[r * head.padded..][..head.padded]);
    }
    let mut from = 0;
    while from < head.wide {
        from += LANES
            * if head.wide - from >= 2 * LANES {
                mix::<R, 2>(head, scores, from, &inverses, out, hidden)
            } else {
                mix::<R, 1>(head, scores, from, &inverses, out, hidden)
            };
    }
    R
}

/// Dot products of `R` queries with `16 V` keys from position `from` on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn dots<const R: usize, const V: usize>(
    head: &Head<'_>,
    queries: &[f32],
    width: usize,
    from: usize,
    scores: &mut [f32],
) -> usize {
    assert!(from + V * LANES <= head.padded);
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    for d in 0..head.dim {
        let mut keys = [_mm512_setzero_ps(); V];
        for v in 0..V {
            let at = d * head.padded + from + v * LANES;
            // SAFETY: `d < dim`, the vector ends below `padded`, and there are
            // `dim * padded` keys, checked by `tile`.
            keys[v] = unsafe { _mm512_loadu_ps(head.keys.as_ptr().add(at)) };
        }
        for r in 0..R {
            // SAFETY: `r < R`, `d < dim`; `tile` checked the length.
            let q = _mm512_set1_ps(unsafe { *queries.get_unchecked(r * width + d) });
            for v in 0..V {
                sums[r][v] = _mm512_fmadd_ps(q, keys[v], sums[r][v]);
            }
        }
    }
    for r in 0..R {
        for v in 0..V {
            let at = r * head.padded + from + v * LANES;
            // SAFETY: inside the `R * padded` scores that `tile` checked.
            unsafe { _mm512_storeu_ps(scores.as_mut_ptr().add(at), sums[r][v]) };
        }
    }
    V
}

/// `e^((s - max) / sqrt(dim))` of a row's own scores in place; returns their sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn softmax(head: &Head<'_>, row: &mut [f32]) -> f32 {
    let scale = _mm512_set1_ps(1.0 / (head.dim as f32).sqrt());
    let lowest = _mm512_set1_ps(f32::NEG_INFINITY);
    let own = |at: usize| ((1u32 << (head.length - at).min(LANES)) - 1) as u16;
    let mut most = lowest;
    for (v, part) in row.as_chunks::<LANES>().0.iter().enumerate() {
        // SAFETY: a chunk has 16 numbers; those beyond the row are not looked at.
        let s = unsafe { _mm512_mask_loadu_ps(lowest, own(v * LANES), part.as_ptr()) };
        most = _mm512_max_ps(s, most);
    }
    let most = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    let mut sums = _mm512_setzero_ps();
    for (v, part) in row.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
        // SAFETY: a chunk has 16 numbers.
        let s = unsafe { _mm512_loadu_ps(part.as_ptr()) };
        let e = exp(_mm512_mul_ps(_mm512_sub_ps(s, most), scale));
        let e = _mm512_maskz_mov_ps(own(v * LANES), e);
        sums = _mm512_add_ps(sums, e);
        // SAFETY: as for the load.
        unsafe { _mm512_storeu_ps(part.as_mut_ptr(), e) };
    }
    _mm512_reduce_add_ps(sums)
}

/// e^x for x up to 0, relative error below 2e-7 (polynomial of Cephes `expf`). NaN stays NaN.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn exp(x: __m512) -> __m512 {
    let power = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E));
    let power = _mm512_roundscale_ps::<0>(power);
    let rest = _mm512_fmadd_ps(power, _mm512_set1_ps(-0.693_359_4), x);
    let rest = _mm512_fmadd_ps(power, _mm512_set1_ps(2.121_944_4e-4), rest);
    let mut sum = _mm512_set1_ps(1.987_569_1e-4);
    for factor in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = _mm512_fmadd_ps(sum, rest, _mm512_set1_ps(factor));
    }
    let sum = _mm512_fmadd_ps(_mm512_mul_ps(sum, rest), rest, rest);
    _mm512_scalef_ps(_mm512_add_ps(sum, _mm512_set1_ps(1.0)), power)
}

/// Weighted sums of `V` vectors of the values for `R` rows of weights, scaled and stored.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn mix<const R: usize, const V: usize>(
    head: &Head<'_>,
    weights: &[f32],
    from: usize,
    inverses: &[f32; R],
    out: &mut [f32],
    hidden: usize,
) -> usize {
    assert!(head.values.len() == head.length * head.wide && from + V * LANES <= head.wide);
    assert!(weights.len() >= R * head.padded && head.length <= head.padded);
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    for j in 0..head.length {
        let mut values = [_mm512_setzero_ps(); V];
        for v in 0..V {
            let at = j * head.wide + from + v * LANES;
            // SAFETY: `j < length` and the vector ends below `wide`, checked above.
            values[v] = unsafe { _mm512_loadu_ps(head.values.as_ptr().add(at)) };
        }
        for r in 0..R {
            // SAFETY: `r < R`, `j < length <= padded`, checked above.
            let w = _mm512_set1_ps(unsafe { *weights.get_unchecked(r * head.padded + j) });
            for v in 0..V {
                sums[r][v] = _mm512_fmadd_ps(w, values[v], sums[r][v]);
            }
        }
    }
    for r in 0..R {
        let inverse = _mm512_set1_ps(inverses[r]);
        let row = &mut out[r * hidden..][..head.dim];
        for v in 0..V {
            let at = from + v * LANES;
            let mask = ((1u32 << head.dim.saturating_sub(at).min(LANES)) - 1) as u16;
            let to = row.as_mut_ptr().wrapping_add(at);
            // SAFETY: the mask lets only the head's own numbers of the row be written.
            unsafe { _mm512_mask_storeu_ps(to, mask, _mm512_mul_ps(sums[r][v], inverse)) };
        }
    }
    V
}
