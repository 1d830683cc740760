//! Gradients against finite differences, and training logits against serving logits.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::LoraConfig;
use super::config::{Schedule, TrainConfig};
use super::data::{Example, order};
use super::graph::Graph;
use super::variables::Variables;
use crate::kernel::matrix::Matrix;
use crate::load::spec::{Architecture, DecoderSpec};
use crate::load::{RawWeight, WeightSource};
use crate::model::decoder::Decoder;
use crate::model::lora::{Adapter, Pair, Target};
use crate::model::runner::DecoderRunner;
use crate::output::sample::uniform;
use crate::runner::{FlatBatch, ModelRunner, Span, Wants};
use candle_core::{Tensor, Var};
use std::sync::Arc;

/// Random weights of any shape.
struct Noise;

fn noise(seed: u64, count: usize, size: f32) -> Vec<f32> {
    (0..count as u64)
        .map(|i| (uniform(seed, i) as f32 * 2.0 - 1.0) * size)
        .collect()
}

impl WeightSource for Noise {
    fn read(&self, name: &str, shape: &[usize]) -> Result<RawWeight<'_>, crate::EngineError> {
        let seed = name
            .bytes()
            .fold(7u64, |s, b| s.wrapping_mul(131).wrapping_add(u64::from(b)));
        let mut data = noise(
            seed,
            shape.iter().product(),
            if shape.len() == 2 { 0.4 } else { 0.3 },
        );
        if name.ends_with("norm.weight") {
            for v in &mut data {
                *v += 1.0;
            }
        }
        Ok(RawWeight::Dense {
            shape: shape.to_vec(),
            data,
        })
    }
}

fn decoder() -> Arc<Decoder> {
    let spec = DecoderSpec {
        layers: 2,
        hidden: 16,
        intermediate: 24,
        heads: 4,
        kv_heads: 2,
        head_dim: 4,
        vocab: 40,
        context_length: 32,
        rope_theta: 100.0,
        rms_eps: 1e-5,
        qkv_bias: true,
        attention_scale: 0.5,
        ..DecoderSpec::family(Architecture::Qwen2)
    };
    Arc::new(Decoder::load(spec, &Noise).unwrap())
}

fn variables(decoder: &Decoder) -> Variables {
    let targets = Target::ALL.map(|t| t.name().to_owned()).to_vec();
    let config = LoraConfig {
        rank: 3,
        alpha: 6.0,
        targets,
        layers: None,
    };
    let variables = Variables::new(&decoder.spec, &config, 1).unwrap();
    // B starts at zero; the checks need a point where every gradient is alive.
    for (index, (_, var)) in variables.named().into_iter().enumerate() {
        let values = noise(50 + index as u64, var.elem_count(), 0.2);
        var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap())
            .unwrap();
    }
    variables
}

fn examples() -> [Example; 2] {
    let targets = |t: [u32; 6]| t.iter().map(|t| (*t > 0).then_some(*t)).collect();
    [
        Example {
            tokens: vec![1, 5, 9, 2, 30, 7],
            targets: targets([0, 0, 2, 30, 7, 11]),
        },
        Example {
            tokens: vec![3, 3, 8, 21, 39, 4],
            targets: targets([3, 0, 21, 0, 4, 5]),
        },
    ]
}

fn nudge(var: &Var, at: usize, by: f32) {
    let mut values = var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    values[at] += by;
    var.set(&Tensor::from_vec(values, var.shape(), var.device()).unwrap())
        .unwrap();
}

