//! Panels with 256-bit registers: a half of a tile's group, 8 sums, at a time; with and
//! without VNNI. Tiles are always widened first, half a tile would not fit into registers.
//!
//! Without VNNI, products of bytes are added in 16 bits. How many groups fit before they
//! must be widened follows from `2 * code * 127`: 8 groups of 4-bit codes (30,480), 4 of
//! 5 bits (31,496), 2 of 6 bits (32,004). 8-bit codes take the sign over to the activation,
//! which leaves one group (32,512).
#![expect(
    unsafe_code,
    reason = "vector loads and stores of arrays of the register's size"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]
use super::layout::{Format, HALVES, OFFSET, PANEL, PLAIN, Spec, Wide};
use super::product::Place;
use super::rows::Block;
use std::arch::x86_64::*;

/// Bytes between the tile in work and the one asked from memory.
const AHEAD: usize = 2048;

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8], at: usize) -> __m256i {
    let half: &[u8; 32] = bytes[at..].first_chunk().unwrap_or(&[0; 32]);
    // SAFETY: 32 bytes are there.
    unsafe { _mm256_loadu_si256(half.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn store(out: &mut [u8; 64], half: usize, value: __m256i) {
    let (low, high) = out.split_at_mut(32);
    let to = if half == 0 { low } else { high };
    // SAFETY: each half has 32 bytes.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), value) };
}

/// 8 half-precision numbers.
#[inline]
#[target_feature(enable = "avx2,f16c")]
fn floats(bytes: &[u8], at: usize) -> __m256 {
    let few: &[u8; 16] = bytes[at..].first_chunk().unwrap_or(&[0; 16]);
    // SAFETY: 16 bytes are there.
    _mm256_cvtph_ps(unsafe { _mm_loadu_si128(few.as_ptr().cast()) })
}

/// 8 small integers, signed or not.
#[inline]
#[target_feature(enable = "avx2")]
fn small<const SIGNED: bool>(bytes: &[u8], at: usize) -> __m256 {
    let few: &[u8; 8] = bytes[at..].first_chunk().unwrap_or(&[0; 8]);
    let few = _mm_cvtsi64_si128(i64::from_le_bytes(*few));
    _mm256_cvtepi32_ps(if SIGNED {
        _mm256_cvtepi8_epi32(few)
    } else {
        _mm256_cvtepu8_epi32(few)
    })
}

/// 16 where the bit of a lane is set.
#[inline]
#[target_feature(enable = "avx2")]
fn fifth(bits: u32) -> __m256i {
    let spread = _mm256_setr_epi64x(
        0,
        0x0101_0101_0101_0101,
        0x0202_0202_0202_0202,
        0x0303_0303_0303_0303,
    );
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(bits as i32), spread);
    let lane = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let set = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, lane), lane);
    _mm256_and_si256(set, _mm256_set1_epi8(16))
}

