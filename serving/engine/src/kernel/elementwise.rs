//! Norm, activation, rotation and exponential, one row at a time.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::{dispatch, madd};

/// e^x for f32, relative error below 2e-7 (polynomial of Cephes `expf`); arguments are
/// held to [-87, 88]. NaN stays NaN. Free of branches so that loops over it vectorise.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to an integer.
    let x = x.clamp(-87.0, 88.0);
    let shifted = madd::<FMA>(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let exponent = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let r = madd::<FMA>(n, 2.121_944_4e-4, madd::<FMA>(n, -0.693_359_4, x));
    let mut p = 1.987_569_1e-4;
    for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        p = madd::<FMA>(p, r, c);
    }
    let value = madd::<FMA>(p * r, r, r) + 1.0;
    value * f32::from_bits(((exponent.wrapping_add(127)) as u32) << 23)
}

#[inline(always)]
fn rms_norm_body<const FMA: bool>(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let mut lanes = [0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane = madd::<FMA>(*v, *v, *lane);
        }
    }
    let sum: f32 = lanes.iter().sum::<f32>() + rest.iter().map(|v| v * v).sum::<f32>();
    let scale = 1.0 / (sum / x.len() as f32 + eps).sqrt();
    for ((o, v), w) in out.iter_mut().zip(x).zip(weight) {
        *o = v * scale * w;
    }
}

dispatch! {
    /// `out = x / rms(x) * weight` for one row.
    pub(crate) fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) => rms_norm_body
}

#[inline(always)]
fn silu_mul_body<const FMA: bool>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((o, g), u) in out.iter_mut().zip(gate).zip(up) {
        *o = g / (1.0 + exp::<FMA>(-g)) * u;
    }
}

dispatch! {
    /// `out = silu(gate) * up` for one row.
    pub(crate) fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) => silu_mul_body
}

#[inline(always)]
fn gelu_mul_body<const FMA: bool>(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((o, g), u) in out.iter_mut().zip(gate).zip(up) {
        // x * (1 + tanh(z)) / 2 = x / (1 + exp(-2 z)).
        let z = 0.797_884_6 * (g + 0.044_715 * g * g * g);
        *o = g / (1.0 + exp::<FMA>(-2.0 * z)) * u;
    }
}

dispatch! {
    /// `out = gelu(gate) * up` for one row, GELU in its tanh form.
    pub(crate) fn gelu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) => gelu_mul_body
}

#[inline(always)]
fn tanh_cap_body<const FMA: bool>(x: &mut [f32], cap: f32) {
    for v in x {
        let capped = cap * (1.0 - 2.0 / (exp::<FMA>(*v / cap * 2.0) + 1.0));
        *v = if *v > f32::NEG_INFINITY { capped } else { *v };
    }
}

dispatch! {
    /// Holds numbers between `-cap` and `cap`: `cap * tanh(x / cap)`. What is `-inf` stays so.
    pub(crate) fn tanh_cap(x: &mut [f32], cap: f32) => tanh_cap_body
}

/// Rotates each head of a row in place; pairs are `(i, i + head_dim / 2)`.
/// `turn` holds `(cos, sin)` of each pair.
pub(crate) fn rotate(row: &mut [f32], head_dim: usize, turn: &[(f32, f32)]) {
    for head in row.chunks_exact_mut(head_dim) {
        let (low, high) = head.split_at_mut(head_dim / 2);
        for ((a, b), (cos, sin)) in low.iter_mut().zip(high).zip(turn) {
            let (x, y) = (*a, *b);
            *a = x * cos - y * sin;
            *b = x * sin + y * cos;
        }
    }
}

#[inline(always)]
fn nll_gradient_body<const FMA: bool>(logits: &mut [f32], target: usize) -> f32 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let wanted = logits[target] - most;
    let mut lanes = [0f32; 16];
    let (chunks, rest) = logits.as_chunks_mut::<16>();
    for chunk in chunks {
        for (lane, logit) in lanes.iter_mut().zip(chunk) {
            *logit = exp::<FMA>(*logit - most);
            *lane += *logit;
        }
    }
    let mut sum: f32 = lanes.iter().sum();
    for logit in rest {
        *logit = exp::<FMA>(*logit - most);
        sum += *logit;
    }
    let inverse = 1.0 / sum;
    for logit in logits.iter_mut() {
        *logit *= inverse;
    }
    logits[target] -= 1.0;
    sum.ln() - wanted
}

dispatch! {
    /// Returns `-log softmax(logits)[target]` and replaces the logits by its gradient,
    /// `softmax(logits) - onehot(target)`.
    pub(crate) fn nll_gradient(logits: &mut [f32], target: usize) -> f32 => nll_gradient_body
}
