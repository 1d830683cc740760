//! Prints speeds of the real models; asserts only that they are not silly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "tests fail by panicking and report their measurements")]

use crate::support::{QWEN, SMOLLM2, collect, load, real_model, run, start};
use std::time::Instant;
use zhisuan_engine::{GenerateRequest, Prompt};

fn request(first: u32, prompt: u32, tokens: usize) -> GenerateRequest {
    let prompt = (0..prompt).map(|i| 1000 + (first * 7919 + i * 31) % 20_000).collect();
    GenerateRequest { ignore_eos: true, ..GenerateRequest::new(Prompt::Tokens(prompt), tokens) }
}

fn measure(name: &str, sha256: &str) {
    let Some(path) = real_model(sha256) else { return };
    let begin = Instant::now();
    let engine = load(&path);
    let loaded = begin.elapsed().as_secs_f64();
    run(&engine, request(0, 8, 2));
    let begin = Instant::now();
    run(&engine, request(1, 512, 1));
    let prefill = 512.0 / begin.elapsed().as_secs_f64();
    let decode = |streams: u32| {
        let tokens = 24;
        let begin = Instant::now();
        let running: Vec<_> = (0..streams).map(|i| start(&engine, request(i, 8, tokens))).collect();
        let total: usize = running.iter().map(|r| collect(r).tokens.len()).sum();
        total as f64 / begin.elapsed().as_secs_f64()
    };
    let (one, eight) = (decode(1), decode(8));
    eprintln!(
        "{name}: load {loaded:.2} s, prefill 512 {prefill:.0} tok/s, decode {one:.1} tok/s alone, {eight:.1} tok/s by 8"
    );
    assert!(one > 1.0 && eight > one * 0.5);
}

#[test]
fn smollm2_speed() {
    measure("SmolLM2-135M Q4_1", SMOLLM2);
}

#[test]
fn qwen_speed() {
    measure("Qwen2.5-Coder-0.5B Q4_K_M", QWEN);
}
