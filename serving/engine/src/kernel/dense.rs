//! Dot products of plain f32 rows.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::attention::sum16;
use super::{dispatch, madd};

#[inline(always)]
fn rows_body<const FMA: bool>(weights: &[f32], k: usize, x: &[f32], out: &mut [f32]) {
    let (wide, rest) = x.as_chunks::<32>();
    for (o, row) in out.iter_mut().zip(weights.chunks_exact(k)) {
        let mut lanes = [0f32; 32];
        let (row_wide, row_rest) = row.as_chunks::<32>();
        for (a, w) in wide.iter().zip(row_wide) {
            for i in 0..32 {
                lanes[i] = madd::<FMA>(a[i], w[i], lanes[i]);
            }
        }
        let mut half = [0f32; 16];
        for i in 0..16 {
            half[i] = lanes[i] + lanes[i + 16];
        }
        let tail: f32 = rest.iter().zip(row_rest).map(|(a, w)| a * w).sum();
        *o = sum16(&half) + tail;
    }
}

dispatch! {
    /// `out[i] = dot(weights row i, x)`; rows have `k` numbers.
    pub(crate) fn rows(weights: &[f32], k: usize, x: &[f32], out: &mut [f32]) => rows_body
}
