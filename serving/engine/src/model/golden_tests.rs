//! Every family against `transformers` on tiny random models; see `tests/goldens/make.py`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use super::decoder::Decoder;
use super::runner::DecoderRunner;
use crate::load;
use crate::runner::{BLOCK_TOKENS, FlatBatch, ModelRunner, Span, Wants};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Logits are up to 4 and were computed in f32; here keys and values are half precision.
const TOLERANCE: f32 = 0.01;

fn run(runner: &mut DecoderRunner, tokens: &[u32], from: usize) -> Vec<f32> {
    let batch = FlatBatch {
        tokens: tokens[from..].to_vec(),
        spans: vec![Span {
            rows: 0..tokens.len() - from,
            start: from,
            blocks: (0..tokens.len().div_ceil(BLOCK_TOKENS) as u32).collect(),
            adapter: None,
            wants: Wants::Logits {
                rows: tokens.len() - from,
                masks: Vec::new(),
            },
        }],
    };
    runner.run(&batch).unwrap().logits
}

fn best(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.unwrap().0 as u32
}

fn check(folder: &Path) {
    let source = load::open(folder).unwrap();
    let decoder = Arc::new(Decoder::load(source.spec, source.weights.as_ref()).unwrap());
    let mut runner = DecoderRunner::new(Arc::clone(&decoder), 4).unwrap();
    let text = std::fs::read_to_string(folder.join("golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let prompt: Vec<u32> = serde_json::from_value(golden["prompt"].clone()).unwrap();
    let bytes = std::fs::read(folder.join("logits.f32")).unwrap();
    let wanted = bytes
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b));
    let found = run(&mut runner, &prompt, 0);
    assert_eq!(found.len(), bytes.len() / 4);
    let errors = wanted.zip(&found).map(|(a, b)| (a - b).abs());
    let worst = errors.fold(0f32, f32::max);
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    eprintln!("{name}: largest error of a logit {worst:.5}");
    assert!(worst < TOLERANCE, "{name}: {worst}");
    let vocab = decoder.spec.vocab;
    let mut tokens = prompt;
    let mut next = best(&found[found.len() - vocab..]);
    for (step, golden) in golden["greedy"].as_array().unwrap().iter().enumerate() {
        let wanted = golden["token"].as_u64().unwrap() as u32;
        let gap = golden["gap"].as_f64().unwrap() as f32;
        assert!(
            next == wanted || gap < 2.0 * TOLERANCE,
            "{name} step {step}"
        );
        tokens.push(wanted);
        next = best(&run(&mut runner, &tokens, tokens.len() - 1));
    }
}

#[test]
fn every_family_agrees_with_transformers() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/tiny");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert_eq!(folders.len(), 9);
    for folder in folders {
        check(&folder);
    }
}
