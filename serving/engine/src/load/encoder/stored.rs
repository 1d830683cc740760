//! Tensors as an encoder's file stores them.

use crate::error::EngineError;
use crate::kernel::panels::{Panels, fast_half};
use crate::load::safetensors::to_f32;
use crate::load::weight::not_finite;
use half::f16;
use safetensors::Dtype;

/// Bytes of a Q4_0 block: an f16 scale and 32 codes of 4 bits.
const BLOCK_BYTES: usize = 18;
const BLOCK: usize = 32;

/// How numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Little-endian f32, f16 or bf16.
    Plain(Dtype),
    /// GGML's blocks of 32 with 4 bits each.
    Q4_0,
}

impl Format {
    /// Name for people.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Plain(dtype) => format!("{dtype:?}"),
            Self::Q4_0 => "Q4_0".to_owned(),
        }
    }
}

/// One tensor, rows first. Its bytes fill its shape exactly.
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) format: Format,
    pub(crate) bytes: Vec<u8>,
}

/// Where an encoder's weights come from. Names are Hugging Face's for `BertModel`.
pub(crate) trait EncoderWeights {
    /// Whether the model has this tensor.
    fn has(&self, name: &str) -> bool;
    /// Reads one tensor; refuses it when its shape is not `shape` (rows first).
    fn read(&self, name: &str, shape: &[usize]) -> Result<Stored, EngineError>;
}

impl Stored {
    /// All numbers, exact; refuses those that are not finite.
    pub(crate) fn into_f32(self) -> Result<Vec<f32>, EngineError> {
        let numbers: Vec<f32> = match self.format {
            Format::Plain(dtype) => to_f32(&self.name, dtype, &self.bytes)?,
            Format::Q4_0 => {
                let blocks = self.bytes.as_chunks::<BLOCK_BYTES>().0;
                blocks.iter().flat_map(block_numbers).collect()
            }
        };
        if numbers.iter().all(|v| v.is_finite()) {
            Ok(numbers)
        } else {
            Err(not_finite(&self.name))
        }
    }

    /// Whether all numbers are finite, without widening them.
    fn is_finite(&self) -> bool {
        let halves = || self.bytes.as_chunks::<2>().0.iter();
        match self.format {
            Format::Plain(Dtype::F32) => {
                let mut numbers = self.bytes.as_chunks::<4>().0.iter();
                numbers.all(|b| f32::from_le_bytes(*b).is_finite())
            }
            Format::Plain(Dtype::BF16) => {
                halves().all(|b| half::bf16::from_le_bytes(*b).is_finite())
            }
            Format::Plain(_) => halves().all(|b| f16::from_le_bytes(*b).is_finite()),
            Format::Q4_0 => {
                let mut blocks = self.bytes.as_chunks::<BLOCK_BYTES>().0.iter();
                blocks.all(|b| f16::from_le_bytes([b[0], b[1]]).is_finite())
            }
        }
    }
}

/// The matrix of linear layers that read the same rows: outputs one after the other. Unless
/// `exact`, it takes the form that this machine multiplies fastest.
pub(crate) fn panels(parts: Vec<Stored>, exact: bool) -> Result<Panels, EngineError> {
    let k = parts
        .first()
        .and_then(|p| p.shape.last())
        .copied()
        .unwrap_or(1);
    let n = parts
        .iter()
        .map(|p| p.shape.first().copied().unwrap_or(0))
        .sum();
    let mut rows = Vec::with_capacity(n * k);
    for part in parts {
        rows.extend(part.into_f32()?);
    }
    Ok(Panels::new(&rows, n, k, !exact && fast_half()))
}

/// A table whose rows are looked up: it stays in memory as the file stores it.
pub(crate) struct Table {
    width: usize,
    format: Format,
    bytes: Vec<u8>,
}

impl Table {
    /// Refuses formats that [`Table::add_row`] does not know, and what is not finite.
    pub(crate) fn new(stored: Stored) -> Result<Self, EngineError> {
        let width = stored.shape.last().copied().unwrap_or(0);
        match stored.format {
            Format::Plain(Dtype::F32 | Dtype::F16 | Dtype::BF16) => {}
            Format::Q4_0 if width.is_multiple_of(BLOCK) => {}
            other => {
                return Err(EngineError::unsupported(format!(
                    "张量 {} 的数据类型 {}",
                    stored.name,
                    other.name()
                )));
            }
        }
        if !stored.is_finite() {
            return Err(not_finite(&stored.name));
        }
        Ok(Self {
            width,
            format: stored.format,
            bytes: stored.bytes,
        })
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// `out += row`; the row must be in the table.
    pub(crate) fn add_row(&self, row: usize, out: &mut [f32]) {
        let stride = match self.format {
            Format::Plain(Dtype::F32) => 4 * self.width,
            Format::Plain(_) => 2 * self.width,
            Format::Q4_0 => self.width / BLOCK * BLOCK_BYTES,
        };
        let bytes = &self.bytes[row * stride..(row + 1) * stride];
        match self.format {
            Format::Plain(Dtype::F32) => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *o += f32::from_le_bytes(*b);
                }
            }
            Format::Plain(Dtype::BF16) => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o += half::bf16::from_le_bytes(*b).to_f32();
                }
            }
            Format::Plain(_) => {
                for (o, b) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                    *o += f16::from_le_bytes(*b).to_f32();
                }
            }
            Format::Q4_0 => {
                for (out, block) in out
                    .chunks_exact_mut(BLOCK)
                    .zip(bytes.as_chunks::<BLOCK_BYTES>().0)
                {
                    for (o, v) in out.iter_mut().zip(block_numbers(block)) {
                        *o += v;
                    }
                }
            }
        }
    }
}

/// The 32 numbers of a block: low halves of its bytes, then high halves.
fn block_numbers(block: &[u8; BLOCK_BYTES]) -> [f32; BLOCK] {
    let scale = f16::from_le_bytes([block[0], block[1]]).to_f32();
    std::array::from_fn(|i| {
        let byte = block[2 + i % 16];
        let code = if i < 16 { byte & 15 } else { byte >> 4 };
        scale * (f32::from(code) - 8.0)
    })
}
