//! The forward pass over a flat batch: the new tokens of all spans are the rows of one
//! matrix for every linear layer, and read the keys and values of their own span.

use super::decoder::{Decoder, Turn};
use super::lora::{self, AdapterRows, Target};
use super::pool::{self, KvPool};
use super::rows::{add, add_rows, each, norm_rows};
use super::weights::Layer;
use super::workspace::{Workspace, room};
use crate::error::EngineError;
use crate::kernel::attention::{Attention, Reader, attend};
use crate::kernel::elementwise::{rms_norm, rotate};
use crate::kernel::matrix::{Inputs, Matrix};
use crate::kernel::rows::Gate;
use crate::load::spec::Activation;
use crate::runner::{FlatBatch, Span};
use std::sync::Arc;

/// One step of a decoder.
pub(super) struct Step<'a> {
    decoder: &'a Decoder,
    batch: &'a FlatBatch,
    turns: Vec<Turn>,
    local_turns: Vec<Turn>,
}

/// Some rows of the batch, one span's after the other's.
struct Rows<'a> {
    readers: Vec<Reader<'a>>,
    adapters: Vec<AdapterRows<'a>>,
    count: usize,
}

impl<'a> Rows<'a> {
    /// The last `kept(span)` rows of each span.
    fn new(batch: &'a FlatBatch, kept: impl Fn(&Span) -> usize) -> Self {
        let mut rows = Self {
            readers: Vec::new(),
            adapters: Vec::new(),
            count: 0,
        };
        for span in &batch.spans {
            let kept = kept(span);
            let own = rows.count..rows.count + kept;
            rows.count = own.end;
            if kept == 0 {
                continue;
            }
            if let Some(adapter) = &span.adapter {
                rows.adapt(adapter, own.clone());
            }
            rows.readers.push(Reader {
                rows: own,
                start: span.start + span.rows.len() - kept,
                blocks: &span.blocks,
            });
        }
        rows
    }

    fn adapt(&mut self, adapter: &'a Arc<lora::Adapter>, own: std::ops::Range<usize>) {
        let known = self
            .adapters
            .iter_mut()
            .find(|group| std::ptr::eq(group.adapter, &raw const **adapter));
        match known {
            None => self.adapters.push(AdapterRows {
                rows: vec![own],
                adapter,
            }),
            Some(group) => match group.rows.last_mut() {
                Some(last) if last.end == own.start => last.end = own.end,
                _ => group.rows.push(own),
            },
        }
    }
}

impl<'a> Step<'a> {
    pub(super) fn new(decoder: &'a Decoder, batch: &'a FlatBatch) -> Self {
        let positions = || {
            let spans = batch.spans.iter();
            spans.flat_map(|s| s.start..s.start + s.rows.len())
        };
        Self {
            decoder,
            batch,
            turns: positions().map(|p| decoder.turn(p)).collect(),
            local_turns: positions().map(|p| decoder.local_turn(p)).collect(),
        }
    }

    /// Writes the keys and values of all rows; returns the final hidden states, after the
    /// last norm, of the last `kept(span)` rows of each span.
    pub(super) fn run(
        &self,
        pool: &mut KvPool,
        work: &mut Workspace,
        kept: impl Fn(&Span) -> usize,
    ) -> Result<Vec<f32>, EngineError> {
        let spec = &self.decoder.spec;
        let width = spec.q_dim() + 2 * spec.kv_dim();
        let all = Rows::new(self.batch, |span| span.rows.len());
        let some = Rows::new(self.batch, &kept);
        let Workspace {
            inputs,
            qkv,
            both,
            y,
        } = work;
        let mut x = self.embed()?;
        let mut rows = &all;
        for (index, layer) in self.decoder.weights.layers.iter().enumerate() {
            let mut qkv = room(qkv, all.count * width);
            self.project(index, layer, &x, &all, inputs, qkv);
            self.remember(index, qkv, pool);
            let mut wanted;
            // After the last keys and values are written, only the wanted rows go on.
            if index + 1 == spec.layers && some.count < all.count {
                rows = &some;
                x = self.last_rows(&x, spec.hidden, &kept);
                wanted = self.last_rows(qkv, width, &kept);
                qkv = &mut wanted;
            }
            if rows.count == 0 {
                break;
            }
            let how = self.attention(index);
            let attended = attend(&how, pool.layer(index), &rows.readers, qkv, width);
            let y = room(y, rows.count * spec.hidden);
            layer.output.take(inputs, &attended);
            layer.output.product_into(inputs, y);
            let adapters = &rows.adapters;
            lora::add(adapters, index, Target::O, &attended, y, spec.hidden, 0);
            self.join(&mut x, y, layer.post_attn_norm.as_deref());
            let both = room(both, rows.count * 2 * spec.intermediate);
            self.feed_forward(index, layer, &x, adapters, inputs, both, y);
            self.join(&mut x, y, layer.post_ffn_norm.as_deref());
        }
        Ok(norm_rows(&x, &self.decoder.weights.norm, spec.rms_eps))
    }

    fn embed(&self) -> Result<Vec<f32>, EngineError> {
        let mut x = self.decoder.weights.embed(&self.batch.tokens)?;
        if let Some(scale) = self.decoder.spec.embedding_scale {
            for v in &mut x {
                *v *= scale;
            }
        }
        Ok(x)
    }

    /// Adds the output of a half layer, normed first where the family does so.
    fn join(&self, x: &mut [f32], y: &[f32], norm: Option<&[f32]>) {
        match norm {
            None => add_rows(x, y, self.decoder.spec.hidden),
            Some(norm) => add(x, &norm_rows(y, norm, self.decoder.spec.rms_eps)),
        }
    }

