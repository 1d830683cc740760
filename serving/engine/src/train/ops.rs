//! Custom Candle operations with their own backward parts. Each runs the kernel of the
//! serving path forward; the gradient checks in `tests.rs` cover every one of them.

use crate::kernel::elementwise::{nll_gradient, rms_norm, rotate, silu_mul};
use crate::kernel::matrix::Matrix;
use crate::model::decoder::Decoder;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;
use std::sync::{Arc, Mutex, PoisonError};

/// Which frozen matrix of the decoder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    Qkv,
    Output,
    GateUp,
    Down,
}

fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let Some((from, to)) = layout.contiguous_offsets() else {
        bail!("input is not contiguous")
    };
    Ok(&storage.as_slice::<f32>()?[from..to])
}

fn data(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// `y = x w^T` with a frozen matrix: only `x` gets a gradient, `dy w`.
pub(super) struct FrozenLinear {
    pub(super) decoder: Arc<Decoder>,
    pub(super) layer: usize,
    pub(super) part: Part,
}

impl FrozenLinear {
    fn matrix(&self) -> &Matrix {
        let layer = &self.decoder.weights.layers[self.layer];
        match self.part {
            Part::Qkv => &layer.qkv,
            Part::Output => &layer.output,
            Part::GateUp => &layer.gate_up,
            Part::Down => &layer.down,
        }
    }
}

impl CustomOp1 for FrozenLinear {
    fn name(&self) -> &'static str {
        "frozen-linear"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, _) = layout.shape().dims2()?;
        let (n, _) = self.matrix().shape();
        Ok((
            CpuStorage::F32(self.matrix().forward(slice(storage, layout)?)),
            (rows, n).into(),
        ))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let dx = self.matrix().backward(&data(dy)?);
        Tensor::from_vec(dx, x.shape(), x.device()).map(Some)
    }
}

/// `x / rms(x) * weight` for each row.
pub(super) struct RmsNorm {
    pub(super) weight: Vec<f32>,
    pub(super) eps: f32,
}

impl CustomOp1 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = slice(storage, layout)?;
        let mut out = vec![0f32; x.len()];
        let width = self.weight.len();
        for (out, x) in out.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            rms_norm(x, &self.weight, self.eps, out);
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let (xs, dys) = (data(x)?, data(dy)?);
        let width = self.weight.len();
        let mut out = vec![0f32; xs.len()];
        let rows = xs.chunks_exact(width).zip(dys.chunks_exact(width));
        for (out, (x, dy)) in out.chunks_exact_mut(width).zip(rows) {
            let mean = x.iter().map(|v| v * v).sum::<f32>() / width as f32;
            let scale = 1.0 / (mean + self.eps).sqrt();
            let along: f32 = x
                .iter()
                .zip(dy)
                .zip(&self.weight)
                .map(|((x, d), w)| x * d * w)
                .sum();
            let pull = along * scale * scale * scale / width as f32;
            for (((o, x), d), w) in out.iter_mut().zip(x).zip(dy).zip(&self.weight) {
                *o = d * w * scale - x * pull;
            }
        }
        Tensor::from_vec(out, x.shape(), x.device()).map(Some)
    }
}

/// Rotary position embedding of rows of heads; the gradient turns back.
pub(super) struct Rotate {
    pub(super) turns: Arc<Vec<Vec<(f32, f32)>>>,
    pub(super) head_dim: usize,
}

impl Rotate {
    fn apply(&self, x: &[f32], back: bool) -> Vec<f32> {
        let mut out = x.to_vec();
        let width = out.len() / self.turns.len().max(1);
        for (row, turn) in out.chunks_exact_mut(width).zip(self.turns.iter()) {
            if back {
                let back: Vec<_> = turn.iter().map(|(cos, sin)| (*cos, -sin)).collect();
                rotate(row, self.head_dim, &back);
            } else {
                rotate(row, self.head_dim, turn);
            }
        }
        out
    }
}

