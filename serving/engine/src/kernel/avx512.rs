//! Panels with AVX-512 VNNI: a group of a tile is one register, 16 sums are one register.
//!
//! Up to 8 rows of activations at a time are multiplied straight from the packed tiles; weights go
//! from memory to registers once. For more rows tiles are first widened into the first-level cache
//! (`avx512_sweep.rs`). Both add the same terms in the same order.
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

use super::layout::{Format, HALVES, OFFSET, PLAIN, Wide};
use super::product::Place;
use super::rows::Block;
use std::arch::x86_64::*;

/// Bytes between the tile in work and the one asked from memory.
const AHEAD: usize = 8192;

/// A widened tile in registers.
struct Tile {
    codes: [__m512i; 8],
    scale: __m512,
    second: __m512,
}

#[inline]
#[target_feature(enable = "avx512f")]
fn line(bytes: &[u8], at: usize) -> __m512i {
    let line: &[u8; 64] = bytes[at..].first_chunk().unwrap_or(&[0; 64]);
    // SAFETY: 64 bytes are there.
    unsafe { _mm512_loadu_si512(line.as_ptr().cast()) }
}

/// 16 half-precision numbers.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn floats(bytes: &[u8], at: usize) -> __m512 {
    let half: &[u8; 32] = bytes[at..].first_chunk().unwrap_or(&[0; 32]);
    // SAFETY: 32 bytes are there.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(half.as_ptr().cast()) })
}

