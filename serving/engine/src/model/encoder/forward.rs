//! The forward pass over a flat batch.

use super::Encoder;
use super::weights::{Layer, Norm};
use crate::kernel::bidirectional::{Heads, attend, pack};
use crate::kernel::encoder::{add_norm, gelu, gelu_tanh, layer_norm, relu};
use crate::load::encoder::spec::Activation;
use crate::tokenizer::encoder::Tokens;
use rayon::prelude::*;
use std::ops::Range;

/// Query rows that one task of attention takes: few enough that the texts of a small batch
/// keep all threads busy.
const TASK_ROWS: usize = 32;
/// Rows of elementwise work below which a task is not split.
const LIGHT_ROWS: usize = 16;

impl Encoder {
    /// Hidden states after the last layer: of all rows of all texts, or of every text's first
    /// row only.
    pub(super) fn forward(&self, texts: &[&Tokens], first_only: bool) -> Vec<f32> {
        let mut spans = Vec::with_capacity(texts.len());
        let mut end = 0;
        for text in texts {
            spans.push(end..end + text.ids.len());
            end += text.ids.len();
        }
        let mut x = self.embed(texts, end);
        let last = self.weights.layers.len() - 1;
        for (index, layer) in self.weights.layers.iter().enumerate() {
            self.layer(layer, &mut x, &spans, first_only && index == last);
        }
        x
    }

    /// Sum of the three tables' rows, normalised.
    fn embed(&self, texts: &[&Tokens], rows: usize) -> Vec<f32> {
        let (spec, weights) = (&self.spec, &self.weights);
        let mut x = vec![0f32; rows * spec.hidden];
        let places: Vec<(u32, u32, usize)> = texts
            .iter()
            .flat_map(|text| {
                let positions = spec.first_position..;
                let pairs = text.ids.iter().zip(&text.types).zip(positions);
                pairs.map(|((id, kind), position)| (*id, *kind, position))
            })
            .collect();
        x.par_chunks_mut(spec.hidden)
            .zip(places)
            .with_min_len(LIGHT_ROWS)
            .for_each(|(row, (id, kind, position))| {
                weights.words.add_row(id as usize, row);
                weights.positions.add_row(position, row);
                // A model with one type has it for both texts of a pair.
                weights
                    .types
                    .add_row((kind as usize).min(spec.types - 1), row);
                layer_norm(row, &weights.norm.weight, &weights.norm.bias, spec.eps);
            });
        x
    }

    /// Runs one layer over `x` in place; with `first_only`, `x` keeps each text's first row.
    fn layer(&self, layer: &Layer, x: &mut Vec<f32>, spans: &[Range<usize>], first_only: bool) {
        let attended = self.attention(layer, x, spans, first_only);
        if first_only {
            let hidden = self.spec.hidden;
            let firsts = spans
                .iter()
                .map(|s| &x[s.start * hidden..(s.start + 1) * hidden]);
            *x = firsts.collect::<Vec<_>>().concat();
        }
        let y = layer.output.matrix.forward(&attended);
        self.add_norm_rows(x, &y, &layer.output.bias, &layer.attention_norm);
        let mut inner = layer.inner.matrix.forward(x);
        let activate = match self.spec.activation {
            Activation::Gelu => gelu,
            Activation::GeluTanh => gelu_tanh,
            Activation::Relu => relu,
        };
        inner
            .par_chunks_mut(self.spec.intermediate)
            .with_min_len(LIGHT_ROWS)
            .for_each(|row| activate(row, &layer.inner.bias));
        let y = layer.outer.matrix.forward(&inner);
        self.add_norm_rows(x, &y, &layer.outer.bias, &layer.norm);
    }

    fn add_norm_rows(&self, x: &mut [f32], y: &[f32], bias: &[f32], norm: &Norm) {
        let (width, eps) = (self.spec.hidden, self.spec.eps);
        x.par_chunks_mut(width)
            .zip(y.par_chunks(width))
            .with_min_len(LIGHT_ROWS)
            .for_each(|(x, y)| add_norm(x, y, bias, &norm.weight, &norm.bias, eps));
    }

    /// Attention of every row (or every text's first row) over its own text.
    fn attention(
        &self,
        layer: &Layer,
        x: &[f32],
        spans: &[Range<usize>],
        first_only: bool,
    ) -> Vec<f32> {
        let (heads, hidden) = (self.heads(), self.spec.hidden);
        let width = heads.width();
        let mut qkv = layer.qkv.matrix.forward(x);
        qkv.par_chunks_mut(width)
            .with_min_len(LIGHT_ROWS)
            .for_each(|row| {
                for (v, b) in row.iter_mut().zip(&layer.qkv.bias) {
                    *v += b;
                }
            });
        let packed = pack_all(&qkv, heads, spans);
        let wanted = |span: &Range<usize>| if first_only { 1 } else { span.len() };
        let mut out = vec![0f32; spans.iter().map(wanted).sum::<usize>() * hidden];
        let mut tasks = Vec::new();
        let mut rest = out.as_mut_slice();
        for (span, packed) in spans.iter().zip(&packed) {
            let rows = wanted(span);
            for from in (0..rows).step_by(TASK_ROWS) {
                let to = (from + TASK_ROWS).min(rows);
                let (own, after) = rest.split_at_mut((to - from) * hidden);
                rest = after;
                tasks.push((span, packed, from..to, own));
            }
        }
        tasks
            .into_par_iter()
            .for_each_init(Vec::new, |scratch, (span, packed, rows, out)| {
                let needed = Heads::scratch_len(span.len());
                if scratch.len() < needed {
                    scratch.resize(needed, 0.0);
                }
                let own = &qkv[span.start * width..span.end * width];
                attend(own, rows, heads, packed, scratch, out);
            });
        out
    }
}

/// Keys and values of every text, packed head by head.
fn pack_all(qkv: &[f32], heads: Heads, spans: &[Range<usize>]) -> Vec<Vec<f32>> {
    let width = heads.width();
    spans
        .par_iter()
        .map(|span| {
            let size = heads.packed_len(span.len());
            let mut packed = vec![0f32; heads.heads * size];
            packed
                .par_chunks_mut(size)
                .enumerate()
                .for_each(|(head, out)| {
                    pack(&qkv[span.start * width..span.end * width], heads, head, out);
                });
            packed
        })
        .collect()
}
