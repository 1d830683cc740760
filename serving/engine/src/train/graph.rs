//! The decoder's forward pass as a Candle graph over packed examples.

use super::data::Example;
use super::ops::{FrozenLinear, HeadLoss, Part, RmsNorm, Rotate, SiluMul};
use super::variables::Variables;
use crate::error::EngineError;
use crate::model::decoder::Decoder;
use crate::model::lora::Target;
use candle_core::{D, Device, Tensor};
use std::sync::Arc;

/// Decoder and adapter of a training run.
pub(crate) struct Graph<'a> {
    pub(crate) decoder: &'a Arc<Decoder>,
    pub(crate) variables: &'a Variables,
}

/// Where examples lie in the packed rows.
struct Packing {
    /// `(first row, rows)` of each example.
    spans: Vec<(usize, usize)>,
    turns: Arc<Vec<Vec<(f32, f32)>>>,
}

impl Graph<'_> {
    /// Sum of the examples' losses times `weight`; a differentiable scalar.
    pub(crate) fn loss(&self, examples: &[&Example], weight: f32) -> Result<Tensor, EngineError> {
        let hidden = self.hidden(examples)?;
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        let all = examples.iter().flat_map(|e| &e.targets);
        for (row, target) in all.enumerate() {
            if let Some(target) = target {
                rows.push(row as u32);
                targets.push(*target);
            }
        }
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let normed = self.norm(&hidden.index_select(&rows, 0)?, &self.decoder.weights.norm)?;
        Ok(normed.apply_op1(HeadLoss::new(Arc::clone(self.decoder), targets, weight))?)
    }

    /// Hidden states before the final norm, one row for each token of the packed examples.
    pub(crate) fn hidden(&self, examples: &[&Example]) -> Result<Tensor, EngineError> {
        let (mut spans, mut turns, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for example in examples {
            spans.push((tokens.len(), example.tokens.len()));
            turns.extend((0..example.tokens.len()).map(|p| self.decoder.turn(p)));
            tokens.extend_from_slice(&example.tokens);
        }
        let packing = Packing {
            spans,
            turns: Arc::new(turns),
        };
        let embedded = self.decoder.weights.embed(&tokens)?;
        let width = self.decoder.spec.hidden;
        let mut x = Tensor::from_vec(embedded, (tokens.len(), width), &Device::Cpu)?;
        for layer in 0..self.decoder.spec.layers {
            x = self.layer(layer, &x, &packing)?;
        }
        Ok(x)
    }

    fn layer(&self, index: usize, x: &Tensor, packing: &Packing) -> Result<Tensor, EngineError> {
        let spec = &self.decoder.spec;
        let weights = &self.decoder.weights.layers[index];
        let normed = self.norm(x, &weights.attn_norm)?;
        let attended = self.attention(index, &normed, packing)?;
        let projected = self.frozen(index, Part::Output, &attended)?;
        let x = (x + self.adapted(index, Target::O, &attended, projected)?)?;
        let normed = self.norm(&x, &weights.ffn_norm)?;
        let both = self.frozen(index, Part::GateUp, &normed)?;
        let inner = spec.intermediate;
        let gate = self.adapted(index, Target::Gate, &normed, both.narrow(1, 0, inner)?)?;
        let up = self.adapted(index, Target::Up, &normed, both.narrow(1, inner, inner)?)?;
        let active = gate.contiguous()?.apply_op2(&up.contiguous()?, SiluMul)?;
        let down = self.frozen(index, Part::Down, &active)?;
        Ok((&x + self.adapted(index, Target::Down, &active, down)?)?)
    }

    fn attention(
        &self,
        index: usize,
        x: &Tensor,
        packing: &Packing,
    ) -> Result<Tensor, EngineError> {
        let spec = &self.decoder.spec;
        let (q_dim, kv_dim) = (spec.q_dim(), spec.kv_dim());
        let mut qkv = self.frozen(index, Part::Qkv, x)?;
        if let Some(bias) = &self.decoder.weights.layers[index].qkv_bias {
            qkv = qkv.broadcast_add(&Tensor::new(bias.as_slice(), &Device::Cpu)?)?;
        }
        let part = |target, from, n| self.adapted(index, target, x, qkv.narrow(1, from, n)?);
        let turn = || Rotate {
            turns: Arc::clone(&packing.turns),
            head_dim: spec.head_dim,
        };
        let q = part(Target::Q, 0, q_dim)?.contiguous()?.apply_op1(turn())?;
        let k = part(Target::K, q_dim, kv_dim)?
            .contiguous()?
            .apply_op1(turn())?;
        let v = part(Target::V, q_dim + kv_dim, kv_dim)?.contiguous()?;
        let mut outputs = Vec::new();
        for (from, count) in &packing.spans {
            let cut = |t: &Tensor| t.narrow(0, *from, *count);
            outputs.push(self.attend(&cut(&q)?, &cut(&k)?, &cut(&v)?)?);
        }
        Ok(Tensor::cat(&outputs, 0)?)
    }

    /// Causal attention inside one example. Query heads that share a key head are rows of
    /// one product, so keys and values are never repeated.
    fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, EngineError> {
        let spec = &self.decoder.spec;
        let (kv, dim, group) = (spec.kv_heads, spec.head_dim, spec.heads / spec.kv_heads);
        let count = q.dim(0)?;
        let q = q
            .reshape((count, kv, group, dim))?
            .permute((1, 2, 0, 3))?
            .contiguous()?
            .reshape((kv, group * count, dim))?;
        let k = k
            .reshape((count, kv, dim))?
            .permute((1, 2, 0))?
            .contiguous()?;
        let v = v.reshape((count, kv, dim))?.transpose(0, 1)?.contiguous()?;
        let scores = (q.matmul(&k)? * (1.0 / (dim as f64).sqrt()))?;
        let scores = scores
            .reshape((kv, group, count, count))?
            .broadcast_add(&causal_mask(count)?)?
            .reshape((kv, group * count, count))?;
        let most = scores.max_keepdim(D::Minus1)?.detach();
        let weights = scores.broadcast_sub(&most)?.exp()?;
        let weights = weights.broadcast_div(&weights.sum_keepdim(D::Minus1)?)?;
        Ok(weights
            .matmul(&v)?
            .reshape((kv, group, count, dim))?
            .permute((2, 0, 1, 3))?
            .contiguous()?
            .reshape((count, kv * group * dim))?)
    }

    fn frozen(&self, layer: usize, part: Part, x: &Tensor) -> Result<Tensor, EngineError> {
        let op = FrozenLinear {
            decoder: Arc::clone(self.decoder),
            layer,
            part,
        };
        Ok(x.apply_op1(op)?)
    }

    fn adapted(
        &self,
        layer: usize,
        target: Target,
        x: &Tensor,
        y: Tensor,
    ) -> Result<Tensor, EngineError> {
        match self.variables.delta(layer, target, x)? {
            Some(delta) => Ok((y + delta)?),
            None => Ok(y),
        }
    }

    fn norm(&self, x: &Tensor, weight: &[f32]) -> Result<Tensor, EngineError> {
        let op = RmsNorm {
            weight: weight.to_vec(),
            eps: self.decoder.spec.rms_eps,
        };
        Ok(x.contiguous()?.apply_op1(op)?)
    }
}

fn causal_mask(count: usize) -> Result<Tensor, EngineError> {
    let value = |i: usize| if i % count > i / count { -1e9 } else { 0.0 };
    let mask: Vec<f32> = (0..count * count).map(value).collect();
    Ok(Tensor::from_vec(mask, (1, 1, count, count), &Device::Cpu)?)
}
