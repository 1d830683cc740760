//! Layer norm and GELU of encoders, one row at a time, with bias and residual folded in.
#![expect(
    clippy::inline_always,
    reason = "bodies must be compiled inside target-feature functions"
)]

use super::attention::sum16;
use super::elementwise::exp;
use super::{dispatch, madd};

#[inline(always)]
fn sum_of<const FMA: bool>(x: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0f32; 64];
    let (chunks, rest) = x.as_chunks::<64>();
    for chunk in chunks {
        for i in 0..64 {
            lanes[i] += term(chunk[i]);
        }
    }
    let mut few = [0f32; 16];
    for i in 0..16 {
        few[i] = (lanes[i] + lanes[i + 16]) + (lanes[i + 32] + lanes[i + 48]);
    }
    sum16(&few) + rest.iter().map(|v| term(*v)).sum::<f32>()
}

#[inline(always)]
fn layer_norm_body<const FMA: bool>(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    let count = x.len() as f32;
    let mean = sum_of::<FMA>(x, |v| v) / count;
    let variance = sum_of::<FMA>(x, |v| (v - mean) * (v - mean)) / count;
    let scale = 1.0 / (variance + eps).sqrt();
    for ((v, w), b) in x.iter_mut().zip(weight).zip(bias) {
        *v = madd::<FMA>((*v - mean) * scale, *w, *b);
    }
}

dispatch! {
    /// Normalises a row in place to mean 0 and variance 1, then scales and shifts it
    /// (Ba et al. 2016).
    pub(crate) fn layer_norm(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32)
        => layer_norm_body
}

#[inline(always)]
fn add_norm_body<const FMA: bool>(
    x: &mut [f32],
    y: &[f32],
    y_bias: &[f32],
    weight: &[f32],
    bias: &[f32],
    eps: f32,
) {
    for ((x, y), b) in x.iter_mut().zip(y).zip(y_bias) {
        *x += y + b;
    }
    layer_norm_body::<FMA>(x, weight, bias, eps);
}

dispatch! {
    /// `x = layer_norm(x + y + y_bias)` for one row.
    pub(crate) fn add_norm(
        x: &mut [f32],
        y: &[f32],
        y_bias: &[f32],
        weight: &[f32],
        bias: &[f32],
        eps: f32,
    ) => add_norm_body
}

/// erf(x) with an absolute error below 2e-7 (Abramowitz and Stegun, formula 7.1.26).
#[inline(always)]
fn erf<const FMA: bool>(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / madd::<FMA>(0.327_591_1, size, 1.0);
    let mut p = 1.061_405_4;
    for c in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        p = madd::<FMA>(p, t, c);
    }
    (1.0 - p * t * exp::<FMA>(-size * size)).copysign(x)
}

#[inline(always)]
fn gelu_body<const FMA: bool>(x: &mut [f32], bias: &[f32]) {
    for (v, b) in x.iter_mut().zip(bias) {
        let u = *v + b;
        *v = 0.5 * u * (1.0 + erf::<FMA>(u * std::f32::consts::FRAC_1_SQRT_2));
    }
}

dispatch! {
    /// `x = gelu(x + bias)` for one row, the exact form with erf.
    pub(crate) fn gelu(x: &mut [f32], bias: &[f32]) => gelu_body
}

#[inline(always)]
fn gelu_tanh_body<const FMA: bool>(x: &mut [f32], bias: &[f32]) {
    const ROOT: f32 = 0.797_884_6; // sqrt(2 / pi)
    for (v, b) in x.iter_mut().zip(bias) {
        let u = *v + b;
        // tanh(a) = 1 - 2 / (1 + e^2a), so that 0.5 (1 + tanh(a)) = 1 - 1 / (1 + e^2a).
        let a = ROOT * madd::<FMA>(0.044_715 * u * u, u, u);
        *v = u - u / (1.0 + exp::<FMA>(2.0 * a));
    }
}

