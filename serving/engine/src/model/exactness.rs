//! How far 8-bit activations move the logits of a real model from exact f32 arithmetic.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use super::cache::KvCache;
use super::decoder::{Decoder, Segment};
use crate::kernel::matrix::Matrix;
use crate::load;
use crate::sample::logprobs;
use std::path::PathBuf;

const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

fn plain(matrix: &mut Matrix) {
    let (n, k) = matrix.shape();
    *matrix = Matrix::Dense {
        n,
        k,
        data: matrix.rows_f32(0..n),
    };
}

/// Logits after every token.
fn all_logits(decoder: &Decoder, tokens: &[u32]) -> Vec<f32> {
    let mut cache = KvCache::new(decoder.spec.layers);
    let mut segments = [Segment {
        tokens,
        cache: &mut cache,
        adapter: None,
    }];
    decoder.logits(&decoder.forward(&mut segments).unwrap())
}

#[test]
fn eight_bit_activations_stay_close_to_exact_arithmetic() {
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let cache = std::env::var_os("ZHISUAN_CACHE")
        .map_or_else(|| home.join(".cache/zhisuan"), PathBuf::from);
    let path = cache.join("models/sha256").join(SMOLLM2);
    if !path.exists() {
        assert!(
            std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() != Ok("1"),
            "{SMOLLM2} is absent"
        );
        eprintln!("SKIPPED: model {SMOLLM2} is absent; run 'cargo xtask test' to provide it");
        return;
    }
    let source = load::open(&path).unwrap();
    let tokens = source
        .tokenizer
        .encode("The sea is a vast body of salt water that covers most of the Earth, and")
        .unwrap();
    let mut decoder = Decoder::load(source.spec, source.weights.as_ref()).unwrap();
    let rounded = all_logits(&decoder, &tokens);
    for layer in &mut decoder.weights.layers {
        for matrix in [
            &mut layer.qkv,
            &mut layer.output,
            &mut layer.gate_up,
            &mut layer.down,
        ] {
            plain(matrix);
        }
    }
    plain(&mut decoder.weights.head);
    let exact = all_logits(&decoder, &tokens);
    let vocab = decoder.spec.vocab;
    let (mut worst, mut total) = (0f32, 0f32);
    for (exact, rounded) in exact.chunks_exact(vocab).zip(rounded.chunks_exact(vocab)) {
        for (token, wanted) in logprobs(exact, 0, 5).1 {
            let (found, _) = logprobs(rounded, token, 0);
            worst = worst.max((found - wanted).abs());
            total += (found - wanted).abs();
        }
    }
    let mean = total / (5 * tokens.len()) as f32;
    eprintln!("log probabilities of the five best tokens: mean error {mean:.4}, worst {worst:.4}");
    assert!(mean < 0.1 && worst < 0.5, "mean {mean}, worst {worst}");
}
