//! Block matrix product with AVX-512 VNNI: two blocks of 32 codes fill one register.
#![expect(unsafe_code, reason = "vector loads from slices whose lengths are checked")]

use super::quant::{BLOCK, QuantMatrix, QuantRows};
use std::arch::x86_64::*;
use std::ops::Range;

/// Weight rows of one tile: enough independent sums to hide latency, few enough registers.
const ROWS: usize = 4;

/// Calls `put(weight row, activation row, dot)` for every pair of the two ranges.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
pub(super) fn product(
    w: &QuantMatrix,
    rows: Range<usize>,
    a: &QuantRows,
    columns: Range<usize>,
    put: &mut impl FnMut(usize, usize, f32),
) {
    let mut row = rows.start;
    while row < rows.end {
        if row + ROWS <= rows.end {
            sweep::<ROWS>(w, row, a, columns.clone(), put);
            row += ROWS;
        } else {
            sweep::<1>(w, row, a, columns.clone(), put);
            row += 1;
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn sweep<const R: usize>(
    w: &QuantMatrix,
    row: usize,
    a: &QuantRows,
    columns: Range<usize>,
    put: &mut impl FnMut(usize, usize, f32),
) {
    let mut column = columns.start;
    while column < columns.end {
        let step = if column + 4 <= columns.end { 4 } else { 1 };
        match (step, w.per_block) {
            (4, 1) => finish(w, row, a, column, &tile::<R, 4, 1>(w, row, a, column), put),
            (4, _) => finish(w, row, a, column, &tile::<R, 4, 2>(w, row, a, column), put),
            (_, 1) => finish(w, row, a, column, &tile::<R, 1, 1>(w, row, a, column), put),
            (_, _) => finish(w, row, a, column, &tile::<R, 1, 2>(w, row, a, column), put),
        }
        column += step;
    }
}

fn finish<const R: usize, const C: usize>(
    w: &QuantMatrix,
    row: usize,
    a: &QuantRows,
    column: usize,
    dots: &[[f32; C]; R],
    put: &mut impl FnMut(usize, usize, f32),
) {
    let blocks = w.k / BLOCK;
    for (r, dots) in dots.iter().enumerate() {
        for (c, dot) in dots.iter().enumerate() {
            let sums = &a.sums[(column + c) * blocks..(column + c + 1) * blocks];
            put(row + r, column + c, dot + w.offset_part(row + r, sums));
        }
    }
}

/// Spreads the scales of two blocks over the 16 lanes of their dot products. At the end of
/// an odd row only one block is left; the lanes of the missing one see codes of zero.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn spread<const PER: usize>(scales: &[f32], block: usize) -> __m512 {
    let at = &scales[block * PER..];
    if PER == 1 {
        let low = at[0];
        let high = at.get(1).copied().unwrap_or(0.0);
        _mm512_insertf32x8::<1>(_mm512_set1_ps(low), _mm256_set1_ps(high))
    } else {
        let lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        let four = if at.len() >= 4 {
            // SAFETY: four numbers are there.
            unsafe { _mm_loadu_ps(at.as_ptr()) }
        } else {
            _mm_setr_ps(at[0], at[1], 0.0, 0.0)
        };
        _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(four))
    }
}

/// `R` weight rows against `C` activation rows. The sums of one pair never mix with others.
///
/// VNNI multiplies unsigned by signed bytes, so activations are shifted by 128 and each
/// sum starts at `-128 * sum(weights)`, which makes it exact.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn tile<const R: usize, const C: usize, const PER: usize>(
    w: &QuantMatrix,
    row: usize,
    a: &QuantRows,
    column: usize,
) -> [[f32; C]; R] {
    let blocks = w.k / BLOCK;
    let codes: [&[i8]; R] = std::array::from_fn(|r| &w.codes[(row + r) * w.k..(row + r + 1) * w.k]);
    let scales: [&[f32]; R] =
        std::array::from_fn(|r| &w.scales[(row + r) * blocks * PER..(row + r + 1) * blocks * PER]);
    let active: [&[i8]; C] = std::array::from_fn(|c| &a.codes[(column + c) * w.k..(column + c + 1) * w.k]);
    let active_scales: [&[f32]; C] =
        std::array::from_fn(|c| &a.scales[(column + c) * blocks..(column + c + 1) * blocks]);
    let shift = _mm512_set1_epi8(-128);
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    for b in (0..blocks).step_by(2) {
        let mask: __mmask64 = if b + 1 < blocks { !0 } else { 0xFFFF_FFFF };
        // SAFETY: masked loads touch only the blocks that the slices above hold.
        let load = |from: &[i8]| unsafe {
            _mm512_maskz_loadu_epi8(mask, from.as_ptr().add(b * BLOCK))
        };
        let weight: [__m512i; R] = std::array::from_fn(|r| load(codes[r]));
        let start: [__m512i; R] = std::array::from_fn(|r| {
            let total = _mm512_dpbusd_epi32(_mm512_setzero_si512(), shift, weight[r]);
            _mm512_sub_epi32(_mm512_setzero_si512(), total)
        });
        let scale: [__m512; R] = std::array::from_fn(|r| spread::<PER>(scales[r], b));
        for c in 0..C {
            let x = _mm512_xor_si512(load(active[c]), shift);
            let active_scale = spread::<1>(active_scales[c], b);
            for r in 0..R {
                let dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start[r], x, weight[r]));
                sums[r][c] = _mm512_fmadd_ps(dot, _mm512_mul_ps(scale[r], active_scale), sums[r][c]);
            }
        }
    }
    std::array::from_fn(|r| std::array::from_fn(|c| _mm512_reduce_add_ps(sums[r][c])))
}
