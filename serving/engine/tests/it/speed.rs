//! Prints speeds of the real models; asserts only that the work is complete.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use crate::support::{QWEN, SMOLLM2, collect, cpu_seconds, load, real_model, run, start};
use std::time::Instant;
use zhisuan_engine::{GenerateRequest, Prompt};

fn request(first: u32, prompt: u32, tokens: usize) -> GenerateRequest {
    let prompt = (0..prompt)
        .map(|i| 1000 + (first * 7919 + i * 31) % 20_000)
        .collect();
    GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Tokens(prompt), tokens)
    }
}

/// Runs `work`; returns what it gives by second of wall clock and by second of CPU, so that
/// a loaded machine can be told from a slow engine.
fn rates(work: impl FnOnce() -> usize) -> String {
    let (begin, cpu) = (Instant::now(), cpu_seconds());
    let tokens = work() as f64;
    let (wall, cpu) = (begin.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    format!(
        "{:.1} tok/s ({:.1} tok per CPU second)",
        tokens / wall,
        tokens / cpu.max(0.01)
    )
}

fn measure(name: &str, sha256: &str) {
    let Some(path) = real_model(sha256) else {
        return;
    };
    let begin = Instant::now();
    let engine = load(&path);
    let loaded = begin.elapsed().as_secs_f64();
    assert_eq!(run(&engine, request(0, 8, 2)).tokens.len(), 2);
    let prefill = rates(|| run(&engine, request(1, 512, 1)).usage.prompt_tokens);
    let decode = |streams: u32| {
        let running: Vec<_> = (0..streams)
            .map(|i| start(&engine, request(i, 8, 24)))
            .collect();
        running.iter().map(|r| collect(r).tokens.len()).sum()
    };
    let (one, eight) = (rates(|| decode(1)), rates(|| decode(8)));
    eprintln!(
        "{name}: load {loaded:.2} s\n  prefill 512: {prefill}\n  decode 1: {one}\n  decode 8: {eight}"
    );
}

#[test]
fn smollm2_speed() {
    measure("SmolLM2-135M Q4_1", SMOLLM2);
}

#[test]
fn qwen_speed() {
    measure("Qwen2.5-Coder-0.5B Q4_K_M", QWEN);
}
