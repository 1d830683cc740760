//! A loaded decoder: description, weights, rotation speeds.

use super::weights::Weights;
use crate::error::EngineError;
use crate::kernel::elementwise::tanh_cap;
use crate::load::WeightSource;
use crate::load::spec::DecoderSpec;

/// Rotation of one position: `(cos, sin)` of each pair of a head, times the magnitude of a
/// long-context scaling.
pub(crate) type Turn = Vec<(f32, f32)>;

/// A loaded decoder.
pub(crate) struct Decoder {
    pub(crate) spec: DecoderSpec,
    pub(crate) weights: Weights,
    speeds: Vec<f64>,
    /// In layers with a window.
    local_speeds: Vec<f64>,
}

impl Decoder {
    /// Reads all weights.
    pub(crate) fn load(spec: DecoderSpec, source: &dyn WeightSource) -> Result<Self, EngineError> {
        let weights = Weights::load(&spec, source)?;
        let speeds = inverse_frequencies(&spec);
        let local_speeds = spec.window.as_ref().map_or_else(Vec::new, |window| {
            frequencies(window.rope_theta, spec.head_dim, None)
        });
        Ok(Self {
            spec,
            weights,
            speeds,
            local_speeds,
        })
    }

    /// Logits of rows of final hidden states; `-inf` where a row's mask forbids a token.
    pub(crate) fn logits(&self, hidden: &[f32], masks: &[Option<&[u64]>]) -> Vec<f32> {
        let mut logits = self.weights.head.forward_allowed(hidden, masks);
        if let Some(cap) = self.spec.final_softcap {
            tanh_cap(&mut logits, cap);
        }
        logits
    }

    /// Rotation of one position in layers without a window.
    pub(crate) fn turn(&self, position: usize) -> Turn {
        turn(&self.speeds, position, self.spec.rope_magnitude)
    }

    /// Rotation of one position in layers with a window; empty where no layer has one.
    pub(crate) fn local_turn(&self, position: usize) -> Turn {
        turn(&self.local_speeds, position, 1.0)
    }
}

fn turn(speeds: &[f64], position: usize, magnitude: f32) -> Turn {
    speeds
        .iter()
        .map(|f| {
            let (sin, cos) = (position as f64 * f).sin_cos();
            (magnitude * cos as f32, magnitude * sin as f32)
        })
        .collect()
}

/// Rotation speed of each pair of a head, in radians for each position.
pub(crate) fn inverse_frequencies(spec: &DecoderSpec) -> Vec<f64> {
    frequencies(spec.rope_theta, spec.head_dim, spec.rope_factors.as_deref())
}

fn frequencies(theta: f32, head_dim: usize, factors: Option<&[f32]>) -> Vec<f64> {
    let half = head_dim / 2;
    (0..half)
        .map(|i| {
            let base = f64::from(theta).powf(-(i as f64) / half as f64);
            base / factors.map_or(1.0, |f| f64::from(f[i]))
        })
        .collect()
}
