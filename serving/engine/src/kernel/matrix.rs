//! A weight matrix, blocks or plain, and its product with rows of activations.

use super::backward::backward;
use super::quant::{BLOCK, QuantMatrix, QuantRows};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use super::{dense, isa, portable};
use crate::error::EngineError;
use crate::load::RawWeight;
use rayon::prelude::*;
use std::ops::Range;

/// Below this many activation rows threads share the weight rows, so that each weight is
/// read from memory once; from here on they share the activation rows.
const MANY_ROWS: usize = 32;

/// Activation rows that stay in a core's second-level cache while weights pass by.
const ROW_BLOCK: usize = 64;

/// A matrix of `n` outputs and `k` inputs.
#[derive(Debug, Clone)]
pub(crate) enum Matrix {
    /// 8-bit codes in blocks of 32.
    Quant(QuantMatrix),
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

impl Matrix {
    /// Keeps blocks as blocks; other formats become plain numbers.
    pub(crate) fn new(weight: RawWeight) -> Result<Self, EngineError> {
        let (n, k) = match weight.shape() {
            [n, k] => (*n, *k),
            other => return Err(EngineError::corrupt("shape", format!("{other:?} 不是矩阵"))),
        };
        if let RawWeight::Quantised(tensor) = &weight
            && let Some(matrix) = QuantMatrix::from_tensor(tensor)?
        {
            return Ok(Self::Quant(matrix));
        }
        Ok(Self::Dense {
            n,
            k,
            data: weight.into_f32()?,
        })
    }

    /// Stacks matrices of one input, outputs one after the other.
    pub(crate) fn stack(parts: Vec<Self>) -> Self {
        let quantised = parts.iter().all(|p| matches!(p, Self::Quant(_)));
        if quantised {
            let blocks = parts.into_iter().filter_map(|p| match p {
                Self::Quant(m) => Some(m),
                Self::Dense { .. } => None,
            });
            return Self::Quant(QuantMatrix::stack(blocks.collect()));
        }
        let (mut all_n, mut all_k, mut all) = (0, 0, Vec::new());
        for part in parts {
            let (n, k) = part.shape();
            (all_n, all_k) = (all_n + n, k);
            all.extend(part.rows_f32(0..n));
        }
        Self::Dense {
            n: all_n,
            k: all_k,
            data: all,
        }
    }

    /// `(outputs, inputs)`.
    pub(crate) fn shape(&self) -> (usize, usize) {
        match self {
            Self::Quant(m) => (m.n, m.k),
            Self::Dense { n, k, .. } => (*n, *k),
        }
    }

    /// Bytes held in memory.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Quant(m) => m.bytes(),
            Self::Dense { data, .. } => 4 * data.len(),
        }
    }

    /// The exact values of a range of rows, row-major.
    pub(crate) fn rows_f32(&self, rows: Range<usize>) -> Vec<f32> {
        match self {
            Self::Dense { k, data, .. } => data[rows.start * k..rows.end * k].to_vec(),
            Self::Quant(m) => {
                let mut out = vec![0.0; rows.len() * m.k];
                out.par_chunks_mut(m.k)
                    .zip(rows)
                    .with_min_len(16)
                    .for_each(|(out, row)| m.row(row, 0, out));
                out
            }
        }
    }

    /// The exact values of one row from column `from` (a multiple of 32) on.
    pub(super) fn row_part(&self, row: usize, from: usize, out: &mut [f32]) {
        match self {
            Self::Dense { k, data, .. } => {
                out.copy_from_slice(&data[row * k + from..row * k + from + out.len()]);
            }
            Self::Quant(m) => m.row(row, from / BLOCK, out),
        }
    }

    /// `dy w`: `dy` holds rows of `n` numbers, the result rows of `k`.
    pub(crate) fn backward(&self, dy: &[f32]) -> Vec<f32> {
        backward(self, dy)
    }

    /// `x w^T`: `x` holds rows of `k` numbers, the result rows of `n`.
    pub(crate) fn forward(&self, x: &[f32]) -> Vec<f32> {
        let (n, k) = self.shape();
        let count = x.len() / k;
        let mut out = vec![0.0; count * n];
        match self {
            Self::Dense { data, .. } if count == 1 => {
                let part = n.div_ceil(4 * rayon::current_num_threads()).max(16);
                out.par_chunks_mut(part)
                    .zip(data.par_chunks(part * k))
                    .for_each(|(out, rows)| dense::rows(rows, k, x, out));
            }
            Self::Dense { data, .. } => out
                .par_chunks_mut(n)
                .zip(x.par_chunks(k))
                .for_each(|(out, x)| dense::rows(data, k, x, out)),
            Self::Quant(blocks) => quantised(blocks, &QuantRows::new(x, k), &mut out),
        }
        out
    }
}

fn quantised(w: &QuantMatrix, a: &QuantRows, out: &mut [f32]) {
    let n = w.n;
    let m = out.len() / n;
    if m >= MANY_ROWS {
        let share = m
            .div_ceil(rayon::current_num_threads())
            .next_multiple_of(4)
            .min(ROW_BLOCK);
        out.par_chunks_mut(share * n)
            .enumerate()
            .for_each(|(block, out)| {
                let from = block * share;
                let columns = from..from + out.len() / n;
                product(w, 0..n, a, columns, |row, column, dot| {
                    out[(column - from) * n + row] = dot;
                });
            });
        return;
    }
    // Outputs of a weight row lie together here, so threads write to separate slices.
    let part = n
        .div_ceil(4 * rayon::current_num_threads())
        .next_multiple_of(4)
        .max(16);
    if m == 1 {
        out.par_chunks_mut(part).enumerate().for_each(|(i, out)| {
            let from = i * part;
            product(w, from..from + out.len(), a, 0..1, |row, _, dot| {
                out[row - from] = dot;
            });
        });
        return;
    }
    let mut by_row = vec![0f32; out.len()];
    by_row
        .par_chunks_mut(part * m)
        .enumerate()
        .for_each(|(i, out)| {
            let from = i * part;
            let rows = from..from + out.len() / m;
            product(w, rows, a, 0..m, |row, column, dot| {
                out[(row - from) * m + column] = dot;
            });
        });
    for (row, values) in by_row.chunks_exact(m).enumerate() {
        for (column, value) in values.iter().enumerate() {
            out[column * n + row] = *value;
        }
    }
}

fn product(
    w: &QuantMatrix,
    rows: Range<usize>,
    a: &QuantRows,
    columns: Range<usize>,
    mut put: impl FnMut(usize, usize, f32),
) {
    debug_assert_eq!(w.k, a.k);
    #[cfg(target_arch = "x86_64")]
    {
        use super::Isa;
        match isa() {
            // SAFETY: `isa` reports the features only after detecting them.
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            Isa::Avx512 => return unsafe { avx512::product(w, rows, a, columns, &mut put) },
            // SAFETY: as above.
            #[expect(unsafe_code, reason = "calls code compiled for detected features")]
            Isa::Avx2 => return unsafe { avx2::product(w, rows, a, columns, &mut put) },
            Isa::Portable => {}
        }
    }
    let _ = isa();
    portable::product(w, rows, a, columns, put);
}
