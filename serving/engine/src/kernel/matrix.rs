//! A weight matrix, packed or plain, and its products with rows of activations.

use super::backward::backward;
use super::dense::{self, Weight};
use super::layout::{BLOCK, PANEL, Panels, Wide, check_size};
use super::pack::pack;
use super::product::{self, Stack};
use super::rows::{Gate, QuantRows};
use super::{elementwise, isa, pool};
use crate::error::EngineError;
use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use half::{bf16, f16};
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
    /// Plain numbers of 16 bits, row-major.
    Half {
        /// Outputs.
        n: usize,
        /// Inputs.
        k: usize,
        data: Half,
    },
}

/// Numbers as a file holds them.
#[derive(Debug, Clone)]
pub(crate) enum Half {
    Bf16(Vec<bf16>),
    F16(Vec<f16>),
}

/// Panels of one or several formats, outputs one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Packed {
    n: usize,
    k: usize,
    parts: Vec<Panels>,
}

/// Inputs of activations in the form that a matrix wants, to be filled again each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Inputs {
    quant: QuantRows,
    plain: Vec<f32>,
}

impl Matrix {
    /// Takes the bytes of a tensor of `n` rows and `k` columns as GGUF or safetensors hold
    /// them; they are read once and not kept. Blocks are packed, 16-bit numbers stay as
    /// they are, block types without a packed form become plain numbers.
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
        check_size(dtype, bytes.len(), n, k)?;
        let pairs = bytes.as_chunks::<2>().0.iter();
        match dtype {
            GgmlDType::F32 => {
                let four = bytes.as_chunks::<4>().0.iter();
                let data = four.map(|b| f32::from_le_bytes(*b)).collect();
                return Ok(Self::Dense { n, k, data });
            }
            GgmlDType::BF16 => {
                let data = Half::Bf16(pairs.map(|b| bf16::from_le_bytes(*b)).collect());
                return Ok(Self::Half { n, k, data });
            }
            GgmlDType::F16 => {
                let data = Half::F16(pairs.map(|b| f16::from_le_bytes(*b)).collect());
                return Ok(Self::Half { n, k, data });
            }
            _ => {}
        }
        let storage = QStorage::from_data(Cow::Borrowed(bytes), &Device::Cpu, dtype)?;
        let plain = QTensor::new(storage, (n, k))?.dequantize(&Device::Cpu)?;
        let data = plain.flatten_all()?.to_vec1()?;
        Ok(Self::Dense { n, k, data })
    }

    /// Stacks matrices of one input, outputs one after the other.
    pub(crate) fn stack(matrices: Vec<Self>) -> Self {
        let packed = matrices.iter().all(|m| matches!(m, Self::Packed(_)));
        let halves = |wanted: fn(&Half) -> bool| {
            let mut all = matrices.iter();
            all.all(|m| matches!(m, Self::Half { data, .. } if wanted(data)))
        };
        let brain = halves(|data| matches!(data, Half::Bf16(_)));
        let half = halves(|data| matches!(data, Half::F16(_)));
        let (mut n, mut k) = (0, 0);
        let (mut parts, mut data) = (Vec::new(), Vec::new());
        let (mut brains, mut sixteens) = (Vec::new(), Vec::new());
        for matrix in matrices {
            let (rows, columns) = matrix.shape();
            (n, k) = (n + rows, columns);
            match matrix {
                Self::Packed(part) if packed => parts.extend(part.parts),
                Self::Half {
                    data: Half::Bf16(data),
                    ..
                } if brain => brains.extend(data),
                Self::Half {
                    data: Half::F16(data),
                    ..
                } if half => sixteens.extend(data),
                other => data.extend(other.rows_f32(0..rows)),
            }
        }
        match (packed, brain, half) {
            (true, ..) => Self::Packed(Packed { n, k, parts }),
            (_, true, _) => Self::Half {
                n,
                k,
                data: Half::Bf16(brains),
            },
            (_, _, true) => Self::Half {
                n,
                k,
                data: Half::F16(sixteens),
            },
            _ => Self::Dense { n, k, data },
        }
    }

    /// `(outputs, inputs)`.
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Packed(m) => (m.n, m.k),
            Self::Dense { n, k, .. } | Self::Half { n, k, .. } => (*n, *k),
        }
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Packed(m) => m.parts.iter().map(Panels::bytes).sum(),
            Self::Dense { data, .. } => 4 * data.len(),
            Self::Half { n, k, .. } => 2 * n * k,
        }
    }

    /// The exact values of a range of rows, row-major.
    pub(crate) fn rows_f32(&self, rows: Range<usize>) -> Vec<f32> {
        match self {
            Self::Dense { k, data, .. } => data[rows.start * k..rows.end * k].to_vec(),
            Self::Half { k, data, .. } => data.widen(rows.start * k..rows.end * k),
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
        if let Self::Packed(m) = self {
            return m.each_panel(from / BLOCK, wide, each);
        }
        let width = wide.len() / PANEL;
        let (n, k) = self.shape();
        for first in (0..n).step_by(PANEL) {
            for (r, out) in wide.chunks_exact_mut(width).enumerate() {
                let at = (first + r) * k + from;
                match self {
                    _ if first + r >= n => out.fill(0.0),
                    Self::Dense { data, .. } => out.copy_from_slice(&data[at..at + width]),
                    Self::Half { data, .. } => {
                        out.copy_from_slice(&data.widen(at..at + width));
                    }
                    Self::Packed(_) => {}
                }
            }
            each(first, wide);
        }
    }

    /// `dy w`: `dy` holds rows of `n` numbers, the result rows of `k`.
    pub(crate) fn backward(&self, dy: &[f32]) -> Vec<f32> {
        backward(self, dy)
    }

    /// `x w^T`: `x` holds rows of `k` numbers, the result rows of `n`.
    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (n, k) = self.shape();
        if let Self::Packed(_) = self {
            let mut inputs = Inputs::default();
            self.take(&mut inputs, x);
            return self.product(&inputs);
        }
        let mut out = vec![0.0; x.len() / k * n];
        self.plain_product(x, &mut out);
        out
    }

    /// Takes rows of `k` numbers as they are.
    pub(crate) fn take(&self, rows: &mut Inputs, x: &[f32]) {
        match self {
            Self::Packed(m) => rows.quant.set(x, m.k),
            Self::Dense { .. } | Self::Half { .. } => {
                rows.plain.clear();
                rows.plain.extend_from_slice(x);
            }
        }
    }

    /// Takes `x / rms(x) * weight` for each row of `x`.
    pub(crate) fn take_normed(&self, rows: &mut Inputs, x: &[f32], weight: &[f32], eps: f32) {
        match self {
            Self::Packed(_) => rows.quant.set_normed(x, weight, eps),
            Self::Dense { .. } | Self::Half { .. } => {
                let k = weight.len();
                rows.plain.resize(x.len(), 0.0);
                pool::chunks(&mut rows.plain, k, |i, out| {
                    elementwise::rms_norm(&x[i * k..(i + 1) * k], weight, eps, out);
                });
            }
        }
    }

    /// Takes `gate(first half) * second half` of rows of `2 k` numbers.
    pub(crate) fn take_gated(&self, rows: &mut Inputs, both: &[f32], gate: Gate) {
        let (_, k) = self.shape();
        match self {
            Self::Packed(_) => rows.quant.set_gated(both, k, gate),
            Self::Dense { .. } | Self::Half { .. } => {
                rows.plain.resize(both.len() / 2, 0.0);
                pool::chunks(&mut rows.plain, k, |i, out| {
                    let (first, second) = both[i * 2 * k..(i + 1) * 2 * k].split_at(k);
                    gate.apply(first, second, out);
                });
            }
        }
    }

    /// `inputs w^T` for inputs that this matrix took, or one of the same form and width;
    /// rows of `n` numbers.
    pub(crate) fn product(&self, inputs: &Inputs) -> Vec<f32> {
        let (n, k) = self.shape();
        let count = match self {
            Self::Packed(_) => inputs.quant.count(),
            _ => inputs.plain.len() / k,
        };
        let mut out = vec![0.0; count * n];
        self.product_into(inputs, &mut out);
        out
    }

    /// [`Matrix::product`] into memory that is there.
    pub(crate) fn product_into(&self, inputs: &Inputs, out: &mut [f32]) {
        if let Self::Packed(m) = self {
            product::product(isa(), &m.stack(), &inputs.quant, |_, _| true, out);
        } else {
            self.plain_product(&inputs.plain, out);
        }
    }

    fn plain_product(&self, x: &[f32], out: &mut [f32]) {
        match self {
            Self::Packed(_) => {}
            Self::Dense { data, k, .. } => dense::product(isa(), data, *k, x, out),
            Self::Half { data, k, .. } => match data {
                Half::Bf16(data) => dense::product(isa(), data, *k, x, out),
                Half::F16(data) => dense::product(isa(), data, *k, x, out),
            },
        }
    }

    /// `x w^T` of rows of which some want only some outputs: bit `i % 64` of word `i / 64`
    /// of the row's mask. Outputs that a mask forbids become `-inf`; weights of outputs that
    /// no row wants are not even read. Rows beyond the masks want everything.
    pub(crate) fn forward_allowed(&self, x: &[f32], masks: &[Option<&[u64]>]) -> Vec<f32> {
        let (n, k) = self.shape();
        let count = x.len() / k;
        let bit = |mask: &[u64], i: usize| mask.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1);
        let all = masks.len() < count || masks.iter().any(Option::is_none);
        let mut out = if let Self::Packed(m) = self {
            let wanted = |first: usize, count: usize| {
                let mut masks = masks.iter().flatten();
                all || masks.any(|mask| (first..first + count).any(|i| bit(mask, i)))
            };
            let mut inputs = Inputs::default();
            self.take(&mut inputs, x);
            let mut out = vec![f32::NEG_INFINITY; count * n];
            product::product(isa(), &m.stack(), &inputs.quant, wanted, &mut out);
            out
        } else {
            self.forward(x)
        };
        for (row, mask) in out.chunks_exact_mut(n).zip(masks) {
            let Some(mask) = mask else { continue };
            for (i, value) in row.iter_mut().enumerate() {
                if !bit(mask, i) {
                    *value = f32::NEG_INFINITY;
                }
            }
        }
        out
    }
}

impl Half {
    fn widen(&self, range: Range<usize>) -> Vec<f32> {
        match self {
            Self::Bf16(data) => data[range].iter().map(|v| v.widen()).collect(),
            Self::F16(data) => data[range].iter().map(|v| v.widen()).collect(),
        }
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
