//! AdamW over flat arrays. Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.

const BETA1: f64 = 0.9;
const BETA2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Moments of one variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

impl Moments {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            first: vec![0.0; size],
            second: vec![0.0; size],
        }
    }

    /// Moves `values` against `gradient`. `step` counts from 0.
    pub(crate) fn apply(
        &mut self,
        values: &mut [f32],
        gradient: &[f32],
        step: usize,
        rate: f64,
        decay: f64,
    ) {
        let t = (step + 1).min(i32::MAX as usize) as i32;
        let (fix1, fix2) = (1.0 - BETA1.powi(t), 1.0 - BETA2.powi(t));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((value, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
            let g = f64::from(*g);
            *m = (BETA1 * f64::from(*m) + (1.0 - BETA1) * g) as f32;
            *v = (BETA2 * f64::from(*v) + (1.0 - BETA2) * g * g) as f32;
            let toward = (f64::from(*m) / fix1) / ((f64::from(*v) / fix2).sqrt() + EPSILON);
            let old = f64::from(*value);
            *value = (old - rate * (toward + decay * old)) as f32;
        }
    }
}

/// Scales gradients so that their common norm is at most `most` (0: no limit); returns the
/// norm before.
pub(crate) fn clip(gradients: &mut [Vec<f32>], most: f64) -> f64 {
    let square = |g: &f32| f64::from(*g) * f64::from(*g);
    let norm = gradients.iter().flatten().map(square).sum::<f64>().sqrt();
    if most > 0.0 && norm > most {
        let scale = (most / norm) as f32;
        gradients.iter_mut().flatten().for_each(|g| *g *= scale);
    }
    norm
}
