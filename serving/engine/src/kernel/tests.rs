//! Every block format against Candle's dequantisation, and the promises about rows.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::elementwise::{exp, rms_norm, silu_mul};
use super::matrix::Matrix;
use crate::load::RawWeight;
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

pub(super) const FORMATS: [GgmlDType; 8] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

pub(super) fn noise(count: usize, seed: u64) -> Vec<f32> {
    (0..count as u64)
        .map(|i| (crate::output::sample::uniform(seed, i) * 2.0 - 1.0) as f32)
        .collect()
}

pub(super) fn tensor(dtype: GgmlDType, n: usize, k: usize) -> QTensor {
    let plain = Tensor::from_vec(noise(n * k, n as u64), (n, k), &Device::Cpu).unwrap();
    QTensor::quantize(&plain, dtype).unwrap()
}

/// Width that the format allows; odd block counts where possible.
pub(super) fn width(dtype: GgmlDType) -> usize {
    if dtype.block_size() == 256 { 512 } else { 96 }
}

#[test]
fn packed_blocks_are_exactly_the_files_values() {
    for dtype in FORMATS {
        let (n, k) = (21, width(dtype));
        let source = tensor(dtype, n, k);
        let wanted: Vec<f32> = source
            .dequantize(&Device::Cpu)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap();
        let found = Matrix::from_blocks(dtype, &source.data().unwrap(), n, k)
            .unwrap()
            .rows_f32(0..n);
        for (a, b) in wanted.iter().zip(&found) {
            assert!((a - b).abs() <= 1e-7, "{dtype:?}: {a} and {b}");
        }
    }
}

#[test]
fn products_are_close_to_plain_products() {
    for dtype in FORMATS {
        let (n, k, m) = (19, width(dtype), 7);
        let matrix = Matrix::new(RawWeight::Quantised(tensor(dtype, n, k))).unwrap();
        assert!(matches!(matrix, Matrix::Packed(_)));
        let plain = Matrix::Dense {
            n,
            k,
            data: matrix.rows_f32(0..n),
        };
        let x = noise(m * k, 3);
        let (found, wanted) = (matrix.forward(&x), plain.forward(&x));
        // Rounding activations to 8 bits costs about 0.4% of the typical size of a sum.
        let size = (wanted.iter().map(|v| v * v).sum::<f32>() / wanted.len() as f32).sqrt();
        for (a, b) in found.iter().zip(&wanted) {
            assert!(
                (a - b).abs() < 0.03 * size,
                "{dtype:?}: {a} and {b}, size {size}"
            );
        }
    }
}

#[test]
fn a_row_never_depends_on_its_neighbours() {
    for dtype in [GgmlDType::Q4_1, GgmlDType::Q6K, GgmlDType::F32] {
        let (n, k) = (37, width(dtype));
        let matrix = Matrix::new(RawWeight::Quantised(tensor(dtype, n, k))).unwrap();
        for m in [1, 2, 3, 5, 8, 9, 13, 31, 33, 130, 300] {
            let x = noise(m * k, 9);
            let together = matrix.forward(&x);
            for row in 0..m {
                let alone = matrix.forward(&x[row * k..(row + 1) * k]);
                assert_eq!(
                    alone,
                    together[row * n..(row + 1) * n],
                    "{dtype:?} row {row} of {m}"
                );
            }
        }
    }
}

#[test]
fn stacked_formats_give_the_parts_results() {
    let k = 512;
    let part = |dtype| Matrix::new(RawWeight::Quantised(tensor(dtype, 6, k))).unwrap();
    let formats = [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q8_0];
    let stacked = Matrix::stack(formats.iter().map(|d| part(*d)).collect());
    let x = noise(k, 4);
    let wanted: Vec<f32> = formats.iter().flat_map(|d| part(*d).forward(&x)).collect();
    for (a, b) in stacked.forward(&x).iter().zip(&wanted) {
        assert!((a - b).abs() < 1e-4, "{a} and {b}");
    }
}

#[test]
fn elementwise_functions_match_the_library() {
    for i in -800..800 {
        let x = i as f32 * 0.1;
        let (found, wanted) = (exp::<false>(x), x.exp());
        assert!(
            (found - wanted).abs() <= 3e-7 * wanted,
            "exp({x}): {found} and {wanted}"
        );
    }
    assert!(exp::<false>(f32::NAN).is_nan());
    let (x, w) = (noise(50, 1), noise(50, 2));
    let mut out = vec![0.0; 50];
    silu_mul(&x, &w, &mut out);
    for ((o, x), w) in out.iter().zip(&x).zip(&w) {
        assert!((o - x / (1.0 + (-x).exp()) * w).abs() < 1e-6);
    }
    rms_norm(&x, &w, 1e-5, &mut out);
    let rms = (x.iter().map(|v| v * v).sum::<f32>() / 50.0 + 1e-5).sqrt();
    for ((o, x), w) in out.iter().zip(&x).zip(&w) {
        assert!((o - x / rms * w).abs() < 1e-5);
    }
}

#[test]
fn backward_is_the_transposed_product() {
    for dtype in [GgmlDType::Q4_1, GgmlDType::Q6K, GgmlDType::F32] {
        let (n, k, m) = (19, if dtype == GgmlDType::F32 { 23 } else { 768 }, 5);
        let matrix = Matrix::new(RawWeight::Quantised(tensor(dtype, n, k))).unwrap();
        let (w, dy) = (matrix.rows_f32(0..n), noise(m * n, 6));
        let found = matrix.backward(&dy);
        for row in 0..m {
            for column in 0..k {
                let wanted: f32 = (0..n).map(|j| dy[row * n + j] * w[j * k + column]).sum();
                let found = found[row * k + column];
                assert!(
                    (found - wanted).abs() < 1e-4,
                    "{dtype:?}: {found} and {wanted}"
                );
            }
        }
    }
}
