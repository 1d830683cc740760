//! The tiles of [`super::dense`] with vector registers: the same 16 partial sums.
#![expect(
    unsafe_code,
    reason = "vector loads of rows whose lengths are checked before the loops"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the same lane of several arrays"
)]

use super::dense::{BF16, F32, LANES, Weight, tree};
use std::arch::x86_64::*;

/// 16 weights from `at` on, those beyond the mask as zero.
///
/// # Safety
/// The weights that the mask names must be there.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load16<W: Weight>(row: *const W, at: usize, mask: __mmask16) -> __m512 {
    // SAFETY: only weights that the mask names are read.
    unsafe {
        match W::KIND {
            F32 => _mm512_maskz_loadu_ps(mask, row.cast::<f32>().add(at)),
            BF16 => {
                let bits = _mm256_maskz_loadu_epi16(mask, row.cast::<i16>().add(at));
                _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
            }
            _ => _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, row.cast::<i16>().add(at))),
        }
    }
}

/// [`tree`] of four dot products.
#[inline]
#[target_feature(enable = "avx512f,avx512dq")]
fn tree4([a, b, c, d]: [__m512; 4]) -> __m128 {
    let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    let even = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
    let odd = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
    let quads = _mm512_add_ps(even, odd);
    let half = _mm256_add_ps(
        _mm512_castps512_ps256(quads),
        _mm512_extractf32x8_ps::<1>(quads),
    );
    _mm_add_ps(
        _mm256_castps256_ps128(half),
        _mm256_extractf128_ps::<1>(half),
    )
}

/// Adds the products of up to 16 inputs from `at` on.
///
/// # Safety
/// `R` rows of `x` and `C` of `weights`, each of `k` numbers, must be there; the mask must
/// name only inputs below `k`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,fma")]
unsafe fn step512<W: Weight, const R: usize, const C: usize>(
    x: &[f32],
    weights: &[W],
    k: usize,
    at: usize,
    mask: __mmask16,
    sums: &mut [[__m512; C]; R],
) {
    let mut wide = [_mm512_setzero_ps(); C];
    for c in 0..C {
        // SAFETY: the caller's promise.
        wide[c] = unsafe { load16(weights.as_ptr().add(c * k), at, mask) };
    }
    for r in 0..R {
        // SAFETY: the caller's promise.
        let part = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr().add(r * k + at)) };
        for c in 0..C {
            sums[r][c] = _mm512_fmadd_ps(part, wide[c], sums[r][c]);
        }
    }
}

/// `R` rows of `k` numbers against `C` outputs.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,fma")]
pub(super) fn tile512<W: Weight, const R: usize, const C: usize>(
    x: &[f32],
    weights: &[W],
    k: usize,
) -> [[f32; C]; R] {
    assert!(x.len() >= R * k && weights.len() >= C * k);
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    for at in (0..k / LANES * LANES).step_by(LANES) {
        // SAFETY: `R` and `C` rows of `k` numbers are there, and `at + 16 <= k`.
        unsafe { step512(x, weights, k, at, u16::MAX, &mut sums) };
    }
    if !k.is_multiple_of(LANES) {
        let mask = (1 << (k % LANES)) - 1;
        // SAFETY: as above; the mask ends with the rows.
        unsafe { step512(x, weights, k, k / LANES * LANES, mask, &mut sums) };
    }
    let mut dots = [[0f32; C]; R];
    for r in 0..R {
        if C == 4 {
            let four = tree4([sums[r][0], sums[r][1 % C], sums[r][2 % C], sums[r][3 % C]]);
            // SAFETY: the row has `C`, that is four numbers.
            unsafe { _mm_storeu_ps(dots[r].as_mut_ptr(), four) };
            continue;
        }
        for c in 0..C {
            let mut lanes = [0f32; LANES];
            // SAFETY: 16 numbers.
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sums[r][c]) };
            dots[r][c] = tree(&lanes);
        }
    }
    dots
}

/// 8 weights.
///
/// # Safety
/// They must be there.
#[inline]
#[target_feature(enable = "avx2,f16c")]
unsafe fn load8<W: Weight>(row: *const W, at: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        match W::KIND {
            F32 => _mm256_loadu_ps(row.cast::<f32>().add(at)),
            BF16 => {
                let bits = _mm_loadu_si128(row.cast::<u16>().add(at).cast());
                _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(bits)))
            }
            _ => _mm256_cvtph_ps(_mm_loadu_si128(row.cast::<u16>().add(at).cast())),
        }
    }
}

/// `R` rows of `k` numbers against `C` outputs.
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn tile256<W: Weight, const R: usize, const C: usize>(
    x: &[f32],
    weights: &[W],
    k: usize,
) -> [[f32; C]; R] {
    assert!(x.len() >= R * k && weights.len() >= C * k);
    let whole = k / LANES * LANES;
    let mut sums = [[[_mm256_setzero_ps(); 2]; C]; R];
    for at in (0..whole).step_by(LANES) {
        for half in 0..2 {
            let at = at + 8 * half;
            let mut wide = [_mm256_setzero_ps(); C];
            for c in 0..C {
                // SAFETY: `C` rows of `k` weights are there, and `at + 8 <= whole`.
                wide[c] = unsafe { load8(weights.as_ptr().add(c * k), at) };
            }
            for r in 0..R {
                // SAFETY: `R` rows of `k` numbers are there, and `at + 8 <= whole`.
                let part = unsafe { _mm256_loadu_ps(x.as_ptr().add(r * k + at)) };
                for c in 0..C {
                    sums[r][c][half] = _mm256_fmadd_ps(part, wide[c], sums[r][c][half]);
                }
            }
        }
    }
    let mut dots = [[0f32; C]; R];
    for r in 0..R {
        for c in 0..C {
            let mut lanes = [0f32; LANES];
            // SAFETY: twice 8 of 16 numbers.
            unsafe {
                _mm256_storeu_ps(lanes.as_mut_ptr(), sums[r][c][0]);
                _mm256_storeu_ps(lanes.as_mut_ptr().add(8), sums[r][c][1]);
            }
            for i in whole..k {
                let lane = &mut lanes[i - whole];
                *lane = x[r * k + i].mul_add(weights[c * k + i].widen(), *lane);
            }
            dots[r][c] = tree(&lanes);
        }
    }
    dots
}
