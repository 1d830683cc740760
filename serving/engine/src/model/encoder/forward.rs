//! The forward pass over a flat batch.
//!
//! Rows are cut into blocks of whole rows, whatever texts they belong to. A block passes
//! through everything between two attentions in one go, so its rows stay in the caches of
//! one core; only keys and values of a text are needed by several blocks.

use super::Encoder;
use super::weights::{Layer, Linear, Norm};
use crate::kernel::bidirectional::{Heads, attend, pack};
use crate::kernel::encoder::{add_bias, add_norm, gelu, gelu_tanh, layer_norm, relu};
use crate::kernel::panels::HalfRows;
use crate::kernel::pool;
use crate::load::encoder::spec::Activation;
use crate::tokenizer::encoder::Tokens;
use std::cell::RefCell;
use std::ops::Range;

/// Rows of a block: enough to use each weight often, few enough for a second-level cache.
const MOST_ROWS: usize = 64;
/// Blocks are not cut finer than this to occupy more threads.
const FEWEST_ROWS: usize = 8;

/// Rows of one block that belong to one text.
struct Piece {
    text: usize,
    /// Rows in the block.
    rows: Range<usize>,
}

/// Heads of a text that are packed together.
const HEADS: usize = 4;

/// Rows that one thread takes through a layer.
struct Block<'a> {
    x: &'a mut [f32],
    qkv: &'a mut [f32],
    pieces: Vec<Piece>,
}

