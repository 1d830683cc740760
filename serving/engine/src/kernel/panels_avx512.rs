//! Products with panels by AVX-512: tiles of 8 rows and a whole panel in registers.
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

use super::panels::PANEL;
use std::arch::x86_64::*;

/// Vectors of a panel.
const VECTORS: usize = PANEL / 16;
/// Rows of a tile: 24 sums, 3 weights, 1 activation in 32 registers.
const ROWS: usize = 8;

/// Where a tile's results go: `width` numbers in each of several rows of `n`.
struct Place<'a> {
    out: &'a mut [f32],
    n: usize,
    width: usize,
}

impl Place<'_> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn store<const R: usize>(&mut self, sums: &[[__m512; VECTORS]; R]) {
        for (r, sums) in sums.iter().enumerate() {
            let row = &mut self.out[r * self.n..][..self.width];
            for (v, sum) in sums.iter().enumerate() {
                let left = self.width.saturating_sub(16 * v).min(16);
                let mask = ((1u32 << left) - 1) as u16;
                let to = row.as_mut_ptr().wrapping_add(16 * v);
                // SAFETY: the mask lets only the row's own numbers be written.
                unsafe { _mm512_mask_storeu_ps(to, mask, *sum) };
            }
        }
    }
}

/// Calls a tile function for all panels and rows: 8 rows at a time, then 4, 2 and 1.
macro_rules! tiles {
    ($tile:ident, $data:expr, $depth:expr, $n:expr, $x:expr, $out:expr) => {{
        let (data, depth, n, x, out) = ($data, $depth, $n, $x, $out);
        let rows = x.len() / depth;
        for (p, panel) in data.chunks_exact(depth * PANEL).enumerate() {
            let mut row = 0;
            while row < rows {
                let mut place = Place {
                    out: &mut out[row * n + p * PANEL..],
                    n,
                    width: PANEL.min(n - p * PANEL),
                };
                let x = &x[row * depth..];
                row += match rows - row {
                    ROWS.. => $tile::<ROWS>(panel, depth, x, &mut place),
                    4.. => $tile::<4>(panel, depth, x, &mut place),
                    2.. => $tile::<2>(panel, depth, x, &mut place),
                    _ => $tile::<1>(panel, depth, x, &mut place),
                };
            }
        }
    }};
}

/// The product with plain panels; the caller has found AVX-512.
pub(super) fn plain(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) {
    // SAFETY: `isa` reported the features before this was called.
    unsafe { plain_panels(data, k, n, x, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn plain_panels(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) {
    tiles!(plain_tile, data, k, n, x, out);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn plain_tile<const R: usize>(panel: &[f32], k: usize, x: &[f32], place: &mut Place<'_>) -> usize {
    assert!(panel.len() == k * PANEL && x.len() >= R * k);
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; R];
    for input in 0..k {
        let mut weights = [_mm512_setzero_ps(); VECTORS];
        for v in 0..VECTORS {
            // SAFETY: `input < k` and the panel has `k * PANEL` numbers.
            weights[v] = unsafe { _mm512_loadu_ps(panel.as_ptr().add(input * PANEL + 16 * v)) };
        }
        for r in 0..R {
            // SAFETY: `r < R`, `input < k`, and `x` has at least `R * k` numbers.
            let a = _mm512_set1_ps(unsafe { *x.get_unchecked(r * k + input) });
            for v in 0..VECTORS {
                sums[r][v] = _mm512_fmadd_ps(a, weights[v], sums[r][v]);
            }
        }
    }
    place.store(&sums);
    R
}

/// The product with bf16 panels; the caller has found AVX-512 with BF16.
pub(super) fn half(data: &[u32], depth: usize, n: usize, x: &[u32], out: &mut [f32]) {
    // SAFETY: `fast_half` reported the features before this was called.
    unsafe { half_panels(data, depth, n, x, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")]
fn half_panels(data: &[u32], depth: usize, n: usize, x: &[u32], out: &mut [f32]) {
    tiles!(half_tile, data, depth, n, x, out);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")]
fn half_tile<const R: usize>(
    panel: &[u32],
    depth: usize,
    x: &[u32],
    place: &mut Place<'_>,
) -> usize {
    assert!(panel.len() == depth * PANEL && x.len() >= R * depth);
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; R];
    for pair in 0..depth {
        let mut weights = [_mm512_setzero_si512(); VECTORS];
        for v in 0..VECTORS {
            let at = pair * PANEL + 16 * v;
            // SAFETY: `pair < depth` and the panel has `depth * PANEL` pairs.
            weights[v] = unsafe { _mm512_loadu_si512(panel.as_ptr().add(at).cast()) };
        }
        for r in 0..R {
            // SAFETY: `r < R`, `pair < depth`, and `x` has at least `R * depth` pairs.
            let a = _mm512_set1_epi32(unsafe { *x.get_unchecked(r * depth + pair) }.cast_signed());
            for v in 0..VECTORS {
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], pairs(a), pairs(weights[v]));
            }
        }
    }
    place.store(&sums);
    R
}

#[inline]
#[target_feature(enable = "avx512f")]
fn pairs(bits: __m512i) -> __m512bh {
    // SAFETY: both types are 512 bits that may have any value.
    unsafe { std::mem::transmute(bits) }
}

/// Rounds rows of `k` numbers to pairs of bf16; the caller has found AVX-512 with BF16.
pub(super) fn round(x: &[f32], k: usize, out: &mut [u32]) {
    // SAFETY: `fast_half` reported the features before this was called.
    unsafe { round_rows(x, k, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma")]
fn round_rows(x: &[f32], k: usize, out: &mut [u32]) {
    for (x, out) in x.chunks_exact(k).zip(out.chunks_exact_mut(k.div_ceil(2))) {
        for (x, out) in x.chunks(16).zip(out.chunks_mut(8)) {
            let mask = ((1u32 << x.len()) - 1) as u16;
            // SAFETY: the mask covers the numbers that are left, and zeros beyond them.
            let numbers = unsafe { _mm512_maskz_loadu_ps(mask, x.as_ptr()) };
            // SAFETY: both types are 256 bits that may have any value.
            let half: __m256i = unsafe { std::mem::transmute(_mm512_cvtneps_pbh(numbers)) };
            let mask = ((1u32 << out.len()) - 1) as u8;
            // SAFETY: the mask covers the pairs that are left.
            unsafe { _mm256_mask_storeu_epi32(out.as_mut_ptr().cast(), mask, half) };
        }
    }
}
