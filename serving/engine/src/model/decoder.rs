//! The forward pass over a flat batch: the new tokens of all sequences of a step are the
//! rows of one matrix for every linear layer; attention runs for each row alone.

use super::cache::KvCache;
use super::lora::{self, Adapter, AdapterRows, Target};
use super::weights::{Layer, Weights};
use crate::error::EngineError;
use crate::kernel::attention::{Cache, attend};
use crate::kernel::elementwise::{rms_norm, rotate, silu_mul};
use crate::kernel::matrix::Rows;
use crate::kernel::pool;
use crate::kernel::rows::Gate;
use crate::load::WeightSource;
use crate::load::spec::DecoderSpec;

/// A loaded decoder.
pub(crate) struct Decoder {
    pub(crate) spec: DecoderSpec,
    pub(crate) weights: Weights,
    inverse_frequencies: Vec<f64>,
}

/// One sequence's part of a step.
pub(crate) struct Segment<'a> {
    /// New tokens; their positions follow the cached ones.
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut KvCache,
    pub(crate) adapter: Option<&'a Adapter>,
}

/// Where a row of the flat batch belongs.
struct Row {
    segment: usize,
    position: usize,
}

impl Decoder {
    /// Reads all weights.
    pub(crate) fn load(spec: DecoderSpec, source: &dyn WeightSource) -> Result<Self, EngineError> {
        let weights = Weights::load(&spec, source)?;
        let inverse_frequencies = inverse_frequencies(&spec);
        Ok(Self {
            spec,
            weights,
            inverse_frequencies,
        })
    }

    /// Runs the new tokens of every segment and extends the caches. Returns the hidden
    /// states after the final norm, one row for each token in segment order.
    pub(crate) fn forward(&self, segments: &mut [Segment<'_>]) -> Result<Vec<f32>, EngineError> {
        let spec = &self.spec;
        let mut rows = Vec::new();
        let mut tokens = Vec::new();
        let mut adapters = Vec::new();
        for (index, segment) in segments.iter().enumerate() {
            let first = rows.len();
            let cached = segment.cache.tokens();
            rows.extend((0..segment.tokens.len()).map(|i| Row {
                segment: index,
                position: cached + i,
            }));
            tokens.extend_from_slice(segment.tokens);
            adapters.push(AdapterRows {
                rows: first..rows.len(),
                adapter: segment.adapter,
            });
        }
        if let Some(bad) = tokens.iter().find(|t| **t as usize >= spec.vocab) {
            return Err(EngineError::invalid(
                "prompt",
                format!("词元 {bad} 超出词表 {}", spec.vocab),
            ));
        }
        let turns: Vec<Vec<(f32, f32)>> = rows.iter().map(|r| self.turn(r.position)).collect();
        let mut x = self.weights.embed(&tokens)?;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            let normed = norm_rows(&x, &layer.attn_norm, spec.rms_eps);
            let attended =
                self.attention(index, layer, &normed, segments, &rows, &turns, &adapters);
            let mut y = layer.output.forward(&attended);
            lora::add(
                &adapters,
                index,
                Target::O,
                &attended,
                &mut y,
                spec.hidden,
                0,
            );
            add(&mut x, &y);
            let normed = norm_rows(&x, &layer.ffn_norm, spec.rms_eps);
            add(&mut x, &self.feed_forward(index, layer, &normed, &adapters));
        }
        for segment in segments.iter_mut() {
            segment.cache.advance(segment.tokens.len());
        }
        Ok(norm_rows(&x, &self.weights.norm, spec.rms_eps))
    }

    /// Logits of rows of final hidden states.
    pub(crate) fn logits(&self, hidden: &[f32]) -> Vec<f32> {
        self.weights.head.forward(hidden)
    }