/// 16 small integers, signed or not.
#[inline]
#[target_feature(enable = "avx512f,avx2")]
fn small<const SIGNED: bool>(bytes: &[u8], at: usize) -> __m512 {
    let few: &[u8; 16] = bytes[at..].first_chunk().unwrap_or(&[0; 16]);
    // SAFETY: 16 bytes are there.
    let few = unsafe { _mm_loadu_si128(few.as_ptr().cast()) };
    _mm512_cvtepi32_ps(if SIGNED {
        _mm512_cvtepi8_epi32(few)
    } else {
        _mm512_cvtepu8_epi32(few)
    })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn load<const F: u8>(head: &[u8], tile: &[u8]) -> Tile {
    let spec = const { Format::ALL[F as usize].spec() };
    let low = _mm512_set1_epi8(15);
    let mut codes = [_mm512_setzero_si512(); 8];
    if spec.bits == 8 {
        for g in 0..8 {
            codes[g] = line(tile, 64 * g);
        }
    } else {
        for g in 0..4 {
            let both = line(tile, 64 * g);
            codes[g] = _mm512_and_si512(both, low);
            codes[g + 4] = _mm512_and_si512(_mm512_srli_epi16::<4>(both), low);
        }
    }
    if spec.bits == 5 {
        let bits = line(tile, 256);
        // SAFETY: both are 64 bytes of plain data.
        let bits: [u64; 8] = unsafe { std::mem::transmute(bits) };
        let fifth = _mm512_set1_epi8(16);
        for g in 0..8 {
            codes[g] = _mm512_mask_add_epi8(codes[g], bits[g], codes[g], fifth);
        }
    }
    if spec.bits == 6 {
        let high = _mm512_set1_epi8(0x30);
        for half in 0..2 {
            let plane = line(tile, 256 + 64 * half);
            let moved = [
                _mm512_slli_epi16::<4>(plane),
                _mm512_slli_epi16::<2>(plane),
                plane,
                _mm512_srli_epi16::<2>(plane),
            ];
            for t in 0..4 {
                let bits = _mm512_and_si512(moved[t], high);
                codes[4 * half + t] = _mm512_or_si512(codes[4 * half + t], bits);
            }
        }
    }
    let (scale, second) = scales::<F>(head, &tile[spec.codes + spec.plane..]);
    Tile {
        codes,
        scale,
        second,
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512dq,avx2")]
fn scales<const F: u8>(head: &[u8], scales: &[u8]) -> (__m512, __m512) {
    match const { Format::ALL[F as usize] } {
        Format::Q40 | Format::Q50 | Format::Q80 => (floats(scales, 0), _mm512_setzero_ps()),
        Format::Q41 | Format::Q51 => (floats(scales, 0), floats(scales, 32)),
        Format::Q4K | Format::Q5K => {
            let offset = _mm512_mul_ps(floats(head, 32), small::<false>(scales, 16));
            let sign = _mm512_set1_ps(-0.0);
            (
                _mm512_mul_ps(floats(head, 0), small::<false>(scales, 0)),
                _mm512_xor_ps(offset, sign),
            )
        }
        Format::Q6K => {
            let scale = floats(head, 0);
            (
                _mm512_mul_ps(scale, small::<true>(scales, 0)),
                _mm512_mul_ps(scale, small::<true>(scales, 16)),
            )
        }
    }
}

/// What the code that means zero adds to every sum.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn start<const ZERO: u32>(minus: __m512i) -> __m512i {
    _mm512_slli_epi32::<ZERO>(minus)
}

/// Adds the product of a tile with one block of activations to 16 sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn step<const KIND: u8, const ZERO: u32>(t: &Tile, a: &Block, sum: __m512) -> __m512 {
    let scale = _mm512_set1_ps(a.scale);
    let nothing = _mm512_setzero_si512();
    let (mut low, mut high) = match KIND {
        HALVES => (
            start::<ZERO>(_mm512_set1_epi32(a.minus_low)),
            start::<ZERO>(_mm512_sub_epi32(
                _mm512_set1_epi32(a.minus),
                _mm512_set1_epi32(a.minus_low),
            )),
        ),
        OFFSET => (nothing, nothing),
        _ => (start::<ZERO>(_mm512_set1_epi32(a.minus)), nothing),
    };
    for g in 0..4 {
        low = _mm512_dpbusd_epi32(low, t.codes[g], _mm512_set1_epi32(a.four(g)));
        high = _mm512_dpbusd_epi32(high, t.codes[g + 4], _mm512_set1_epi32(a.four(g + 4)));
    }
    let first = _mm512_mul_ps(t.scale, scale);
    if KIND == HALVES {
        let second = _mm512_mul_ps(t.second, scale);
        let sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(low), first, sum);
        return _mm512_fmadd_ps(_mm512_cvtepi32_ps(high), second, sum);
    }
    let dot = _mm512_cvtepi32_ps(_mm512_add_epi32(low, high));
    let sum = _mm512_fmadd_ps(dot, first, sum);
    if KIND == OFFSET {
        return _mm512_fmadd_ps(t.second, _mm512_set1_ps(a.sum), sum);
    }
    sum
}

