//! Rounding of activations with AVX-512: the same numbers as the portable form, bit for bit.
#![expect(
    unsafe_code,
    reason = "vector loads and stores inside arrays of the loads' size"
)]
#![allow(
    clippy::wildcard_imports,
    reason = "vector intrinsics are one vocabulary"
)]

use super::layout::BLOCK;
use super::rows::{Block, ROUND};
use std::arch::x86_64::*;

/// NaN of both kinds, and both infinities.
const BROKEN: i32 = 0x99;

/// Rounds a row to blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")]
pub(super) fn quantise(x: &[f32], out: &mut [Block]) {
    let bias = _mm512_set1_ps(ROUND);
    for (block, out) in x.as_chunks::<BLOCK>().0.iter().zip(out) {
        // SAFETY: a block is 32 numbers.
        let (low, high) = unsafe {
            (
                _mm512_loadu_ps(block.as_ptr()),
                _mm512_loadu_ps(block.as_ptr().add(16)),
            )
        };
        let most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
        let broken = _mm512_fpclass_ps_mask::<BROKEN>(low) | _mm512_fpclass_ps_mask::<BROKEN>(high);
        let (inverse, scale) = Block::scales(most, broken != 0);
        let by = _mm512_set1_ps(inverse);
        let round = |part| {
            let rounded = _mm512_castps_si512(_mm512_fmadd_ps(part, by, bias));
            _mm512_sub_epi32(rounded, _mm512_castps_si512(bias))
        };
        let (low, high) = (round(low), round(high));
        let codes = out.codes.as_mut_ptr();
        // SAFETY: a block has 32 codes.
        unsafe {
            _mm_storeu_si128(codes.cast(), _mm512_cvtsepi32_epi8(low));
            _mm_storeu_si128(codes.add(16).cast(), _mm512_cvtsepi32_epi8(high));
        }
        let low = _mm512_reduce_add_epi32(low);
        out.finish(scale, low, _mm512_reduce_add_epi32(high));
    }
}
