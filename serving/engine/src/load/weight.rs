//! Tensors on their way from a file to the kernels.

use crate::error::EngineError;
use crate::kernel::finite::is_finite;
use crate::kernel::matrix::Matrix;
use candle_core::Device;
use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use half::{bf16, f16};
use memmap2::Mmap;
use std::borrow::Cow;
use std::ops::Range;

/// One tensor. q and k rows are always in Hugging Face order.
pub(crate) enum RawWeight<'a> {
    /// As a file holds it: blocks of a GGUF format, or plain numbers of 16 or 32 bits.
    Stored {
        dtype: GgmlDType,
        /// Rows first.
        shape: Vec<usize>,
        bytes: Cow<'a, [u8]>,
    },
    /// Plain numbers, row-major.
    Dense {
        /// Rows first.
        shape: Vec<usize>,
        /// All elements.
        data: Vec<f32>,
    },
}

impl RawWeight<'_> {
    /// All elements as f32.
    pub(crate) fn into_f32(self) -> Result<Vec<f32>, EngineError> {
        let (dtype, shape, bytes) = match self {
            Self::Dense { data, .. } => return Ok(data),
            Self::Stored {
                dtype,
                shape,
                bytes,
            } => (dtype, shape, bytes),
        };
        let halves = bytes.as_chunks::<2>().0.iter();
        Ok(match dtype {
            GgmlDType::F32 => {
                let numbers = bytes.as_chunks::<4>().0.iter();
                numbers.map(|b| f32::from_le_bytes(*b)).collect()
            }
            GgmlDType::F16 => halves.map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
            GgmlDType::BF16 => halves.map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
            _ => {
                let storage = QStorage::from_data(bytes, &Device::Cpu, dtype)?;
                let tensor = QTensor::new(storage, shape)?;
                let plain = tensor.dequantize(&Device::Cpu)?;
                plain.flatten_all()?.to_vec1::<f32>()?
            }
        })
    }

    /// The matrix of a linear layer, in the form of the kernels.
    pub(crate) fn into_matrix(self) -> Result<Matrix, EngineError> {
        let shape = match &self {
            Self::Stored { shape, .. } | Self::Dense { shape, .. } => shape,
        };
        let [n, k] = *shape.as_slice() else {
            return Err(EngineError::corrupt("shape", format!("{shape:?} 不是矩阵")));
        };
        match self {
            Self::Stored { dtype, bytes, .. } => Matrix::from_blocks(dtype, &bytes, n, k),
            Self::Dense { data, .. } => Ok(Matrix::Dense { n, k, data }),
        }
    }
}

/// Reads a matrix; refuses one with a weight that is no finite number, by its name.
pub(crate) fn matrix(
    source: &dyn WeightSource,
    name: &str,
    n: usize,
    k: usize,
) -> Result<Matrix, EngineError> {
    let matrix = source.read(name, &[n, k])?.into_matrix();
    let matrix = matrix.map_err(|error| match error {
        // The kernels do not know the name of what they pack.
        EngineError::Corrupt { detail, .. } => EngineError::corrupt(name, detail),
        other => other,
    })?;
    if is_finite(&matrix) {
        Ok(matrix)
    } else {
        Err(not_finite(name))
    }
}

/// Reads a vector; refuses one with a weight that is no finite number, by its name.
pub(crate) fn vector(
    source: &dyn WeightSource,
    name: &str,
    length: usize,
) -> Result<Vec<f32>, EngineError> {
    let vector = source.read(name, &[length])?.into_f32()?;
    if vector.iter().all(|v| v.is_finite()) {
        Ok(vector)
    } else {
        Err(not_finite(name))
    }
}

/// A tensor with weights that are no finite numbers.
pub(super) fn not_finite(name: &str) -> EngineError {
    EngineError::corrupt(name, "含有非有限数值（NaN 或无穷）")
}

/// A table whose rows are looked up.
pub(crate) enum Table {
    /// In the file, of which only the pages in use come into memory.
    Mapped {
        file: Mmap,
        /// Where the table lies.
        range: Range<usize>,
        dtype: GgmlDType,
        /// Numbers of a row.
        width: usize,
    },
    /// In memory.
    Rows(Matrix),
}

impl Table {
    /// The numbers of one row; the row must be in the table.
    pub(crate) fn row(&self, row: usize) -> Result<Vec<f32>, EngineError> {
        match self {
            Self::Rows(matrix) => Ok(matrix.rows_f32(row..row + 1)),
            Self::Mapped {
                file,
                range,
                dtype,
                width,
            } => {
                let size = width / dtype.block_size() * dtype.type_size();
                let from = range.start + row * size;
                let bytes = file
                    .get(from..from + size)
                    .filter(|_| from + size <= range.end);
                let bytes = bytes.ok_or_else(|| EngineError::Internal {
                    detail: format!("row {row} of a table"),
                })?;
                let raw = RawWeight::Stored {
                    dtype: *dtype,
                    shape: vec![*width],
                    bytes: Cow::Borrowed(bytes),
                };
                raw.into_f32()
            }
        }
    }

    /// Bytes held in memory whether rows are used or not.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Mapped { .. } => 0,
            Self::Rows(matrix) => matrix.bytes(),
        }
    }
}

/// Where weights come from. Names are GGUF's (`blk.0.attn_q.weight`) in both formats.
pub(crate) trait WeightSource {
    /// Reads one tensor; refuses it when its shape is not `shape` (rows first).
    fn read(&self, name: &str, shape: &[usize]) -> Result<RawWeight<'_>, EngineError>;

    /// A table of which only some rows will be needed at a time.
    fn table(&self, name: &str, shape: &[usize]) -> Result<Table, EngineError> {
        Ok(Table::Rows(self.read(name, shape)?.into_matrix()?))
    }
}