#[inline]
#[target_feature(enable = "avx2")]
fn codes<const F: u8>(tile: &[u8], out: &mut Wide) {
    let spec = const { Format::ALL[F as usize].spec() };
    let low = _mm256_set1_epi8(15);
    for g in 0..8 {
        for half in 0..2 {
            let at = 32 * half;
            let mut code = if spec.bits == 8 {
                load(tile, 64 * g + at)
            } else {
                let both = load(tile, 64 * (g % 4) + at);
                let moved = if g < 4 {
                    both
                } else {
                    _mm256_srli_epi16::<4>(both)
                };
                _mm256_and_si256(moved, low)
            };
            if spec.bits == 5 {
                let bits: &[u8; 4] = tile[256 + 8 * g + 4 * half..]
                    .first_chunk()
                    .unwrap_or(&[0; 4]);
                code = _mm256_or_si256(code, fifth(u32::from_le_bytes(*bits)));
            }
            if spec.bits == 6 {
                let plane = load(tile, 256 + 64 * (g / 4) + at);
                let moved = match g % 4 {
                    0 => _mm256_slli_epi16::<4>(plane),
                    1 => _mm256_slli_epi16::<2>(plane),
                    2 => plane,
                    _ => _mm256_srli_epi16::<2>(plane),
                };
                let high = _mm256_and_si256(moved, _mm256_set1_epi8(0x30));
                code = _mm256_or_si256(code, high);
            }
            store(&mut out.codes[g], half, code);
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,f16c")]
fn scales<const F: u8>(head: &[u8], scales: &[u8], out: &mut Wide) {
    for half in 0..2 {
        let (at, small_at) = (16 * half, 8 * half);
        let (scale, second) = match const { Format::ALL[F as usize] } {
            Format::Q40 | Format::Q50 | Format::Q80 => (floats(scales, at), _mm256_setzero_ps()),
            Format::Q41 | Format::Q51 => (floats(scales, at), floats(scales, 32 + at)),
            Format::Q4K | Format::Q5K => {
                let offset =
                    _mm256_mul_ps(floats(head, 32 + at), small::<false>(scales, 16 + small_at));
                (
                    _mm256_mul_ps(floats(head, at), small::<false>(scales, small_at)),
                    _mm256_xor_ps(offset, _mm256_set1_ps(-0.0)),
                )
            }
            Format::Q6K => (
                _mm256_mul_ps(floats(head, at), small::<true>(scales, small_at)),
                _mm256_mul_ps(floats(head, at), small::<true>(scales, 16 + small_at)),
            ),
        };
        // SAFETY: 8 of 16 numbers each.
        unsafe {
            _mm256_storeu_ps(out.scale.as_mut_ptr().add(8 * half), scale);
            _mm256_storeu_ps(out.second.as_mut_ptr().add(8 * half), second);
        }
    }
}

#[target_feature(enable = "avx2,f16c")]
fn widen_format<const F: u8>(panel: &[u8], from: usize, out: &mut [Wide]) {
    let spec = const { Format::ALL[F as usize].spec() };
    for (i, out) in out.iter_mut().enumerate() {
        let (head, at) = spec.place(from + i);
        let tile = &panel[at..at + spec.tile()];
        for at in (0..spec.tile()).step_by(64) {
            _mm_prefetch::<_MM_HINT_T0>(tile.as_ptr().wrapping_add(AHEAD + at).cast());
        }
        codes::<F>(tile, out);
        scales::<F>(
            &panel[head..head + spec.head],
            &tile[spec.codes + spec.plane..],
            out,
        );
    }
}

/// Widens the tiles of a panel from block `from` on, as many as `out` holds.
#[target_feature(enable = "avx2,f16c")]
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

#[inline]
#[target_feature(enable = "avx2")]
fn group(tile: &Wide, g: usize, half: usize) -> __m256i {
    load(&tile.codes[g], 32 * half)
}

/// Sums of `code * activation` over groups `from..from + 4` of half a tile for `R` rows,
/// zero codes taken into account.
#[inline]
#[target_feature(enable = "avx2")]
fn dots_plain<const BITS: u8, const ZERO: u32, const R: usize>(
    tile: &Wide,
    half: usize,
    from: usize,
    rows: &[&Block; R],
) -> [__m256i; R] {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [_mm256_setzero_si256(); R];
    if BITS == 8 {
        for g in from..from + 4 {
            let code = _mm256_xor_si256(group(tile, g, half), _mm256_set1_epi8(-128));
            let size = _mm256_abs_epi8(code);
            for r in 0..R {
                let x = _mm256_sign_epi8(_mm256_set1_epi32(rows[r].four(g)), code);
                let pairs = _mm256_maddubs_epi16(size, x);
                sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs, ones));
            }
        }
        return sums;
    }
    let mut pairs = [_mm256_setzero_si256(); R];
    for g in from..from + 4 {
        let code = group(tile, g, half);
        for r in 0..R {
            let product = _mm256_maddubs_epi16(code, _mm256_set1_epi32(rows[r].four(g)));
            pairs[r] = _mm256_add_epi16(pairs[r], product);
            if BITS == 6 && g % 2 == 1 || g == from + 3 {
                sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(pairs[r], ones));
                pairs[r] = _mm256_setzero_si256();
            }
        }
    }
    if ZERO > 0 {
        for r in 0..R {
            sums[r] = _mm256_add_epi32(sums[r], zero::<ZERO>(rows[r], from));
        }
    }
    sums
}

/// What the code that means zero adds over half a block.
#[inline]
#[target_feature(enable = "avx2")]
fn zero<const ZERO: u32>(a: &Block, from: usize) -> __m256i {
    let minus = if from == 0 {
        a.minus_low
    } else {
        a.minus - a.minus_low
    };
    _mm256_set1_epi32(minus << ZERO)
}

/// As [`dots_plain`], with dot products of four bytes.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn dots_vnni<const BITS: u8, const ZERO: u32, const R: usize>(
    tile: &Wide,
    half: usize,
    from: usize,
    rows: &[&Block; R],
) -> [__m256i; R] {
    let mut sums = [_mm256_setzero_si256(); R];
    if ZERO > 0 {
        for r in 0..R {
            sums[r] = zero::<ZERO>(rows[r], from);
        }
    }
    for g in from..from + 4 {
        let code = group(tile, g, half);
        for r in 0..R {
            let x = _mm256_set1_epi32(rows[r].four(g));
            sums[r] = _mm256_dpbusd_avx_epi32(sums[r], code, x);
        }
    }
    sums
}