/// One panel against `R` rows of `blocks` blocks, straight from the packed bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn direct_rows<const F: u8, const R: usize>(panel: &[u8], rows: &[Block], place: &Place) {
    let spec = const { Format::ALL[F as usize].spec() };
    let blocks = rows.len() / R;
    assert!(rows.len() == R * blocks && panel.len() == spec.panel(blocks));
    let mut sums = [_mm512_setzero_ps(); R];
    let mut rest = panel;
    let mut head: &[u8] = &[];
    for b in 0..blocks {
        if spec.head > 0 && b % spec.group == 0 {
            (head, rest) = rest.split_at(spec.head);
        }
        let (tile, after) = rest.split_at(spec.tile());
        rest = after;
        for at in (0..spec.tile()).step_by(64) {
            _mm_prefetch::<_MM_HINT_T0>(tile.as_ptr().wrapping_add(AHEAD + at).cast());
        }
        let tile = load::<F>(head, tile);
        for r in 0..R {
            // SAFETY: `r < R` and `b < blocks`; the length was checked above.
            let a = unsafe { rows.get_unchecked(r * blocks + b) };
            sums[r] = match (spec.kind, spec.zero) {
                (OFFSET, _) => step::<OFFSET, 0>(&tile, a, sums[r]),
                (HALVES, _) => step::<HALVES, 5>(&tile, a, sums[r]),
                (_, 3) => step::<PLAIN, 3>(&tile, a, sums[r]),
                (_, 4) => step::<PLAIN, 4>(&tile, a, sums[r]),
                (_, _) => step::<PLAIN, 7>(&tile, a, sums[r]),
            };
        }
    }
    for r in 0..R {
        // SAFETY: `place` has room for `place.rows` numbers in each of the rows.
        unsafe { _mm512_mask_storeu_ps(place.row(r), place.mask(), sums[r]) };
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
fn direct_format<const F: u8>(panel: &[u8], rows: &[Block], count: usize, place: &Place) {
    match count {
        1 => direct_rows::<F, 1>(panel, rows, place),
        2 => direct_rows::<F, 2>(panel, rows, place),
        3 => direct_rows::<F, 3>(panel, rows, place),
        4 => direct_rows::<F, 4>(panel, rows, place),
        5 => direct_rows::<F, 5>(panel, rows, place),
        6 => direct_rows::<F, 6>(panel, rows, place),
        7 => direct_rows::<F, 7>(panel, rows, place),
        _ => direct_rows::<F, 8>(panel, rows, place),
    }
}

/// One panel against 1 to 8 rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")]
pub(super) fn direct(format: Format, panel: &[u8], rows: &[Block], count: usize, place: &Place) {
    match format {
        Format::Q40 => direct_format::<0>(panel, rows, count, place),
        Format::Q41 => direct_format::<1>(panel, rows, count, place),
        Format::Q50 => direct_format::<2>(panel, rows, count, place),
        Format::Q51 => direct_format::<3>(panel, rows, count, place),
        Format::Q80 => direct_format::<4>(panel, rows, count, place),
        Format::Q4K => direct_format::<5>(panel, rows, count, place),
        Format::Q5K => direct_format::<6>(panel, rows, count, place),
        Format::Q6K => direct_format::<7>(panel, rows, count, place),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
fn widen_format<const F: u8>(panel: &[u8], from: usize, out: &mut [Wide]) {
    let spec = const { Format::ALL[F as usize].spec() };
    for (i, out) in out.iter_mut().enumerate() {
        let (head, at) = spec.place(from + i);
        let bytes = &panel[at..at + spec.tile()];
        for at in (0..spec.tile()).step_by(64) {
            _mm_prefetch::<_MM_HINT_T0>(bytes.as_ptr().wrapping_add(AHEAD + at).cast());
        }
        let tile = load::<F>(&panel[head..head + spec.head], bytes);
        for g in 0..8 {
            // SAFETY: a group is 64 bytes and a `Wide` is aligned to them.
            unsafe { _mm512_store_si512(out.codes[g].as_mut_ptr().cast(), tile.codes[g]) };
        }
        // SAFETY: both are 16 numbers.
        unsafe {
            _mm512_storeu_ps(out.scale.as_mut_ptr(), tile.scale);
            _mm512_storeu_ps(out.second.as_mut_ptr(), tile.second);
        }
    }
}

/// Widens the tiles of a panel from block `from` on, as many as `out` holds.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
pub(super) fn widen(format: Format, panel: &[u8], from: usize, out: &mut [Wide]) {
    match format {
        Format::Q40 => widen_format::<0>(panel, from, out),
        Format::Q41 => widen_format::<1>(panel, from, out),
        Format::Q50 => widen_format::<2>(panel, from, out),
        Format::Q51 => widen_format::<3>(panel, from, out),
        Format::Q80 => widen_format::<4>(panel, from, out),
        Format::Q4K => widen_format::<5>(panel, from, out),
        Format::Q5K => widen_format::<6>(panel, from, out),
        Format::Q6K => widen_format::<7>(panel, from, out),
    }
}