impl CustomOp1 for Rotate {
    fn name(&self) -> &'static str {
        "rotate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = self.apply(slice(storage, layout)?, false);
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        Tensor::from_vec(self.apply(&data(dy)?, true), x.shape(), x.device()).map(Some)
    }
}

/// `silu(gate) * up`, element by element.
pub(super) struct SiluMul;

impl CustomOp2 for SiluMul {
    fn name(&self) -> &'static str {
        "silu-mul"
    }

    fn cpu_fwd(
        &self,
        gate: &CpuStorage,
        gate_layout: &Layout,
        up: &CpuStorage,
        up_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (slice(gate, gate_layout)?, slice(up, up_layout)?);
        let mut out = vec![0f32; gate.len()];
        silu_mul(gate, up, &mut out);
        Ok((CpuStorage::F32(out), gate_layout.shape().clone()))
    }

    fn bwd(
        &self,
        gate: &Tensor,
        up: &Tensor,
        _y: &Tensor,
        dy: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (gates, ups, dys) = (data(gate)?, data(up)?, data(dy)?);
        let parts = gates.par_iter().zip(&ups).zip(&dys).with_min_len(4096);
        let (d_gate, d_up): (Vec<f32>, Vec<f32>) = parts
            .map(|((g, u), d)| {
                let sigmoid = 1.0 / (1.0 + (-g).exp());
                (
                    d * u * sigmoid * (1.0 + g * (1.0 - sigmoid)),
                    d * g * sigmoid,
                )
            })
            .unzip();
        let tensor = |v| Tensor::from_vec(v, gate.shape(), gate.device());
        Ok((Some(tensor(d_gate)?), Some(tensor(d_up)?)))
    }
}

/// Rows whose logits exist at one time: bounds memory to this many times the vocabulary.
const HEAD_ROWS: usize = 128;

/// `weight * sum(-log p(target))` over rows of normed hidden states, with the frozen head.
/// The gradient is computed together with the loss, while the logits exist.
pub(super) struct HeadLoss {
    pub(super) decoder: Arc<Decoder>,
    pub(super) targets: Vec<u32>,
    pub(super) weight: f32,
    gradient: Mutex<Vec<f32>>,
}

impl HeadLoss {
    pub(super) fn new(decoder: Arc<Decoder>, targets: Vec<u32>, weight: f32) -> Self {
        Self {
            decoder,
            targets,
            weight,
            gradient: Mutex::default(),
        }
    }

    fn rows(&self, hidden: &[f32], targets: &[u32]) -> (f64, Vec<f32>) {
        let head = &self.decoder.weights.head;
        let (vocab, _) = head.shape();
        let mut logits = head.forward(hidden);
        let loss = logits
            .par_chunks_mut(vocab)
            .zip(targets)
            .map(|(row, target)| f64::from(nll_gradient(row, *target as usize)))
            .sum();
        (loss, head.backward(&logits))
    }
}

impl CustomOp1 for HeadLoss {
    fn name(&self) -> &'static str {
        "head-loss"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let hidden = slice(storage, layout)?;
        let width = self.decoder.spec.hidden;
        let mut total = 0f64;
        let mut gradient = Vec::with_capacity(hidden.len());
        for (rows, targets) in hidden
            .chunks(HEAD_ROWS * width)
            .zip(self.targets.chunks(HEAD_ROWS))
        {
            let (loss, part) = self.rows(rows, targets);
            total += loss;
            gradient.extend(part);
        }
        *self.gradient.lock().unwrap_or_else(PoisonError::into_inner) = gradient;
        Ok((
            CpuStorage::F32(vec![(total * f64::from(self.weight)) as f32]),
            Shape::from(()),
        ))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, dy: &Tensor) -> Result<Option<Tensor>> {
        let gradient =
            std::mem::take(&mut *self.gradient.lock().unwrap_or_else(PoisonError::into_inner));
        let scale = f64::from(dy.to_scalar::<f32>()? * self.weight);
        (Tensor::from_vec(gradient, x.shape(), x.device())? * scale).map(Some)
    }
}
