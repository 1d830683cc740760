//! A weight matrix, packed or plain, and its products with rows of activations.

use super::backward::backward;
use super::layout::{BLOCK, PANEL, Panels, Wide};
use super::pack::pack;
use super::product::{self, Stack};
use super::rows::{Gate, QuantRows};
use super::{dense, elementwise, isa, pool};
use crate::error::EngineError;
use crate::load::RawWeight;
use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use std::borrow::Cow;
use std::ops::Range;

/// A matrix of `n` outputs and `k` inputs.
#[derive(Debug, Clone)]
pub(crate) enum Matrix {
    /// Blocks of 32 at the file's own width.
    Packed(Packed),
    /// Plain numbers, row-major.
    Dense {
        /// Outputs.
        n: usize,
        /// Inputs.
        k: usize,
        /// `n * k` numbers.
        data: Vec<f32>,
    },
}

/// Panels of one or several formats, outputs one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    n: usize,
    k: usize,
    parts: Vec<Panels>,
}

/// Rows of activations in the form that a matrix wants, to be filled again each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    quant: QuantRows,
    plain: Vec<f32>,
}

impl Matrix {
    /// Keeps blocks as blocks; other formats become plain numbers.
    pub(crate) fn new(weight: RawWeight) -> Result<Self, EngineError> {
        let (n, k) = match weight.shape() {
            [n, k] => (*n, *k),
            other => return Err(EngineError::corrupt("shape", format!("{other:?} 不是矩阵"))),
        };
        match weight {
            RawWeight::Quantised(tensor) => {
                Self::from_blocks(tensor.dtype(), &tensor.data()?, n, k)
            }
            RawWeight::Dense { data, .. } => Ok(Self::Dense { n, k, data }),
        }
    }

