//! How far 8-bit activations move the logits of a real model from exact f32 arithmetic.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use super::decoder::Decoder;
use super::runner::DecoderRunner;
use super::testing::{SMOLLM2, real_model};
use crate::kernel::matrix::Matrix;
use crate::load;
use crate::output::sample::logprobs;
use crate::runner::{BLOCK_TOKENS, FlatBatch, ModelRunner, Span, Wants};
use std::sync::Arc;

fn plain(matrix: &mut Matrix) {
    let (n, k) = matrix.shape();
    *matrix = Matrix::Dense {
        n,
        k,
        data: matrix.rows_f32(0..n),
    };
}

/// Logits after every token.
fn all_logits(decoder: &Arc<Decoder>, tokens: &[u32]) -> Vec<f32> {
    let batch = FlatBatch {
        tokens: tokens.to_vec(),
        spans: vec![Span {
            rows: 0..tokens.len(),
            start: 0,
            blocks: (0..tokens.len().div_ceil(BLOCK_TOKENS) as u32).collect(),
            adapter: None,
            wants: Wants::Logits {
                rows: tokens.len(),
                masks: Vec::new(),
            },
        }],
    };
    let blocks = batch.spans[0].blocks.len();
    let mut runner = DecoderRunner::new(Arc::clone(decoder), blocks).unwrap();
    runner.run(&batch).unwrap().logits
}

#[test]
fn eight_bit_activations_stay_close_to_exact_arithmetic() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    let source = load::open(&path).unwrap();
    let tokens = source
        .tokenizer
        .encode("The sea is a vast body of salt water that covers most of the Earth, and")
        .unwrap();
    let mut decoder = Arc::new(Decoder::load(source.spec, source.weights.as_ref()).unwrap());
    let rounded = all_logits(&decoder, &tokens);
    let weights = &mut Arc::get_mut(&mut decoder).unwrap().weights;
    for layer in &mut weights.layers {
        for matrix in [
            &mut layer.qkv,
            &mut layer.output,
            &mut layer.gate_up,
            &mut layer.down,
        ] {
            plain(matrix);
        }
    }
    plain(&mut weights.head);
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
