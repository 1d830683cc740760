//! Block matrix product with AVX-512 VNNI: two blocks of 32 codes fill one register.
#![expect(
    unsafe_code,
    reason = "vector loads from slices whose lengths are checked"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the same lane of several arrays"
)]

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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
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
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn spread<const PER: usize, const BOTH: bool>(scales: &[f32], block: usize) -> __m512 {
    if PER == 1 {
        let low = scales[block];
        let high = if BOTH { scales[block + 1] } else { 0.0 };
        _mm512_insertf32x8::<1>(_mm512_set1_ps(low), _mm256_set1_ps(high))
    } else {
        let lanes = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
        let at = &scales[block * 2..];
        let four = if BOTH {
            _mm_setr_ps(at[0], at[1], at[2], at[3])
        } else {
            _mm_setr_ps(at[0], at[1], 0.0, 0.0)
        };
        _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(four))
    }
}

/// Two blocks of codes, or one and zeros.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load<const BOTH: bool>(codes: &[i8], block: usize) -> __m512i {
    let part = &codes[block * BLOCK..];
    assert!(part.len() >= if BOTH { 2 * BLOCK } else { BLOCK });
    if BOTH {
        // SAFETY: 64 codes are there.
        unsafe { _mm512_loadu_si512(part.as_ptr().cast()) }
    } else {
        // SAFETY: the mask lets only the 32 codes be read that are there.
        unsafe { _mm512_maskz_loadu_epi8(0xFFFF_FFFF, part.as_ptr()) }
    }
}

/// Rows of one tile: codes and scales of `R` weight rows and `C` activation rows.
struct Tile<'a, const R: usize, const C: usize> {
    codes: [&'a [i8]; R],
    scales: [&'a [f32]; R],
    active: [&'a [i8]; C],
    active_scales: [&'a [f32]; C],
}

/// `R` weight rows against `C` activation rows. The sums of one pair never mix with others.
/// Plain loops on purpose: closures are not inlined across the target-feature border.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn tile<const R: usize, const C: usize, const PER: usize>(
    w: &QuantMatrix,
    row: usize,
    a: &QuantRows,
    column: usize,
) -> [[f32; C]; R] {
    let (k, blocks) = (w.k, w.k / BLOCK);
    let mut t = Tile {
        codes: [&w.codes[..0]; R],
        scales: [&w.scales[..0]; R],
        active: [&a.codes[..0]; C],
        active_scales: [&a.scales[..0]; C],
    };
    for r in 0..R {
        t.codes[r] = &w.codes[(row + r) * k..(row + r + 1) * k];
        t.scales[r] = &w.scales[(row + r) * blocks * PER..(row + r + 1) * blocks * PER];
    }
    for c in 0..C {
        t.active[c] = &a.codes[(column + c) * k..(column + c + 1) * k];
        t.active_scales[c] = &a.scales[(column + c) * blocks..(column + c + 1) * blocks];
    }
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    for pair in 0..blocks / 2 {
        step::<R, C, PER, true>(&t, 2 * pair, R * k, &mut sums);
    }
    if !blocks.is_multiple_of(2) {
        step::<R, C, PER, false>(&t, blocks - 1, R * k, &mut sums);
    }
    let mut dots = [[0f32; C]; R];
    for r in 0..R {
        for c in 0..C {
            dots[r][c] = _mm512_reduce_add_ps(sums[r][c]);
        }
    }
    dots
}

/// Adds the products of one or two blocks to all sums.
///
/// VNNI multiplies unsigned by signed bytes, so activations are shifted by 128 and each
/// sum starts at `-128 * sum(weights)`, which makes it exact. `ahead` is the distance of the
/// codes that the next tile will need: rows are too short for the hardware to foresee it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn step<const R: usize, const C: usize, const PER: usize, const BOTH: bool>(
    t: &Tile<'_, R, C>,
    block: usize,
    ahead: usize,
    sums: &mut [[__m512; C]; R],
) {
    let shift = _mm512_set1_epi8(-128);
    let zero = _mm512_setzero_si512();
    let (mut weight, mut start) = ([zero; R], [zero; R]);
    let mut scale = [_mm512_setzero_ps(); R];
    for r in 0..R {
        let next = t.codes[r].as_ptr().wrapping_add(block * BLOCK + ahead);
        _mm_prefetch::<_MM_HINT_T0>(next);
        weight[r] = load::<BOTH>(t.codes[r], block);
        start[r] = _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, shift, weight[r]));
        scale[r] = spread::<PER, BOTH>(t.scales[r], block);
    }
    for c in 0..C {
        let x = _mm512_xor_si512(load::<BOTH>(t.active[c], block), shift);
        let active_scale = spread::<1, BOTH>(t.active_scales[c], block);
        for r in 0..R {
            let dot = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start[r], x, weight[r]));
            sums[r][c] = _mm512_fmadd_ps(dot, _mm512_mul_ps(scale[r], active_scale), sums[r][c]);
        }
    }
}