    /// Packs the bytes of a GGUF tensor of `n` rows and `k` columns; they are read once and
    /// not kept. Types without a packed form become plain numbers.
    pub(crate) fn from_blocks(
        dtype: GgmlDType,
        bytes: &[u8],
        n: usize,
        k: usize,
    ) -> Result<Self, EngineError> {
        if k.is_multiple_of(BLOCK)
            && let Some(panels) = pack(dtype, bytes, n, k)?
        {
            let parts = vec![panels];
            return Ok(Self::Packed(Packed { n, k, parts }));
        }
        super::layout::check_size(dtype, bytes.len(), n, k)?;
        let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype)?;
        let data = RawWeight::Quantised(QTensor::new(storage, (n, k))?).into_f32()?;
        Ok(Self::Dense { n, k, data })
    }

    /// Stacks matrices of one input, outputs one after the other.
    pub(crate) fn stack(matrices: Vec<Self>) -> Self {
        let packed = matrices.iter().all(|m| matches!(m, Self::Packed(_)));
        let (mut n, mut k) = (0, 0);
        let (mut parts, mut data) = (Vec::new(), Vec::new());
        for matrix in matrices {
            let (rows, columns) = matrix.shape();
            (n, k) = (n + rows, columns);
            match matrix {
                Self::Packed(part) if packed => parts.extend(part.parts),
                other => data.extend(other.rows_f32(0..rows)),
            }
        }
        if packed {
            Self::Packed(Packed { n, k, parts })
        } else {
            Self::Dense { n, k, data }
        }
    }

    /// `(outputs, inputs)`.
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Packed(m) => (m.n, m.k),
            Self::Dense { n, k, .. } => (*n, *k),
        }
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Packed(m) => m.parts.iter().map(Panels::bytes).sum(),
            Self::Dense { data, .. } => 4 * data.len(),
        }
    }

    /// The exact values of a range of rows, row-major.
    pub(crate) fn rows_f32(&self, rows: Range<usize>) -> Vec<f32> {
        match self {
            Self::Dense { k, data, .. } => data[rows.start * k..rows.end * k].to_vec(),
            Self::Packed(m) => {
                let mut out = vec![0.0; rows.len() * m.k];
                pool::chunks(&mut out, m.k, |i, out| m.row(rows.start + i, out));
                out
            }
        }
    }

    /// Calls `each` for 16 rows at a time with the number of the first and their exact
    /// values from column `from` on: 16 equal parts of `wide`, zeros below the last row.
    pub(super) fn each_panel(
        &self,
        from: usize,
        wide: &mut [f32],
        mut each: impl FnMut(usize, &[f32]),
    ) {
        let width = wide.len() / PANEL;
        match self {
            Self::Dense { n, k, data } => {
                for first in (0..*n).step_by(PANEL) {
                    for (r, out) in wide.chunks_exact_mut(width).enumerate() {
                        match data.chunks_exact(*k).nth(first + r) {
                            Some(row) => out.copy_from_slice(&row[from..from + width]),
                            None => out.fill(0.0),
                        }
                    }
                    each(first, wide);
                }
            }
            Self::Packed(m) => m.each_panel(from / BLOCK, wide, each),
        }
    }

    /// `dy w`: `dy` holds rows of `n` numbers, the result rows of `k`.
    pub(crate) fn backward(&self, dy: &[f32]) -> Vec<f32> {
        backward(self, dy)
    }

    /// `x w^T`: `x` holds rows of `k` numbers, the result rows of `n`.
    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (n, k) = self.shape();
        let mut out = vec![0.0; x.len() / k * n];
        match self {
            Self::Packed(_) => {
                let mut rows = Rows::default();
                self.take(&mut rows, x);
                self.product(&rows, &mut out);
            }
            Self::Dense { data, .. } => dense::product(data, k, x, &mut out),
        }
        out
    }

    /// Takes rows of `k` numbers as they are.
    pub(crate) fn take(&self, rows: &mut Rows, x: &[f32]) {
        match self {
            Self::Packed(m) => rows.quant.set(x, m.k),
            Self::Dense { .. } => {
                rows.plain.clear();
                rows.plain.extend_from_slice(x);
            }
        }
    }

    /// Takes `x / rms(x) * weight` for each row of `x`.
    pub(crate) fn take_normed(&self, rows: &mut Rows, x: &[f32], weight: &[f32], eps: f32) {
        match self {
            Self::Packed(_) => rows.quant.set_normed(x, weight, eps),
            Self::Dense { .. } => {
                let k = weight.len();
                rows.plain.resize(x.len(), 0.0);
                pool::chunks(&mut rows.plain, k, |i, out| {
                    elementwise::rms_norm(&x[i * k..(i + 1) * k], weight, eps, out);
                });
            }
        }
    }

    /// Takes `gate(first half) * second half` of rows of `2 k` numbers.
    pub(crate) fn take_gated(&self, rows: &mut Rows, both: &[f32], gate: Gate) {
        let (_, k) = self.shape();
        match self {
            Self::Packed(_) => rows.quant.set_gated(both, k, gate),
            Self::Dense { .. } => {
                rows.plain.resize(both.len() / 2, 0.0);
                pool::chunks(&mut rows.plain, k, |i, out| {
                    let (first, second) = both[i * 2 * k..(i + 1) * 2 * k].split_at(k);
                    gate.apply(first, second, out);
                });
            }
        }
    }

    /// `rows w^T` for rows that this matrix took, or one of the same form and width: `out`
    /// has rows of `n` numbers.
    pub(crate) fn product(&self, rows: &Rows, out: &mut [f32]) {
        match self {
            Self::Packed(m) => product::product(isa(), &m.stack(), &rows.quant, |_, _| true, out),
            Self::Dense { data, k, .. } => dense::product(data, *k, &rows.plain, out),
        }
    }

    /// The same for one row of which only some outputs are wanted (bit `i % 64` of word
    /// `i / 64`); the others become `-inf`. Panels without a wanted output are not read.
    pub(crate) fn product_allowed(&self, rows: &Rows, mask: &[u64], out: &mut [f32]) {
        let allowed = |i: usize| mask.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1);
        match self {
            Self::Packed(m) => {
                let wanted = |first: usize, count: usize| (first..first + count).any(allowed);
                product::product(isa(), &m.stack(), &rows.quant, wanted, out);
            }
            Self::Dense { data, k, .. } => dense::product(data, *k, &rows.plain, out),
        }
        for (i, value) in out.iter_mut().enumerate() {
            if !allowed(i) {
                *value = f32::NEG_INFINITY;
            }
        }
    }

    /// [`Matrix::product_allowed`] of one row of `k` numbers.
    pub(crate) fn forward_allowed(&self, x: &[f32], mask: &[u64], out: &mut [f32]) {
        let mut rows = Rows::default();
        self.take(&mut rows, x);
        self.product_allowed(&rows, mask, out);
    }
}

impl Packed {
    fn stack(&self) -> Stack<'_> {
        Stack {
            parts: &self.parts,
            n: self.n,
            blocks: self.k / BLOCK,
        }
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let mut first = 0;
        for part in &self.parts {
            if row < first + part.n {
                let (p, r) = ((row - first) / PANEL, (row - first) % PANEL);
                let spec = part.format.spec();
                let mut tile = [Wide::ZERO];
                for (b, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
                    product::widen(isa(), part, part.panel(p), b, &mut tile);
                    *out = tile[0].row(&spec, r);
                }
                return;
            }
            first += part.n;
        }
    }

    fn each_panel(&self, from: usize, wide: &mut [f32], mut each: impl FnMut(usize, &[f32])) {
        let width = wide.len() / PANEL;
        let mut tile = [Wide::ZERO];
        let mut first = 0;
        for part in &self.parts {
            let spec = part.format.spec();
            for p in 0..part.count() {
                for b in 0..width / BLOCK {
                    product::widen(isa(), part, part.panel(p), from + b, &mut tile);
                    for (r, out) in wide.chunks_exact_mut(width).enumerate() {
                        let values = if r < part.rows(p) {
                            tile[0].row(&spec, r)
                        } else {
                            [0.0; BLOCK]
                        };
                        out[b * BLOCK..(b + 1) * BLOCK].copy_from_slice(&values);
                    }
                }
                each(first + p * PANEL, wide);
            }
            first += part.n;
        }
    }
}
