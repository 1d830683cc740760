//! The forward pass over caches of one sequence each: the path of the engine's thread until
//! it runs on [`super::runner`].

use super::cache::KvCache;
use super::decoder::Decoder;
use super::lora::{self, Adapter, AdapterRows, Target};
use super::rows::{add, norm_rows};
use super::weights::Layer;
use crate::error::EngineError;
use crate::kernel::contiguous::{Cache, attend};
use crate::kernel::elementwise::{rotate, silu_mul};
use rayon::prelude::*;

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
            adapters.extend(segment.adapter.map(|adapter| AdapterRows {
                rows: std::iter::once(first..rows.len()).collect(),
                adapter,
            }));
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
        out.par_chunks_mut(head_dim)
            .enumerate()
            .for_each_init(Vec::new, |scores, (at, out)| {
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
                if scores.len() < length {
                    scores.resize(length, 0.0);
                }
                let query = &qkv[row_index * width + head * head_dim..][..head_dim];
                attend(query, cache, head / group, length, scores, out);
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
        let mut active = vec![0f32; both.len() / 2];
        active
            .par_chunks_mut(inner)
            .zip(both.par_chunks(2 * inner))
            .for_each(|(out, both)| silu_mul(&both[..inner], &both[inner..], out));
        let mut y = layer.down.forward(&active);
        lora::add(adapters, index, Target::Down, &active, &mut y, hidden, 0);
        y
    }
}