/// Defines the sweep over widened tiles with the dot products of `$dots`.
macro_rules! sweep {
    ($name:ident, $rows:ident, $kind:ident, $dots:ident, $features:literal) => {
        #[target_feature(enable = $features)]
        fn $rows<const KIND: u8, const BITS: u8, const ZERO: u32, const R: usize>(
            tiles: &[Wide],
            rows: &[&[Block]; R],
            first: bool,
            place: &Place,
        ) {
            let mut out = [[0f32; PANEL]; R];
            for r in 0..R {
                assert!(rows[r].len() >= tiles.len());
                if !first {
                    out[r] = place.read(r);
                }
            }
            for half in 0..2 {
                let mut sums = [_mm256_setzero_ps(); R];
                for r in 0..R {
                    // SAFETY: 8 of 16 numbers.
                    sums[r] = unsafe { _mm256_loadu_ps(out[r].as_ptr().add(8 * half)) };
                }
                for (b, tile) in tiles.iter().enumerate() {
                    let mut here = [&rows[0][0]; R];
                    for r in 0..R {
                        // SAFETY: every row has as many blocks as there are tiles.
                        here[r] = unsafe { rows[r].get_unchecked(b) };
                    }
                    let low = $dots::<BITS, ZERO, R>(tile, half, 0, &here);
                    let high = $dots::<BITS, ZERO, R>(tile, half, 4, &here);
                    // SAFETY: 8 of 16 numbers each.
                    let (scale, second) = unsafe {
                        (
                            _mm256_loadu_ps(tile.scale.as_ptr().add(8 * half)),
                            _mm256_loadu_ps(tile.second.as_ptr().add(8 * half)),
                        )
                    };
                    for r in 0..R {
                        let factor = _mm256_set1_ps(here[r].scale);
                        let scale = _mm256_mul_ps(scale, factor);
                        if KIND == HALVES {
                            let second = _mm256_mul_ps(second, factor);
                            sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(low[r]), scale, sums[r]);
                            sums[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high[r]), second, sums[r]);
                            continue;
                        }
                        let dot = _mm256_cvtepi32_ps(_mm256_add_epi32(low[r], high[r]));
                        sums[r] = _mm256_fmadd_ps(dot, scale, sums[r]);
                        if KIND == OFFSET {
                            let sum = _mm256_set1_ps(here[r].sum);
                            sums[r] = _mm256_fmadd_ps(second, sum, sums[r]);
                        }
                    }
                }
                for r in 0..R {
                    // SAFETY: 8 of 16 numbers.
                    unsafe { _mm256_storeu_ps(out[r].as_mut_ptr().add(8 * half), sums[r]) };
                }
            }
            for r in 0..R {
                place.write(r, &out[r]);
            }
        }

        #[target_feature(enable = $features)]
        fn $kind<const KIND: u8, const BITS: u8, const ZERO: u32>(
            tiles: &[Wide],
            rows: &[Block],
            blocks: usize,
            first: bool,
            place: &Place,
        ) {
            let count = rows.len().div_ceil(blocks);
            let mut at = 0;
            while at < count {
                let row = |i: usize| &rows[(at + i) * blocks..];
                let here = place.below(at);
                if count - at >= 4 {
                    let rows = [row(0), row(1), row(2), row(3)];
                    $rows::<KIND, BITS, ZERO, 4>(tiles, &rows, first, &here);
                    at += 4;
                } else {
                    $rows::<KIND, BITS, ZERO, 1>(tiles, &[row(0)], first, &here);
                    at += 1;
                }
            }
        }

        /// Widened tiles against rows that lie `blocks` blocks apart, each from its first
        /// tile's block on; goes on from the sums at `place` unless `first`.
        #[target_feature(enable = $features)]
        pub(super) fn $name(
            spec: &Spec,
            tiles: &[Wide],
            rows: &[Block],
            blocks: usize,
            first: bool,
            place: &Place,
        ) {
            match (spec.kind, spec.bits) {
                (OFFSET, 4) => $kind::<OFFSET, 4, 0>(tiles, rows, blocks, first, place),
                (OFFSET, _) => $kind::<OFFSET, 5, 0>(tiles, rows, blocks, first, place),
                (HALVES, _) => $kind::<HALVES, 6, 5>(tiles, rows, blocks, first, place),
                (_, 4) => $kind::<PLAIN, 4, 3>(tiles, rows, blocks, first, place),
                (_, 5) => $kind::<PLAIN, 5, 4>(tiles, rows, blocks, first, place),
                (_, _) => $kind::<PLAIN, 8, 7>(tiles, rows, blocks, first, place),
            }
        }
    };
}

sweep!(sweep, sweep_rows, sweep_kind, dots_plain, "avx2,fma");
sweep!(
    sweep_vnni,
    sweep_rows_vnni,
    sweep_kind_vnni,
    dots_vnni,
    "avx2,fma,avxvnni"
);
