//! Products of made-up weights for the bench `kernels`; no part of the engine's interface.

use super::matrix::{Inputs, Matrix};
use super::pool::{self, Pool};
use crate::error::EngineError;
use candle_core::quantized::GgmlDType;
use std::sync::atomic::{AtomicU64, Ordering};

/// Streams that each thread reads side by side to find the memory's speed.
const STREAMS: usize = 8;

/// Matrices of one format, more than the caches hold, and threads to multiply them.
pub struct KernelProbe {
    pool: Pool,
    matrices: Vec<Matrix>,
    rows: Inputs,
    out: Vec<f32>,
    shape: (usize, usize),
}

impl KernelProbe {
    /// The formats by their names in GGUF.
    pub const FORMATS: [&'static str; 8] = [
        "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K",
    ];

    /// Makes `count` matrices of `n` outputs and `k` inputs (a multiple of 256).
    pub fn new(
        format: &str,
        (n, k): (usize, usize),
        count: usize,
        threads: usize,
    ) -> Result<Self, EngineError> {
        // Where the half-precision scales of a block lie; all other bytes may be anything.
        let (dtype, scales): (_, &[usize]) = match format {
            "Q4_0" => (GgmlDType::Q4_0, &[0]),
            "Q4_1" => (GgmlDType::Q4_1, &[0, 2]),
            "Q5_0" => (GgmlDType::Q5_0, &[0]),
            "Q5_1" => (GgmlDType::Q5_1, &[0, 2]),
            "Q8_0" => (GgmlDType::Q8_0, &[0]),
            "Q4_K" => (GgmlDType::Q4K, &[0, 2]),
            "Q5_K" => (GgmlDType::Q5K, &[0, 2]),
            "Q6_K" => (GgmlDType::Q6K, &[208]),
            other => return Err(EngineError::invalid("format", other)),
        };
        let size = dtype.type_size();
        let mut bytes: Vec<u8> = (0..n * k / dtype.block_size() * size)
            .map(|i| (i as u32).wrapping_mul(2_654_435_761).rotate_right(11) as u8)
            .collect();
        for block in bytes.chunks_exact_mut(size) {
            for at in scales {
                block[*at..at + 2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
            }
        }
        let pool = Pool::new(threads)?;
        let make = |_| Matrix::from_blocks(dtype, &bytes, n, k);
        let matrices = pool.install(|| (0..count).map(make).collect::<Result<Vec<_>, _>>())?;
        Ok(Self {
            pool,
            matrices,
            rows: Inputs::default(),
            out: Vec::new(),
            shape: (n, k),
        })
    }

    /// Takes `m` rows for the products to come.
    pub fn set_rows(&mut self, m: usize) {
        let (n, k) = self.shape;
        let x: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.37).sin()).collect();
        self.matrices[0].take(&mut self.rows, &x);
        self.out = vec![0.0; m * n];
    }

    /// Bytes of the first `count` matrices.
    pub fn bytes(&self, count: usize) -> usize {
        self.matrices[..count].iter().map(Matrix::bytes).sum()
    }

    /// Multiplies the rows with the first `count` matrices.
    pub fn multiply(&mut self, count: usize) {
        let (pool, rows, out) = (&self.pool, &self.rows, &mut self.out);
        pool.install(|| {
            for matrix in &self.matrices[..count] {
                matrix.product_into(rows, out);
            }
        });
        std::hint::black_box(&self.out);
    }

    /// Reads `data` with all threads and returns its sum, which only memory can delay.
    pub fn read(&self, data: &[u64]) -> u64 {
        let total = AtomicU64::new(0);
        let parts = 8 * self.pool.install(pool::threads);
        let size = data.len() / parts;
        self.pool.install(|| {
            pool::parallel(parts, |part| {
                let data = &data[part * size..(part + 1) * size];
                let streams: [&[u64]; STREAMS] = std::array::from_fn(|s| {
                    &data[s * (size / STREAMS)..(s + 1) * (size / STREAMS)]
                });
                let mut sums = [[0u64; 8]; STREAMS];
                for at in 0..size / STREAMS / 8 {
                    for (stream, sums) in streams.iter().zip(&mut sums) {
                        for (sum, value) in sums.iter_mut().zip(&stream.as_chunks::<8>().0[at]) {
                            *sum = sum.wrapping_add(*value);
                        }
                    }
                }
                let sum = sums
                    .as_flattened()
                    .iter()
                    .fold(0u64, |a, b| a.wrapping_add(*b));
                total.fetch_add(sum, Ordering::Relaxed);
            });
        });
        total.into_inner()
    }
}
