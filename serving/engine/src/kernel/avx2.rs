//! Block matrix product with AVX2: one block of 32 codes is one register.
#![expect(
    unsafe_code,
    reason = "vector loads from slices whose lengths are checked"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]

use super::quant::{BLOCK, QuantMatrix, QuantRows};
use std::arch::x86_64::*;
use std::ops::Range;

/// Calls `put(weight row, activation row, dot)` for every pair of the two ranges.
#[target_feature(enable = "avx2,fma")]
pub(super) fn product(
    w: &QuantMatrix,
    rows: Range<usize>,
    a: &QuantRows,
    columns: Range<usize>,
    put: &mut impl FnMut(usize, usize, f32),
) {
    let blocks = w.k / BLOCK;
    for row in rows {
        let mut column = columns.start;
        while column < columns.end {
            let sums = |c: usize| &a.sums[c * blocks..(c + 1) * blocks];
            if column + 4 <= columns.end {
                for (i, dot) in tile::<4>(w, row, a, column).into_iter().enumerate() {
                    put(row, column + i, dot + w.offset_part(row, sums(column + i)));
                }
                column += 4;
            } else {
                let [dot] = tile::<1>(w, row, a, column);
                put(row, column, dot + w.offset_part(row, sums(column)));
                column += 1;
            }
        }
    }
}

/// One weight row against `C` activation rows. The sums of one pair never mix with others.
#[target_feature(enable = "avx2,fma")]
fn tile<const C: usize>(w: &QuantMatrix, row: usize, a: &QuantRows, column: usize) -> [f32; C] {
    let blocks = w.k / BLOCK;
    let codes = &w.codes[row * w.k..(row + 1) * w.k];
    let scales = &w.scales[row * blocks * w.per_block..(row + 1) * blocks * w.per_block];
    let (mut active, mut active_scales) = ([&a.codes[..0]; C], [&a.scales[..0]; C]);
    for c in 0..C {
        active[c] = &a.codes[(column + c) * w.k..(column + c + 1) * w.k];
        active_scales[c] = &a.scales[(column + c) * blocks..(column + c + 1) * blocks];
    }
    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_ps(); C];
    for b in 0..blocks {
        // The next row's codes: rows are too short for the hardware to foresee them.
        _mm_prefetch::<_MM_HINT_T0>(codes.as_ptr().wrapping_add(b * BLOCK + w.k));
        // SAFETY: all slices above hold `blocks` blocks.
        let weight = unsafe { _mm256_loadu_si256(codes.as_ptr().add(b * BLOCK).cast()) };
        let magnitude = _mm256_abs_epi8(weight);
        let scale = if w.per_block == 1 {
            _mm256_set1_ps(scales[b])
        } else {
            _mm256_set_m128(_mm_set1_ps(scales[2 * b + 1]), _mm_set1_ps(scales[2 * b]))
        };
        for c in 0..C {
            // SAFETY: as above.
            let x = unsafe { _mm256_loadu_si256(active[c].as_ptr().add(b * BLOCK).cast()) };
            // |w| <= 128 and |x| <= 127: pairs stay inside 16 bits.
            let pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(x, weight));
            let dot = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
            let both = _mm256_mul_ps(scale, _mm256_set1_ps(active_scales[c][b]));
            sums[c] = _mm256_fmadd_ps(dot, both, sums[c]);
        }
    }
    let mut dots = [0f32; C];
    for c in 0..C {
        let half = _mm_add_ps(
            _mm256_castps256_ps128(sums[c]),
            _mm256_extractf128_ps::<1>(sums[c]),
        );
        let pair = _mm_add_ps(half, _mm_movehl_ps(half, half));
        dots[c] = _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)));
    }
    dots
}