#[test]
fn gradients_agree_with_finite_differences() {
    let decoder = decoder();
    let variables = variables(&decoder);
    let graph = Graph {
        decoder: &decoder,
        variables: &variables,
    };
    let data = examples();
    let batch: Vec<&Example> = data.iter().collect();
    let loss = || {
        f64::from(
            graph
                .loss(&batch, 0.125)
                .unwrap()
                .to_scalar::<f32>()
                .unwrap(),
        )
    };
    let gradients = graph.loss(&batch, 0.125).unwrap().backward().unwrap();
    for (name, var) in variables.named() {
        let gradient = gradients
            .get(var)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap();
        let typical = (gradient.iter().map(|g| g * g).sum::<f32>() / gradient.len() as f32).sqrt();
        assert!(typical > 1e-5, "{name} has no gradient");
        for at in [0, gradient.len() / 2, gradient.len() - 1] {
            let step = 5e-3;
            nudge(var, at, step);
            let above = loss();
            nudge(var, at, -2.0 * step);
            let below = loss();
            nudge(var, at, step);
            let wanted = (above - below) / f64::from(2.0 * step);
            let off = (f64::from(gradient[at]) - wanted).abs();
            assert!(
                off < 0.02 * wanted.abs() + 0.02 * f64::from(typical) + 2e-4,
                "{name}[{at}]: {} and {wanted}",
                gradient[at]
            );
        }
    }
}

#[test]
fn packing_does_not_mix_examples() {
    let decoder = decoder();
    let variables = variables(&decoder);
    let graph = Graph {
        decoder: &decoder,
        variables: &variables,
    };
    let data = examples();
    let loss = |batch: &[&Example]| graph.loss(batch, 1.0).unwrap().to_scalar::<f32>().unwrap();
    let apart = loss(&[&data[0]]) + loss(&[&data[1]]);
    assert!((apart - loss(&[&data[0], &data[1]])).abs() < 1e-4);
}

#[test]
fn training_and_serving_see_the_same_states() {
    let decoder = decoder();
    let variables = variables(&decoder);
    let mut adapter = Adapter::default();
    for ((layer, target), (a, b)) in &variables.pairs {
        let dense = |var: &Var| Matrix::Dense {
            n: var.dims()[0],
            k: var.dims()[1],
            data: var.flatten_all().unwrap().to_vec1().unwrap(),
        };
        let scale = variables.scale as f32;
        adapter.pairs.insert(
            (*layer, *target),
            Pair {
                a: dense(a),
                b: dense(b),
                scale,
            },
        );
    }
    let example = &examples()[0];
    let graph = Graph {
        decoder: &decoder,
        variables: &variables,
    };
    let trained = graph.hidden(&[example]).unwrap();
    let batch = FlatBatch {
        tokens: example.tokens.clone(),
        spans: vec![Span {
            rows: 0..example.tokens.len(),
            start: 0,
            blocks: Arc::from([0]),
            adapter: Some(Arc::new(adapter)),
            wants: Wants::Hidden,
        }],
    };
    let mut runner = DecoderRunner::new(Arc::clone(&decoder), 1).unwrap();
    let served = runner.run(&batch).unwrap().hidden;
    // The serving path ends with the final norm; apply it to the training side by hand.
    let rows = trained.to_vec2::<f32>().unwrap();
    for (row, served) in rows.iter().zip(served.chunks_exact(16)) {
        let rms = (row.iter().map(|v| v * v).sum::<f32>() / 16.0 + 1e-5).sqrt();
        for ((v, w), s) in row.iter().zip(&decoder.weights.norm).zip(served) {
            // The serving cache holds half precision.
            assert!((v / rms * w - s).abs() < 1e-2, "{} and {s}", v / rms * w);
        }
    }
}

#[test]
fn every_pass_sees_every_example_once() {
    for pass in 0..3 {
        let mut seen: Vec<usize> = (0..10).map(|i| order(4, 10, pass * 10 + i)).collect();
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
    assert_ne!(
        (0..10).map(|i| order(4, 10, i)).collect::<Vec<_>>(),
        (10..20).map(|i| order(4, 10, i)).collect::<Vec<_>>()
    );
}

#[test]
fn the_rate_rises_then_falls() {
    let config = TrainConfig {
        steps: 10,
        warmup_steps: 2,
        learning_rate: 1.0,
        ..TrainConfig::default()
    };
    assert!((config.rate(0) - 0.5).abs() < 1e-9 && (config.rate(1) - 1.0).abs() < 1e-9);
    assert!((config.rate(2) - 1.0).abs() < 1e-9 && (config.rate(6) - 0.5).abs() < 1e-9);
    let constant = TrainConfig {
        schedule: Schedule::Constant,
        ..config
    };
    assert!((constant.rate(9) - 1.0).abs() < 1e-9);
}