    /// The last `kept(span)` rows of each span, of rows of `width` numbers.
    fn last_rows(&self, x: &[f32], width: usize, kept: impl Fn(&Span) -> usize) -> Vec<f32> {
        let parts = self.batch.spans.iter().map(|span| {
            let first = span.rows.end - kept(span);
            &x[first * width..span.rows.end * width]
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// Queries, keys and values of all rows: biased, normed by head and rotated as the
    /// family does.
    fn project(
        &self,
        index: usize,
        layer: &Layer,
        x: &[f32],
        rows: &Rows<'_>,
        inputs: &mut Inputs,
        qkv: &mut [f32],
    ) {
        let spec = &self.decoder.spec;
        let (q_dim, kv_dim, head_dim) = (spec.q_dim(), spec.kv_dim(), spec.head_dim);
        let width = q_dim + 2 * kv_dim;
        let (norm, adapters) = (&layer.attn_norm, &rows.adapters);
        let normed = self.normed_product(x, norm, &layer.qkv, adapters, inputs, qkv);
        for (target, from) in [
            (Target::Q, 0),
            (Target::K, q_dim),
            (Target::V, q_dim + kv_dim),
        ] {
            lora::add(adapters, index, target, &normed, qkv, width, from);
        }
        let local = spec.window_of(index).is_some();
        let turns = if local {
            &self.local_turns
        } else {
            &self.turns
        };
        each(qkv, width, |row, qkv| {
            if let Some(bias) = &layer.qkv_bias {
                add(qkv, bias);
            }
            let (queries, keys) = qkv[..q_dim + kv_dim].split_at_mut(q_dim);
            if let Some((q_norm, k_norm)) = &layer.head_norms {
                norm_heads(queries, q_norm, spec.rms_eps);
                norm_heads(keys, k_norm, spec.rms_eps);
            }
            rotate(&mut qkv[..q_dim + kv_dim], head_dim, &turns[row]);
        });
    }

    /// The product of the normed rows of `x`; returns these rows where an adapter needs them.
    fn normed_product(
        &self,
        x: &[f32],
        norm: &[f32],
        matrix: &Matrix,
        adapters: &[AdapterRows<'_>],
        inputs: &mut Inputs,
        out: &mut [f32],
    ) -> Vec<f32> {
        let eps = self.decoder.spec.rms_eps;
        let mut normed = Vec::new();
        if adapters.is_empty() {
            matrix.take_normed(inputs, x, norm, eps);
        } else {
            normed = norm_rows(x, norm, eps);
            matrix.take(inputs, &normed);
        }
        matrix.product_into(inputs, out);
        normed
    }

    /// Writes the keys and values of all rows to their blocks.
    fn remember(&self, index: usize, qkv: &[f32], pool: &mut KvPool) {
        let spec = &self.decoder.spec;
        let (q_dim, kv_dim) = (spec.q_dim(), spec.kv_dim());
        let width = q_dim + 2 * kv_dim;
        for span in &self.batch.spans {
            let rows = qkv[span.rows.start * width..span.rows.end * width].chunks_exact(width);
            let rows = rows.map(|row| row[q_dim..].split_at(kv_dim));
            pool.write(index, &span.blocks, span.start, rows);
        }
    }

    fn attention(&self, index: usize) -> Attention {
        let spec = &self.decoder.spec;
        Attention {
            layout: pool::layout(spec),
            heads: spec.heads,
            scale: spec.attention_scale,
            softcap: spec.attention_softcap,
            window: spec.window_of(index).map(|w| w.tokens),
        }
    }

    /// The feed-forward half of a layer into `y`; `both` holds gate and up of each row.
    #[expect(
        clippy::too_many_arguments,
        reason = "the last three are memory that is used again"
    )]
    fn feed_forward(
        &self,
        index: usize,
        layer: &Layer,
        x: &[f32],
        adapters: &[AdapterRows<'_>],
        inputs: &mut Inputs,
        both: &mut [f32],
        y: &mut [f32],
    ) {
        let spec = &self.decoder.spec;
        let inner = spec.intermediate;
        let normed =
            self.normed_product(x, &layer.ffn_norm, &layer.gate_up, adapters, inputs, both);
        for (target, from) in [(Target::Gate, 0), (Target::Up, inner)] {
            lora::add(adapters, index, target, &normed, both, 2 * inner, from);
        }
        let gate = match spec.activation {
            Activation::Silu => Gate::Silu,
            Activation::GeluTanh => Gate::Gelu,
        };
        // Without adapters nobody needs the active rows but the next product.
        if adapters.is_empty() {
            layer.down.take_gated(inputs, both, gate);
            layer.down.product_into(inputs, y);
            return;
        }
        let mut active = vec![0f32; both.len() / 2];
        each(&mut active, inner, |row, out| {
            let (first, second) = both[2 * row * inner..2 * (row + 1) * inner].split_at(inner);
            gate.apply(first, second, out);
        });
        layer.down.take(inputs, &active);
        layer.down.product_into(inputs, y);
        lora::add(adapters, index, Target::Down, &active, y, spec.hidden, 0);
    }
}

/// Norms each head of a row in place.
fn norm_heads(row: &mut [f32], weight: &[f32], eps: f32) {
    let mut before = vec![0f32; weight.len()];
    for head in row.chunks_exact_mut(weight.len()) {
        before.copy_from_slice(head);
        rms_norm(&before, weight, eps, head);
    }
}