dispatch! {
    /// `x = gelu(x + bias)` for one row, the form with tanh.
    pub(crate) fn gelu_tanh(x: &mut [f32], bias: &[f32]) => gelu_tanh_body
}

#[inline(always)]
fn add_bias_body<const FMA: bool>(x: &mut [f32], bias: &[f32]) {
    for (v, b) in x.iter_mut().zip(bias) {
        *v += b;
    }
}

dispatch! {
    /// `x += bias` for one row.
    pub(crate) fn add_bias(x: &mut [f32], bias: &[f32]) => add_bias_body
}

/// `x = max(0, x + bias)` for one row.
pub(crate) fn relu(x: &mut [f32], bias: &[f32]) {
    for (v, b) in x.iter_mut().zip(bias) {
        let u = *v + b;
        // Not `max`, which would turn NaN into 0.
        *v = if u < 0.0 { 0.0 } else { u };
    }
}

#[cfg(test)]
mod tests {
    use super::{add_norm, gelu, gelu_tanh, layer_norm};

    /// erf by its Taylor series in f64; exact enough below 4.
    fn erf(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn gelu_follows_its_definition() {
        let xs: Vec<f32> = (-500..=500).map(|i| i as f32 / 100.0).collect();
        let bias = vec![0.25f32; xs.len()];
        let (mut exact, mut tanh) = (xs.clone(), xs.clone());
        gelu(&mut exact, &bias);
        gelu_tanh(&mut tanh, &bias);
        for (i, x) in xs.iter().enumerate() {
            let u = f64::from(x + 0.25);
            let wanted = 0.5 * u * (1.0 + erf(u / 2f64.sqrt()));
            assert!((f64::from(exact[i]) - wanted).abs() < 1e-6, "gelu({u})");
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (u + 0.044_715 * u.powi(3));
            let wanted = 0.5 * u * (1.0 + inner.tanh());
            assert!((f64::from(tanh[i]) - wanted).abs() < 1e-6, "gelu_tanh({u})");
        }
    }

    #[test]
    fn gelu_holds_at_the_ends() {
        let mut x = [1e30, -1e30, 40.0, -40.0, 0.0, f32::NAN];
        let mut y = x;
        gelu(&mut x, &[0.0; 6]);
        gelu_tanh(&mut y, &[0.0; 6]);
        for v in [x, y] {
            assert!(v[0] > 9e29 && v[1].abs() < 1e-6);
            assert!((v[2] - 40.0).abs() < 1e-5 && v[3].abs() < 1e-6 && v[4] == 0.0);
            assert!(v[5].is_nan());
        }
    }

    #[test]
    fn layer_norm_follows_its_definition() {
        let x: Vec<f32> = (0..37).map(|i| ((i * 7919) % 101) as f32 - 40.0).collect();
        let weight: Vec<f32> = (0..37).map(|i| 1.0 + 0.01 * i as f32).collect();
        let bias: Vec<f32> = (0..37).map(|i| 0.5 - 0.02 * i as f32).collect();
        let sum: Vec<f64> = x
            .iter()
            .zip(&bias)
            .map(|(x, b)| f64::from(2.0 * x + b))
            .collect();
        let mean = sum.iter().sum::<f64>() / 37.0;
        let variance = sum.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 37.0;
        let mut got = x.clone();
        add_norm(&mut got, &x, &bias, &weight, &bias, 1e-12);
        let mut plain: Vec<f32> = sum.iter().map(|v| *v as f32).collect();
        layer_norm(&mut plain, &weight, &bias, 1e-12);
        for i in 0..37 {
            let normed = (sum[i] - mean) / variance.sqrt();
            let wanted = normed * f64::from(weight[i]) + f64::from(bias[i]);
            assert!((f64::from(got[i]) - wanted).abs() < 1e-5);
            assert!((f64::from(plain[i]) - wanted).abs() < 1e-5);
        }
    }
}
