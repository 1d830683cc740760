//! Dot products of plain f32 rows.
#![expect(clippy::inline_always, reason = "bodies must be compiled inside target-feature functions")]

use super::attention::sum16;
use super::{dispatch, madd};

#[inline(always)]
fn rows_body<const FMA: bool>(weights: &[f32], k: usize, x: &[f32], out: &mut [f32]) {
    let (wide, rest) = x.as_chunks::<16>();
    for (o, row) in out.iter_mut().zip(weights.chunks_exact(k)) {
        let mut lanes = [[0f32; 16]; 2];
        let (row_wide, row_rest) = row.as_chunks::<16>();
        for (i, (a, w)) in wide.iter().zip(row_wide).enumerate() {
            let lane = &mut lanes[i % 2];
            for j in 0..16 {
                lane[j] = madd::<FMA>(a[j], w[j], lane[j]);
            }
        }
        let tail: f32 = rest.iter().zip(row_rest).map(|(a, w)| a * w).sum();
        *o = sum16(&lanes[0]) + sum16(&lanes[1]) + tail;
    }
}

dispatch! {
    /// `out[i] = dot(weights row i, x)`; rows have `k` numbers.
    pub(crate) fn rows(weights: &[f32], k: usize, x: &[f32], out: &mut [f32]) => rows_body
}
