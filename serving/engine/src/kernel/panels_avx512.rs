//! Products with panels by AVX-512: tiles of several rows and a whole panel in registers.
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

use super::panels::{BLOCK, CodeRows, Codes, GROUP, PANEL};
use std::arch::x86_64::*;

/// Vectors of a panel.
const VECTORS: usize = PANEL / 16;
/// Rows of a tile of plain numbers: 24 sums, 3 weights, 1 activation.
const PLAIN_ROWS: usize = 8;
/// Rows of a tile of codes: 12 sums as integers, 12 as numbers, 3 weights.
const CODE_ROWS: usize = 4;

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
                // SAFETY: the mask lets only the row's own numbers be written.
                unsafe { _mm512_mask_storeu_ps(row.as_mut_ptr().wrapping_add(16 * v), mask, *sum) };
            }
        }
    }
}

/// The product with plain panels; the caller has found AVX-512.
pub(super) fn plain(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) {
    // SAFETY: `isa` reported the features before this was called.
    unsafe { plain_panels(data, k, n, x, out) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
fn plain_panels(data: &[f32], k: usize, n: usize, x: &[f32], out: &mut [f32]) {
    let rows = x.len() / k;
    for (p, panel) in data.chunks_exact(k * PANEL).enumerate() {
        let mut row = 0;
        while row < rows {
            let mut place = Place {
                out: &mut out[row * n + p * PANEL..],
                n,
                width: PANEL.min(n - p * PANEL),
            };
            let x = &x[row * k..];
            row += match rows - row {
                PLAIN_ROWS.. => plain_tile::<PLAIN_ROWS>(panel, k, x, &mut place),
                4.. => plain_tile::<4>(panel, k, x, &mut place),
                2.. => plain_tile::<2>(panel, k, x, &mut place),
                _ => plain_tile::<1>(panel, k, x, &mut place),
            };
        }
    }
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

/// The product with codes; the caller has found AVX-512 with VNNI.
pub(super) fn codes(weights: &Codes, k: usize, n: usize, x: &CodeRows, out: &mut [f32]) {
    // SAFETY: `isa` reported the features before this was called.
    unsafe { code_panels(weights, k, n, x, out) }
}

/// One panel of codes, and rows of codes from some row on.
struct Operands<'a> {
    codes: &'a [u8],
    scales: &'a [f32],
    x: &'a [i8],
    x_scales: &'a [f32],
    x_shifts: &'a [i32],
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn code_panels(weights: &Codes, k: usize, n: usize, x: &CodeRows, out: &mut [f32]) {
    let (rows, blocks) = (out.len() / n, k / BLOCK);
    let panels = weights
        .codes
        .chunks_exact(k * PANEL)
        .zip(weights.scales.chunks_exact(blocks * PANEL));
    for (p, (codes, scales)) in panels.enumerate() {
        let mut row = 0;
        while row < rows {
            let mut place = Place {
                out: &mut out[row * n + p * PANEL..],
                n,
                width: PANEL.min(n - p * PANEL),
            };
            let own = Operands {
                codes,
                scales,
                x: &x.codes[row * k..],
                x_scales: &x.scales[row * blocks..],
                x_shifts: &x.shifts[row * blocks..],
            };
            row += match rows - row {
                CODE_ROWS.. => code_tile::<CODE_ROWS>(&own, blocks, &mut place),
                2.. => code_tile::<2>(&own, blocks, &mut place),
                _ => code_tile::<1>(&own, blocks, &mut place),
            };
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn code_tile<const R: usize>(own: &Operands<'_>, blocks: usize, place: &mut Place<'_>) -> usize {
    let k = blocks * BLOCK;
    assert!(own.codes.len() == k * PANEL && own.scales.len() == blocks * PANEL);
    assert!(own.x.len() >= R * k);
    assert!(own.x_scales.len() >= R * blocks && own.x_shifts.len() >= R * blocks);
    let mut sums = [[_mm512_setzero_ps(); VECTORS]; R];
    for block in 0..blocks {
        let mut dots = [[_mm512_setzero_si512(); VECTORS]; R];
        for r in 0..R {
            // SAFETY: `r < R`, `block < blocks`; lengths were checked above.
            let shift = unsafe { *own.x_shifts.get_unchecked(r * blocks + block) };
            dots[r] = [_mm512_set1_epi32(shift); VECTORS];
        }
        for group in 0..BLOCK / GROUP {
            let at = (block * BLOCK / GROUP + group) * PANEL * GROUP;
            let mut weights = [_mm512_setzero_si512(); VECTORS];
            for v in 0..VECTORS {
                // SAFETY: the panel has `k * PANEL` codes and this group is one of its `k / 4`.
                weights[v] =
                    unsafe { _mm512_loadu_si512(own.codes.as_ptr().add(at + 64 * v).cast()) };
            }
            for r in 0..R {
                // SAFETY: four codes of row `r < R` from inside block `block < blocks`.
                let four = unsafe {
                    let codes = own.x.as_ptr().add(r * k + block * BLOCK + group * GROUP);
                    codes.cast::<i32>().read_unaligned()
                };
                let four = _mm512_set1_epi32(four);
                for v in 0..VECTORS {
                    dots[r][v] = _mm512_dpbusd_epi32(dots[r][v], weights[v], four);
                }
            }
        }
        for v in 0..VECTORS {
            // SAFETY: the panel has `blocks * PANEL` scales.
            let scale = unsafe { _mm512_loadu_ps(own.scales.as_ptr().add(block * PANEL + 16 * v)) };
            for r in 0..R {
                // SAFETY: as for the shifts.
                let a = unsafe { *own.x_scales.get_unchecked(r * blocks + block) };
                let both = _mm512_mul_ps(_mm512_set1_ps(a), scale);
                sums[r][v] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dots[r][v]), both, sums[r][v]);
            }
        }
    }
    place.store(&sums);
    R
}