/// Buffers of a thread.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    attended: Vec<f32>,
    inner: Vec<f32>,
    product: Vec<f32>,
    half: HalfRows,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Encoder {
    /// Hidden states after the last layer: of all rows of all texts, or of every text's first
    /// row only.
    pub(super) fn forward(&self, texts: &[&Tokens], first_only: bool) -> Vec<f32> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.ids.len()).collect();
        let mut x = self.embed(texts, lengths.iter().sum());
        let width = self.heads().width();
        let mut qkv = vec![0f32; x.len() / self.spec.hidden * width];
        let layers = &self.weights.layers;
        self.blocks(&mut x, &mut qkv, &lengths, |block, scratch| {
            self.project(&layers[0], block, scratch);
        });
        for (index, layer) in layers.iter().enumerate() {
            let packed = self.pack(&qkv, &lengths);
            let next = layers.get(index + 1);
            if first_only && next.is_none() {
                x = first_rows(&x, self.spec.hidden, &lengths);
                qkv = first_rows(&qkv, width, &lengths);
            }
            let rows = if first_only && next.is_none() {
                vec![1; lengths.len()]
            } else {
                lengths.clone()
            };
            self.blocks(&mut x, &mut qkv, &rows, |block, scratch| {
                self.attend(block, &packed, &lengths, scratch);
                self.finish(layer, block, scratch);
                if let Some(next) = next {
                    self.project(next, block, scratch);
                }
            });
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
        pool::rows(&mut x, spec.hidden, MOST_ROWS, |at, row| {
            let (id, kind, position) = places[at];
            weights.words.add_row(id as usize, row);
            weights.positions.add_row(position, row);
            // A model with one type has it for both texts of a pair.
            let kind = (kind as usize).min(spec.types - 1);
            weights.types.add_row(kind, row);
            layer_norm(row, &weights.norm.weight, &weights.norm.bias, spec.eps);
        });
        x
    }

    /// Runs `work` for each block; `counts` are the rows of each text.
    fn blocks(
        &self,
        x: &mut [f32],
        qkv: &mut [f32],
        counts: &[usize],
        work: impl Fn(&mut Block<'_>, &mut Scratch) + Sync,
    ) {
        let total = x.len() / self.spec.hidden;
        let size = total
            .div_ceil(pool::threads())
            .next_multiple_of(4)
            .clamp(FEWEST_ROWS, MOST_ROWS);
        let mut blocks: Vec<Block<'_>> = x
            .chunks_mut(size * self.spec.hidden)
            .zip(qkv.chunks_mut(size * self.heads().width()))
            .map(|(x, qkv)| Block {
                x,
                qkv,
                pieces: Vec::new(),
            })
            .collect();
        let mut row = 0;
        for (text, count) in counts.iter().enumerate() {
            let end = row + count;
            while row < end {
                let (block, from) = (row / size, row % size);
                let to = size.min(from + end - row);
                let rows = from..to;
                row += rows.len();
                blocks[block].pieces.push(Piece { text, rows });
            }
        }
        pool::chunks(&mut blocks, 1, |_, own| {
            for block in own {
                SCRATCH.with_borrow_mut(|scratch| work(block, scratch));
            }
        });
    }

    /// Queries, keys and values of a block's rows.
    fn project(&self, layer: &Layer, block: &mut Block<'_>, scratch: &mut Scratch) {
        layer
            .qkv
            .panels
            .product(block.x, &mut scratch.half, block.qkv);
        for row in block.qkv.chunks_exact_mut(self.heads().width()) {
            add_bias(row, &layer.qkv.bias);
        }
    }

    /// Keys and values of every text, head by head.
    fn pack(&self, qkv: &[f32], lengths: &[usize]) -> Vec<Vec<f32>> {
        let heads = self.heads();
        let size = |length: &usize| heads.packed_len(*length);
        let mut all: Vec<Vec<f32>> = lengths
            .iter()
            .map(|length| vec![0f32; heads.heads * size(length)])
            .collect();
        let mut jobs = Vec::with_capacity(lengths.len() * heads.heads);
        let mut rest = qkv;
        for (packed, length) in all.iter_mut().zip(lengths) {
            let (own, after) = rest.split_at(length * heads.width());
            rest = after;
            for (head, out) in packed.chunks_exact_mut(size(length)).enumerate() {
                jobs.push((own, head, out));
            }
        }
        pool::chunks(&mut jobs, HEADS, |_, jobs| {
            for (qkv, head, out) in jobs {
                pack(qkv, heads, *head, out);
            }
        });
        all
    }

    /// Attention of a block's rows, each over its own text.
    fn attend(
        &self,
        block: &Block<'_>,
        packed: &[Vec<f32>],
        lengths: &[usize],
        scratch: &mut Scratch,
    ) {
        let (heads, hidden) = (self.heads(), self.spec.hidden);
        let width = heads.width();
        scratch.attended.resize(block.x.len(), 0.0);
        for piece in &block.pieces {
            let length = lengths[piece.text];
            let scores = Heads::scratch_len(length);
            if scratch.scores.len() < scores {
                scratch.scores.resize(scores, 0.0);
            }
            attend(
                &block.qkv[piece.rows.start * width..piece.rows.end * width],
                length,
                heads,
                &packed[piece.text],
                &mut scratch.scores,
                &mut scratch.attended[piece.rows.start * hidden..piece.rows.end * hidden],
            );
        }
    }

    /// Everything of a layer behind its attention.
    fn finish(&self, layer: &Layer, block: &mut Block<'_>, scratch: &mut Scratch) {
        let Scratch {
            attended,
            inner,
            product,
            half,
            ..
        } = scratch;
        product.resize(block.x.len(), 0.0);
        self.add_normed(
            &layer.output,
            &layer.attention_norm,
            attended,
            block.x,
            product,
            half,
        );
        let rows = block.x.len() / self.spec.hidden;
        inner.resize(rows * self.spec.intermediate, 0.0);
        layer.inner.panels.product(block.x, half, inner);
        let activate = match self.spec.activation {
            Activation::Gelu => gelu,
            Activation::GeluTanh => gelu_tanh,
            Activation::Relu => relu,
        };
        for row in inner.chunks_exact_mut(self.spec.intermediate) {
            activate(row, &layer.inner.bias);
        }
        self.add_normed(&layer.outer, &layer.norm, inner, block.x, product, half);
    }

    /// `x = norm(x + linear(y))`.
    fn add_normed(
        &self,
        linear: &Linear,
        norm: &Norm,
        y: &[f32],
        x: &mut [f32],
        product: &mut [f32],
        half: &mut HalfRows,
    ) {
        let (width, eps) = (self.spec.hidden, self.spec.eps);
        linear.panels.product(y, half, product);
        for (x, y) in x.chunks_exact_mut(width).zip(product.chunks_exact(width)) {
            add_norm(x, y, &linear.bias, &norm.weight, &norm.bias, eps);
        }
    }
}

/// The first of each text's rows.
fn first_rows(rows: &[f32], width: usize, lengths: &[usize]) -> Vec<f32> {
    let mut out = Vec::with_capacity(lengths.len() * width);
    let mut start = 0;
    for length in lengths {
        out.extend_from_slice(&rows[start * width..(start + 1) * width]);
        start += length;
    }
    out
}
