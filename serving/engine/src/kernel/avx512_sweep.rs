//! Widened tiles against many rows with AVX-512 VNNI.
//!
//! Two panels and six rows are in work at a time: 12 integer sums and 12 sums fill the registers,
//! a number of activations is fetched once for 32 outputs, and rows pass from the second-level
//! cache half as often as with one panel.
#![expect(
    unsafe_code,
    reason = "vector loads and stores at places whose bounds are checked before the loops"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]
#![expect(
    clippy::needless_range_loop,
    reason = "indices name the same lane of several arrays"
)]

use super::avx512::start;
use super::layout::{HALVES, OFFSET, PLAIN, Spec, Wide};
use super::product::Place;
use super::rows::Block;
use std::arch::x86_64::*;
use std::ops::Range;

/// Adds the products of some groups of `P` tiles with a block of each of `R` rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn dots<const P: usize, const R: usize>(
    groups: Range<usize>,
    tiles: &[&Wide; P],
    rows: &[&Block; R],
    mut sums: [[__m512i; P]; R],
) -> [[__m512i; P]; R] {
    for g in groups {
        let mut codes = [_mm512_setzero_si512(); P];
        for p in 0..P {
            // SAFETY: a group is 64 bytes and a `Wide` is aligned to them.
            codes[p] = unsafe { _mm512_load_si512(tiles[p].codes[g].as_ptr().cast()) };
        }
        for r in 0..R {
            let four = _mm512_set1_epi32(rows[r].four(g));
            for p in 0..P {
                sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], codes[p], four);
            }
        }
    }
    sums
}

#[inline]
#[target_feature(enable = "avx512f")]
fn floats(numbers: &[f32; 16]) -> __m512 {
    // SAFETY: 16 numbers are there.
    unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
}

/// Adds the products of `P` tiles with a block of each of `R` rows to their sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn block<const KIND: u8, const ZERO: u32, const P: usize, const R: usize>(
    tiles: &[&Wide; P],
    rows: &[&Block; R],
    sums: &mut [[__m512; P]; R],
) {
    let begin = |minus: fn(&Block) -> i32| {
        let mut all = [[_mm512_setzero_si512(); P]; R];
        for r in 0..R {
            all[r] = [start::<ZERO>(_mm512_set1_epi32(minus(rows[r]))); P];
        }
        all
    };
    let low = match KIND {
        HALVES => dots(0..4, tiles, rows, begin(|row| row.minus_low)),
        OFFSET => dots(0..8, tiles, rows, [[_mm512_setzero_si512(); P]; R]),
        _ => dots(0..8, tiles, rows, begin(|row| row.minus)),
    };
    for r in 0..R {
        let scale = _mm512_set1_ps(rows[r].scale);
        for p in 0..P {
            let first = _mm512_mul_ps(floats(&tiles[p].scale), scale);
            sums[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low[r][p]), first, sums[r][p]);
        }
    }
    if KIND == HALVES {
        let high = dots(4..8, tiles, rows, begin(|row| row.minus - row.minus_low));
        for r in 0..R {
            let scale = _mm512_set1_ps(rows[r].scale);
            for p in 0..P {
                let second = _mm512_mul_ps(floats(&tiles[p].second), scale);
                sums[r][p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[r][p]), second, sums[r][p]);
            }
        }
    }
    if KIND == OFFSET {
        for r in 0..R {
            let sum = _mm512_set1_ps(rows[r].sum);
            for p in 0..P {
                sums[r][p] = _mm512_fmadd_ps(floats(&tiles[p].second), sum, sums[r][p]);
            }
        }
    }
}

/// Widened tiles of `P` panels against `R` rows; goes on from the sums at their places unless
/// `first`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn sweep_rows<const KIND: u8, const ZERO: u32, const P: usize, const R: usize>(
    tiles: &[&[Wide]; P],
    rows: &[&[Block]; R],
    first: bool,
    places: &[Place; P],
) {
    let blocks = tiles[0].len();
    assert!(tiles.iter().all(|tiles| tiles.len() == blocks));
    assert!(rows.iter().all(|row| row.len() >= blocks));
    let mut sums = [[_mm512_setzero_ps(); P]; R];
    for r in 0..R {
        for p in 0..P {
            if !first {
                let place = &places[p];
                // SAFETY: `place` has room for `place.rows` numbers in each of the rows.
                sums[r][p] = unsafe { _mm512_maskz_loadu_ps(place.mask(), place.row(r)) };
            }
        }
    }
    for b in 0..blocks {
        // SAFETY: every panel and every row has `blocks` blocks, checked above.
        let (tiles, rows) = unsafe {
            (
                std::array::from_fn(|p| tiles[p].get_unchecked(b)),
                std::array::from_fn(|r| rows[r].get_unchecked(b)),
            )
        };
        block::<KIND, ZERO, P, R>(&tiles, &rows, &mut sums);
    }
    for r in 0..R {
        for p in 0..P {
            let place = &places[p];
            // SAFETY: as for the load.
            unsafe { _mm512_mask_storeu_ps(place.row(r), place.mask(), sums[r][p]) };
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn sweep_kind<const KIND: u8, const ZERO: u32, const P: usize>(
    tiles: &[&[Wide]; P],
    rows: &[Block],
    blocks: usize,
    first: bool,
    places: &[Place; P],
) {
    let count = rows.len().div_ceil(blocks);
    let mut at = 0;
    while at < count {
        let row = |i: usize| &rows[(at + i) * blocks..];
        let here: [Place; P] = std::array::from_fn(|p| places[p].below(at));
        at += match count - at {
            6.. => {
                let rows: [&[Block]; 6] = std::array::from_fn(row);
                sweep_rows::<KIND, ZERO, P, 6>(tiles, &rows, first, &here);
                6
            }
            4.. => {
                let rows: [&[Block]; 4] = std::array::from_fn(row);
                sweep_rows::<KIND, ZERO, P, 4>(tiles, &rows, first, &here);
                4
            }
            2.. => {
                let rows: [&[Block]; 2] = std::array::from_fn(row);
                sweep_rows::<KIND, ZERO, P, 2>(tiles, &rows, first, &here);
                2
            }
            _ => {
                sweep_rows::<KIND, ZERO, P, 1>(tiles, &[row(0)], first, &here);
                1
            }
        };
    }
}

/// Widened tiles of one or two panels of a format against rows that lie `blocks` blocks apart,
/// each from its first tile's block on; goes on from the sums at `places` unless `first`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
pub(super) fn sweep<const P: usize>(
    spec: &Spec,
    tiles: &[&[Wide]; P],
    rows: &[Block],
    blocks: usize,
    first: bool,
    places: &[Place; P],
) {
    match (spec.kind, spec.zero) {
        (OFFSET, _) => sweep_kind::<OFFSET, 0, P>(tiles, rows, blocks, first, places),
        (HALVES, _) => sweep_kind::<HALVES, 5, P>(tiles, rows, blocks, first, places),
        (_, 3) => sweep_kind::<PLAIN, 3, P>(tiles, rows, blocks, first, places),
        (_, 4) => sweep_kind::<PLAIN, 4, P>(tiles, rows, blocks, first, places),
        (_, _) => sweep_kind::<PLAIN, 7, P>(tiles, rows, blocks, first, places),
    }
}
