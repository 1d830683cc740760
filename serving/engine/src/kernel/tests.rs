//! Every block format against Candle's dequantisation, and the promises about rows.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::elementwise::{exp, gelu_mul, rms_norm, silu_mul};
use super::matrix::{Inputs, Matrix};
use super::pool::Pool;
use super::rows::Gate;
use super::{Isa, dense};
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

fn matrix(dtype: GgmlDType, n: usize, k: usize) -> Matrix {
    Matrix::from_blocks(dtype, &tensor(dtype, n, k).data().unwrap(), n, k).unwrap()
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
        let matrix = matrix(dtype, n, k);
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
        let matrix = matrix(dtype, n, k);
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
    let part = |dtype| matrix(dtype, 19, k);
    let formats = [GgmlDType::Q4K, GgmlDType::Q6K, GgmlDType::Q8_0];
    let stacked = Matrix::stack(formats.iter().map(|d| part(*d)).collect());
    let x = noise(k, 4);
    let wanted: Vec<f32> = formats.iter().flat_map(|d| part(*d).forward(&x)).collect();
    for (a, b) in stacked.forward(&x).iter().zip(&wanted) {
        assert_eq!(a.to_bits(), b.to_bits());
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
        let matrix = matrix(dtype, n, k);
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

/// Bytes of `n * k` numbers in a plain format, and what they stand for.
fn plain(dtype: GgmlDType, n: usize, k: usize) -> (Vec<u8>, Vec<f32>) {
    let mut numbers = noise(n * k, 5);
    (numbers[0], numbers[1]) = (0.0, 6e-8);
    let mut bytes = Vec::new();
    let exact = numbers.iter().map(|v| match dtype {
        GgmlDType::BF16 => {
            bytes.extend(half::bf16::from_f32(*v).to_le_bytes());
            half::bf16::from_f32(*v).to_f32()
        }
        GgmlDType::F16 => {
            bytes.extend(half::f16::from_f32(*v).to_le_bytes());
            half::f16::from_f32(*v).to_f32()
        }
        _ => {
            bytes.extend(v.to_le_bytes());
            *v
        }
    });
    let exact = exact.collect();
    (bytes, exact)
}

#[test]
fn plain_products_are_right_on_every_path_and_for_any_number_of_rows() {
    for dtype in [GgmlDType::F32, GgmlDType::BF16, GgmlDType::F16] {
        for (n, k) in [(1, 1), (3, 16), (7, 33), (21, 100), (130, 384)] {
            let (bytes, exact) = plain(dtype, n, k.max(2));
            let k = k.max(2);
            let matrix = Matrix::from_blocks(dtype, &bytes, n, k).unwrap();
            assert_eq!(matrix.rows_f32(0..n), exact, "{dtype:?}");
            assert_eq!(matrix.bytes(), bytes.len());
            let x = noise(23 * k, 2);
            let together = matrix.forward(&x);
            for (row, found) in together.chunks_exact(n).enumerate() {
                let x = &x[row * k..(row + 1) * k];
                assert_eq!(matrix.forward(x), found, "{dtype:?} {n} x {k}");
                for (found, w) in found.iter().zip(exact.chunks_exact(k)) {
                    let products = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                    let wanted: f64 = products.sum();
                    assert!(
                        (f64::from(*found) - wanted).abs() < 1e-4,
                        "{dtype:?} {n} x {k}"
                    );
                }
            }
            for isa in Isa::available() {
                let mut out = vec![f32::NAN; 23 * n];
                dense::product(isa, &exact, k, &x, &mut out);
                for (a, b) in out.iter().zip(&together) {
                    assert!((a - b).abs() < 1e-4, "{isa:?} {n} x {k}");
                }
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    for dtype in [GgmlDType::Q5_0, GgmlDType::Q4K, GgmlDType::F32] {
        let (n, k) = (133, width(dtype));
        let matrix = matrix(dtype, n, k);
        for m in [1, 7, 40] {
            let x = noise(m * k, 3);
            let alone = matrix.forward(&x);
            for threads in [1, 2, 3, 7] {
                let pool = Pool::new(threads).unwrap();
                let found = pool.install(|| matrix.forward(&x));
                assert_eq!(found, alone, "{dtype:?}, {m} rows, {threads} threads");
            }
        }
    }
}

#[test]
fn a_mask_leaves_allowed_outputs_as_they_are_and_forbids_the_rest() {
    let masks: [Option<&[u64]>; 5] = [
        Some(&[0, 0, 0]),
        Some(&[1 << 17, 0, 2]),
        Some(&[u64::MAX; 3]),
        Some(&[5]),
        None,
    ];
    for dtype in [GgmlDType::Q8_0, GgmlDType::F32] {
        let (n, k) = (130, width(dtype));
        let matrix = matrix(dtype, n, k);
        let x = noise(masks.len() * k, 3);
        let all = matrix.forward(&x);
        // Together one row wants everything; alone and in pairs most panels are left out.
        for rows in [0..5, 0..1, 1..2, 3..4, 0..2, 4..5] {
            let x = &x[rows.start * k..rows.end * k];
            let found = matrix.forward_allowed(x, &masks[rows.clone()]);
            for (row, found) in rows.zip(found.chunks_exact(n)) {
                for (i, found) in found.iter().enumerate() {
                    let word = |mask: &[u64]| mask.get(i / 64).copied().unwrap_or(0);
                    let allowed = masks[row].is_none_or(|m| word(m) >> (i % 64) & 1 == 1);
                    let wanted = if allowed {
                        all[row * n + i]
                    } else {
                        f32::NEG_INFINITY
                    };
                    assert_eq!(found.to_bits(), wanted.to_bits(), "{dtype:?} output {i}");
                }
            }
        }
    }
}

#[test]
fn fused_steps_give_what_the_single_steps_give() {
    for dtype in [GgmlDType::Q4_1, GgmlDType::F32] {
        let (n, k, m) = (20, 96, 3);
        let matrix = matrix(dtype, n, k);
        let (x, weight) = (noise(m * k, 1), noise(k, 2));
        let mut rows = Inputs::default();
        let mut single = vec![0f32; m * k];
        matrix.take_normed(&mut rows, &x, &weight, 1e-5);
        for (x, out) in x.chunks_exact(k).zip(single.chunks_exact_mut(k)) {
            rms_norm(x, &weight, 1e-5, out);
        }
        assert_eq!(matrix.product(&rows), matrix.forward(&single));
        let both = noise(m * 2 * k, 4);
        for gate in [Gate::Silu, Gate::Gelu] {
            matrix.take_gated(&mut rows, &both, gate);
            for (both, out) in both.chunks_exact(2 * k).zip(single.chunks_exact_mut(k)) {
                gate.apply(&both[..k], &both[k..], out);
            }
            assert_eq!(matrix.product(&rows), matrix.forward(&single), "{gate:?}");
        }
    }
}

#[test]
fn gelu_is_the_tanh_form() {
    let x: Vec<f32> = (-60..60).map(|i| i as f32 * 0.1).collect();
    let mut out = vec![0.0; x.len()];
    gelu_mul(&x, &vec![1.0; x.len()], &mut out);
    for (x, found) in x.iter().zip(&out) {
        let z = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
        let wanted = 0.5 * x * (1.0 + z.tanh());
        assert!((found - wanted).abs() < 2e-6, "{x}: {found} and {wanted}");
    }
}
