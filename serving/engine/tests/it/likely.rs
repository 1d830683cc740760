//! Agreement with llama.cpp on the 20 likeliest next tokens at fixed positions; see
//! `tests/goldens/likely.py`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use crate::support::{QWEN, SMOLLM2, load, real_model, start};
use serde_json::Value;
use std::collections::HashMap;
use zhisuan_engine::{Engine, GenerateEvent, GenerateRequest, Prompt};

/// What may differ, since both engines round activations to 8 bits in places of their own.
struct Bounds {
    /// Mean Kullback-Leibler divergence of the 20 likeliest and the rest, in nats.
    mean_kl: f64,
    /// The largest at one position.
    worst_kl: f64,
    /// Mean share of llama.cpp's 20 that are among ours.
    overlap: f64,
}

/// Natural log probabilities of the likeliest tokens.
fn likeliest(engine: &Engine, tokens: &[u32]) -> HashMap<u32, f64> {
    let request = GenerateRequest {
        ignore_eos: true,
        logprobs: Some(20),
        ..GenerateRequest::new(Prompt::Tokens(tokens.to_vec()), 1)
    };
    let events = start(engine, request);
    let Ok(GenerateEvent::Token {
        logprob: Some(found),
        ..
    }) = events.recv()
    else {
        panic!("the first event is a token with its probability");
    };
    let top = found.top.iter();
    top.map(|one| (one.token, f64::from(one.logprob))).collect()
}

/// Divergence of ours from theirs over their 20 tokens and everything else as one. A token
/// that is not among our 20 counts with the least probable one that is.
fn divergence(theirs: &[(u32, f64)], ours: &HashMap<u32, f64>) -> f64 {
    let least = ours.values().copied().fold(f64::INFINITY, f64::min);
    let (mut sum, mut p_left, mut q_left) = (0.0, 1.0, 1.0);
    for (token, log_p) in theirs {
        let log_q = ours.get(token).copied().unwrap_or(least);
        sum += log_p.exp() * (log_p - log_q);
        p_left -= log_p.exp();
        q_left -= log_q.exp();
    }
    let (p, q) = (p_left.max(1e-9), q_left.max(1e-9));
    sum + p * (p / q).ln()
}

fn check(sha256: &str, recorded: &str, bounds: &Bounds) {
    let Some(path) = real_model(sha256) else {
        return;
    };
    let record: Value = serde_json::from_str(recorded).unwrap();
    assert_eq!(record["model_sha256"], sha256);
    let engine = load(&path);
    let (mut divergences, mut shared, mut all) = (Vec::new(), 0, 0);
    for text in record["texts"].as_array().unwrap() {
        let ids: Vec<u32> = serde_json::from_value(text["ids"].clone()).unwrap();
        for position in text["positions"].as_array().unwrap() {
            let at = usize::try_from(position[0].as_u64().unwrap()).unwrap();
            let theirs: Vec<(u32, f64)> = serde_json::from_value(position[1].clone()).unwrap();
            let ours = likeliest(&engine, &ids[..at]);
            shared += theirs.iter().filter(|(t, _)| ours.contains_key(t)).count();
            all += theirs.len();
            divergences.push(divergence(&theirs, &ours));
        }
    }
    let mean = divergences.iter().sum::<f64>() / divergences.len() as f64;
    let worst = divergences.iter().copied().fold(0.0, f64::max);
    let overlap = f64::from(shared as u32) / f64::from(all as u32);
    eprintln!(
        "{sha256}: {} positions, mean KL {mean:.5}, worst {worst:.4}, overlap of the 20 likeliest {overlap:.3}",
        divergences.len()
    );
    assert!(mean < bounds.mean_kl, "mean KL {mean}");
    assert!(worst < bounds.worst_kl, "worst KL {worst}");
    assert!(overlap > bounds.overlap, "overlap {overlap}");
}

#[test]
fn smollm2s_likeliest_tokens_are_llama_cpps() {
    let bounds = Bounds {
        mean_kl: 0.01,
        worst_kl: 0.1,
        overlap: 0.9,
    };
    let recorded = include_str!("../goldens/likely-smollm2-135m-q4_1.json");
    check(SMOLLM2, recorded, &bounds);
}

#[test]
fn qwens_likeliest_tokens_are_llama_cpps() {
    let bounds = Bounds {
        mean_kl: 0.01,
        worst_kl: 0.1,
        overlap: 0.9,
    };
    let recorded = include_str!("../goldens/likely-qwen2.5-coder-0.5b-q4_k_m.json");
    check(QWEN, recorded, &bounds);
}
