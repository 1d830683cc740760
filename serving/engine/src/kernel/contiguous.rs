//! Causal attention of one query row over a contiguous cache: the path of the engine's
//! thread until it runs on [`super::attention`].
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::attention::sum16;
use super::elementwise::exp;
use super::{dispatch, madd};

/// The cache of one layer and the shape of its heads. `keys` and `values` hold one row of
/// `stride` numbers for each position; a head's part begins at `kv_head * head_dim`.
#[derive(Clone, Copy)]
pub(crate) struct Cache<'a> {
    pub(crate) keys: &'a [f32],
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) head_dim: usize,
}

#[inline(always)]
fn dot<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (left, left_rest) = a.as_chunks::<16>();
    let (right, right_rest) = b.as_chunks::<16>();
    for (x, y) in left.iter().zip(right) {
        for i in 0..16 {
            lanes[i] = madd::<FMA>(x[i], y[i], lanes[i]);
        }
    }
    let rest: f32 = left_rest.iter().zip(right_rest).map(|(x, y)| x * y).sum();
    sum16(&lanes) + rest
}

#[inline(always)]
fn attend_body<const FMA: bool>(
    query: &[f32],
    cache: Cache<'_>,
    kv_head: usize,
    length: usize,
    scores: &mut [f32],
    out: &mut [f32],
) {
    let Cache {
        keys,
        values,
        stride,
        head_dim,
    } = cache;
    let scale = 1.0 / (head_dim as f32).sqrt();
    let from = kv_head * head_dim;
    let scores = &mut scores[..length];
    let mut most = f32::NEG_INFINITY;
    for (score, row) in scores.iter_mut().zip(keys.chunks_exact(stride)) {
        *score = dot::<FMA>(query, &row[from..from + head_dim]) * scale;
        most = most.max(*score);
    }
    for score in scores.iter_mut() {
        *score = exp::<FMA>(*score - most);
    }
    let total: f32 = scores.iter().sum();
    out.fill(0.0);
    for (score, row) in scores.iter().zip(values.chunks_exact(stride)) {
        for (o, v) in out.iter_mut().zip(&row[from..from + head_dim]) {
            *o = madd::<FMA>(*score, *v, *o);
        }
    }
    let inverse = 1.0 / total;
    for o in out.iter_mut() {
        *o *= inverse;
    }
}

dispatch! {
    /// `out = softmax(q k^T / sqrt(d)) v` for one head of one row over the first `length`
    /// positions. `scores` is scratch of at least `length`.
    pub(crate) fn attend(
        query: &[f32],
        cache: Cache<'_>,
        kv_head: usize,
        length: usize,
        scores: &mut [f32],
        out: &mut [f32],
    ) => attend_body
}
