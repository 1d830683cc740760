//! Dot products of plain f32 rows.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::attention::sum16;
use super::{dispatch, madd, pool};

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

/// `out = x weights^T` for rows of `k` numbers.
pub(super) fn product(weights: &[f32], k: usize, x: &[f32], out: &mut [f32]) {
    let n = weights.len() / k.max(1);
    if x.len() == k {
        let part = n.div_ceil(4 * pool::threads()).max(16);
        pool::chunks(out, part, |i, out| {
            rows(&weights[i * part * k..][..out.len() * k], k, x, out);
        });
    } else {
        pool::chunks(out, n, |i, out| {
            rows(weights, k, &x[i * k..(i + 1) * k], out)
        });
    }
}
