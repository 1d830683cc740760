//! Every format on every path of this machine against the plain reference, bit for bit.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::layout::{BLOCK, PANEL, Panels, Wide};
use super::pack::pack;
use super::product::{Stack, product};
use super::rows::{Block, QuantRows, quantise};
use super::tests::{FORMATS, noise, tensor, width};
use super::{Isa, portable};
use candle_core::quantized::GgmlDType;

fn panels(dtype: GgmlDType, n: usize, k: usize) -> Panels {
    let source = tensor(dtype, n, k);
    pack(dtype, &source.data().unwrap(), n, k).unwrap().unwrap()
}

/// The dot products as the layout's documentation defines them, with fused additions.
fn reference(weights: &Panels, rows: &QuantRows) -> Vec<f32> {
    let spec = weights.format.spec();
    let mut out = Vec::new();
    for row in rows.blocks.chunks_exact(weights.blocks) {
        let mut sums = vec![[0f32; PANEL]; weights.count()];
        for (p, sums) in sums.iter_mut().enumerate() {
            for (b, a) in row.iter().enumerate() {
                let mut tile = Wide::ZERO;
                portable::widen(weights.format, weights.panel(p), b, &mut tile);
                portable::add_tile::<true>(&spec, &tile, a, sums);
            }
        }
        out.extend_from_slice(&sums.as_flattened()[..weights.n]);
    }
    out
}

fn on(isa: Isa, weights: &Panels, rows: &QuantRows) -> Vec<f32> {
    let mut out = vec![f32::MAX; rows.count() * weights.n];
    let stack = Stack {
        parts: std::slice::from_ref(weights),
        n: weights.n,
        blocks: weights.blocks,
    };
    product(isa, &stack, rows, |_, _| true, &mut out);
    out
}

fn same(a: &[f32], b: &[f32], what: &str) {
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let equal = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        assert!(equal, "{what}: {a} and {b} at {i}");
    }
}

/// Ordinary rows, and rows that go to the limits of their types.
fn activations(k: usize, m: usize) -> Vec<f32> {
    let mut x = noise(m * k, 8);
    for (r, row) in x.chunks_exact_mut(k).enumerate() {
        match r {
            1 => row.fill(0.0),
            2 => row.iter_mut().for_each(|v| *v = v.signum() * 3e38),
            3 => row.iter_mut().for_each(|v| *v *= 1e-40),
            4 => row.fill(1.0),
            5 => row.fill(-1.0),
            6 => row[k / 2] = f32::NAN,
            7 => row[k - 1] = f32::INFINITY,
            _ => {}
        }
    }
    x
}

#[test]
fn all_paths_agree_bit_for_bit() {
    for dtype in FORMATS {
        for (n, m) in [(7, 1), (16, 8), (37, 29)] {
            let k = width(dtype);
            let weights = panels(dtype, n, k);
            let mut rows = QuantRows::default();
            rows.set(&activations(k, m), k);
            let wanted = reference(&weights, &rows);
            for isa in Isa::available() {
                if isa == Isa::Portable {
                    continue;
                }
                let found = on(isa, &weights, &rows);
                same(
                    &found,
                    &wanted,
                    &format!("{dtype:?} {isa:?} {n} x {k}, {m} rows"),
                );
            }
        }
    }
}

#[test]
fn without_fused_additions_the_result_stays_close() {
    for dtype in FORMATS {
        let weights = panels(dtype, 19, width(dtype));
        let mut rows = QuantRows::default();
        rows.set(&noise(3 * width(dtype), 4), width(dtype));
        let (found, wanted) = (
            on(Isa::Portable, &weights, &rows),
            reference(&weights, &rows),
        );
        for (a, b) in found.iter().zip(&wanted) {
            assert!(
                (a - b).abs() < 1e-4 * (1.0 + b.abs()),
                "{dtype:?}: {a} and {b}"
            );
        }
    }
}

/// Blocks of bytes as no quantiser makes them: every code at its end, large scales.
#[test]
fn extreme_codes_neither_saturate_nor_overflow() {
    for dtype in FORMATS {
        for fill in [0u8, 0x80, 0xff] {
            let (n, k) = (17, width(dtype));
            let size = n * k / dtype.block_size() * dtype.type_size();
            let mut bytes = vec![fill; size];
            let scales: &[usize] = match dtype {
                GgmlDType::Q6K => &[208],
                GgmlDType::Q4_0 | GgmlDType::Q5_0 | GgmlDType::Q8_0 => &[0],
                _ => &[0, 2],
            };
            for block in bytes.chunks_exact_mut(dtype.type_size()) {
                for at in scales {
                    block[*at..at + 2].copy_from_slice(&half::f16::MAX.to_le_bytes());
                }
            }
            let weights = pack(dtype, &bytes, n, k).unwrap().unwrap();
            let mut rows = QuantRows::default();
            rows.set(&activations(k, 9), k);
            let wanted = reference(&weights, &rows);
            assert!(wanted[..n].iter().all(|v| v.is_finite()));
            for isa in Isa::available() {
                if isa != Isa::Portable {
                    same(
                        &on(isa, &weights, &rows),
                        &wanted,
                        &format!("{dtype:?} {isa:?}"),
                    );
                }
            }
        }
    }
}

#[test]
fn scales_that_are_not_finite_are_refused() {
    for dtype in FORMATS {
        let (n, k) = (2, width(dtype));
        let mut bytes = tensor(dtype, n, k).data().unwrap().into_owned();
        let at = bytes.len() - dtype.type_size() + if dtype == GgmlDType::Q6K { 208 } else { 0 };
        bytes[at..at + 2].copy_from_slice(&half::f16::INFINITY.to_le_bytes());
        assert_eq!(
            pack(dtype, &bytes, n, k).unwrap_err().code(),
            "model_corrupt"
        );
        assert!(pack(dtype, &bytes[1..], n, k).is_err(), "{dtype:?}");
        assert!(pack(dtype, &bytes, n, k + 1).is_err(), "{dtype:?}");
        assert!(pack(dtype, &bytes, usize::MAX, k).is_err(), "{dtype:?}");
    }
}

#[test]
fn a_broken_number_stays_visible() {
    let (dtype, k) = (GgmlDType::Q5_0, 96);
    let weights = panels(dtype, 33, k);
    let mut rows = QuantRows::default();
    rows.set(&activations(k, 9), k);
    let out = reference(&weights, &rows);
    for (r, row) in out.chunks_exact(33).enumerate() {
        assert_eq!(row.iter().all(|v| v.is_nan()), r == 6 || r == 7, "row {r}");
    }
}

#[test]
fn packed_weights_are_no_larger_than_the_file_and_its_padding() {
    for dtype in FORMATS {
        let (n, k) = (64, 768);
        let file = n * k / dtype.block_size() * dtype.type_size();
        let held = panels(dtype, n, k).bytes();
        assert!(held * 100 <= file * 103, "{dtype:?}: {held} for {file}");
    }
}

#[test]
fn rounding_keeps_its_promise() {
    let x = activations(96, 6);
    let mut blocks = vec![Block::default(); x.len() / BLOCK];
    quantise(&x, &mut blocks);
    for (x, block) in x.as_chunks::<BLOCK>().0.iter().zip(&blocks) {
        let sum: i32 = block.codes.iter().map(|c| i32::from(*c)).sum();
        assert_eq!(block.minus, -sum);
        for (x, code) in x.iter().zip(&block.codes) {
            let back = block.scale * f32::from(*code);
            let allowed = (0.51 * block.scale).max(1e-36);
            assert!((back - x).abs() <= allowed, "{back} for {x}");
        }
    }
}