    /// Rotation of one position: `(cos, sin)` of each pair.
    pub(crate) fn turn(&self, position: usize) -> Vec<(f32, f32)> {
        self.inverse_frequencies
            .iter()
            .map(|f| {
                let (sin, cos) = (position as f64 * f).sin_cos();
                (cos as f32, sin as f32)
            })
            .collect()
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one step, all borrowed apart"
    )]
    fn attention(
        &self,
        index: usize,
        layer: &Layer,
        x: &[f32],
        segments: &mut [Segment<'_>],
        rows: &[Row],
        turns: &[Vec<(f32, f32)>],
        adapters: &[AdapterRows<'_>],
    ) -> Vec<f32> {
        let spec = &self.spec;
        let (q_dim, kv_dim, head_dim) = (spec.q_dim(), spec.kv_dim(), spec.head_dim);
        let width = q_dim + 2 * kv_dim;
        let mut qkv = layer.qkv.forward(x);
        for (target, from) in [
            (Target::Q, 0),
            (Target::K, q_dim),
            (Target::V, q_dim + kv_dim),
        ] {
            lora::add(adapters, index, target, x, &mut qkv, width, from);
        }
        for ((projected, row), turn) in qkv.chunks_exact_mut(width).zip(rows).zip(turns) {
            if let Some(bias) = &layer.qkv_bias {
                add(projected, bias);
            }
            let (rotated, value) = projected.split_at_mut(q_dim + kv_dim);
            rotate(rotated, head_dim, turn);
            segments[row.segment]
                .cache
                .push(index, &rotated[q_dim..], value);
        }
        let shared: &[Segment<'_>] = segments;
        let group = spec.heads / spec.kv_heads;
        let mut out = vec![0f32; rows.len() * q_dim];
        pool::chunks(&mut out, head_dim, |at, out| {
            let (row_index, head) = (at / spec.heads, at % spec.heads);
            let row = &rows[row_index];
            let (keys, values) = shared[row.segment].cache.layer(index);
            let cache = Cache {
                keys,
                values,
                stride: kv_dim,
                head_dim,
            };
            let length = row.position + 1;
            let mut scores = vec![0.0; length];
            let query = &qkv[row_index * width + head * head_dim..][..head_dim];
            attend(query, cache, head / group, length, &mut scores, out);
        });
        out
    }

    fn feed_forward(
        &self,
        index: usize,
        layer: &Layer,
        x: &[f32],
        adapters: &[AdapterRows<'_>],
    ) -> Vec<f32> {
        let (inner, hidden) = (self.spec.intermediate, self.spec.hidden);
        let mut both = layer.gate_up.forward(x);
        lora::add(adapters, index, Target::Gate, x, &mut both, 2 * inner, 0);
        lora::add(adapters, index, Target::Up, x, &mut both, 2 * inner, inner);
        if adapters.iter().all(|a| a.adapter.is_none()) {
            let mut active = Rows::default();
            layer.down.take_gated(&mut active, &both, Gate::Silu);
            let mut y = vec![0f32; both.len() / (2 * inner) * hidden];
            layer.down.product(&active, &mut y);
            return y;
        }
        let mut active = vec![0f32; both.len() / 2];
        pool::chunks(&mut active, inner, |i, out| {
            let (gate, up) = both[2 * i * inner..2 * (i + 1) * inner].split_at(inner);
            silu_mul(gate, up, out);
        });
        let mut y = layer.down.forward(&active);
        lora::add(adapters, index, Target::Down, &active, &mut y, hidden, 0);
        y
    }
}

/// Rotation speed of each pair of a head, in radians for each position.
pub(crate) fn inverse_frequencies(spec: &DecoderSpec) -> Vec<f64> {
    let half = spec.head_dim / 2;
    (0..half)
        .map(|i| {
            let base = f64::from(spec.rope_theta).powf(-(i as f64) / half as f64);
            let factor = spec.rope_factors.as_ref().map_or(1.0, |f| f64::from(f[i]));
            base / factor
        })
        .collect()
}

fn norm_rows(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let rows = out.chunks_exact_mut(weight.len());
    for (out, x) in rows.zip(x.chunks_exact(weight.len())) {
        rms_norm(x, weight, eps, out);
    }
    out
}

fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
