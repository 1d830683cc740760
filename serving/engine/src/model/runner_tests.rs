//! The promises of the runner, bit by bit: neighbours, chunks, blocks and adapters.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::decoder::Decoder;
use super::lora::{Adapter, Pair, Target};
use super::runner::{DecoderRunner, block_bytes};
use super::testing::{GEMMA, QWEN, SMOLLM2, noise, random_decoder, real_decoder, real_model};
use super::weights::Weights;
use crate::error::EngineError;
use crate::kernel::matrix::Matrix;
use crate::load;
use crate::load::spec::{Architecture, DecoderSpec, SlidingWindow};
use crate::runner::{BLOCK_TOKENS, FlatBatch, ModelRunner, Span, StepOutput, TokenMask, Wants};
use std::sync::Arc;

const BLOCKS: usize = 64;

/// A part of a sequence: `tokens[from..to]`, cached before `from`.
#[derive(Clone)]
struct Part<'a> {
    tokens: &'a [u32],
    from: usize,
    to: usize,
    blocks: Arc<[u32]>,
    adapter: Option<Arc<Adapter>>,
    wants: Wants,
}

fn every_row(count: usize) -> Wants {
    Wants::Logits {
        rows: count,
        masks: Vec::new(),
    }
}

fn whole(tokens: &[u32], first_block: u32) -> Part<'_> {
    let blocks = tokens.len().div_ceil(BLOCK_TOKENS) as u32;
    Part {
        tokens,
        from: 0,
        to: tokens.len(),
        blocks: (first_block..first_block + blocks).collect(),
        adapter: None,
        wants: every_row(tokens.len()),
    }
}

fn run(runner: &mut DecoderRunner, parts: &[Part<'_>]) -> StepOutput {
    let mut batch = FlatBatch::default();
    for part in parts {
        let first = batch.tokens.len();
        batch.tokens.extend(&part.tokens[part.from..part.to]);
        batch.spans.push(Span {
            rows: first..batch.tokens.len(),
            start: part.from,
            blocks: Arc::clone(&part.blocks),
            adapter: part.adapter.clone(),
            wants: part.wants.clone(),
        });
    }
    runner.run(&batch).unwrap()
}

fn fresh(decoder: &Arc<Decoder>) -> DecoderRunner {
    DecoderRunner::new(Arc::clone(decoder), BLOCKS).unwrap()
}

/// Same bits, NaN included.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

fn prompts(vocab: usize) -> Vec<Vec<u32>> {
    [5, 100, 1, 33, 64]
        .iter()
        .map(|n| {
            (0..*n)
                .map(|i| ((i * 7919 + n * 31) % vocab) as u32)
                .collect()
        })
        .collect()
}

fn tiny(architecture: Architecture) -> Arc<Decoder> {
    random_decoder(DecoderSpec {
        layers: 3,
        hidden: 32,
        intermediate: 48,
        heads: 6,
        kv_heads: 2,
        head_dim: 12,
        vocab: 90,
        context_length: 512,
        attention_scale: 0.3,
        qkv_bias: architecture == Architecture::Qwen2,
        window: (architecture == Architecture::Gemma3).then(|| SlidingWindow {
            tokens: 20,
            layers: vec![true, true, false],
            rope_theta: 100.0,
        }),
        ..DecoderSpec::family(architecture)
    })
}

fn models() -> Vec<Arc<Decoder>> {
    use Architecture::{Gemma3, Llama, Qwen2, Qwen3};
    let tiny = [Llama, Qwen2, Qwen3, Gemma3].map(tiny);
    let real = [SMOLLM2, QWEN].into_iter().filter_map(real_decoder);
    tiny.into_iter().chain(real).collect()
}

#[test]
fn a_batch_gives_what_each_sequence_gives_alone() {
    for decoder in models() {
        let prompts = prompts(decoder.spec.vocab);
        let mut parts = Vec::new();
        let mut next = 3;
        for tokens in &prompts {
            parts.push(whole(tokens, next));
            next += parts.last().unwrap().blocks.len() as u32;
        }
        let together = run(&mut fresh(&decoder), &parts).logits;
        let mut at = 0;
        for part in &parts {
            let alone = run(&mut fresh(&decoder), std::slice::from_ref(part)).logits;
            assert!(same(&alone, &together[at..at + alone.len()]));
            at += alone.len();
        }
    }
}

#[test]
fn chunks_and_blocks_give_what_a_whole_prompt_gives() {
    for decoder in models() {
        let tokens: Vec<u32> = (0..150)
            .map(|i| (i * 37 % decoder.spec.vocab) as u32)
            .collect();
        let expected = run(&mut fresh(&decoder), &[whole(&tokens, 0)]).logits;
        let per_row = expected.len() / tokens.len();
        let neighbour: Vec<u32> = tokens[..9].to_vec();
        for (chunk, scattered) in [
            (64, [9, 2, 7, 30, 4]),
            (37, [40, 41, 3, 2, 1]),
            (1, [0, 8, 6, 7, 5]),
        ] {
            let mut runner = fresh(&decoder);
            let step = if chunk == 1 { 150 - 20 } else { chunk };
            let mut from = 0;
            while from < tokens.len() {
                let to = (from + if from >= 130 { chunk } else { step }).min(tokens.len());
                let part = Part {
                    from,
                    to,
                    blocks: Arc::from(scattered),
                    wants: every_row(to - from),
                    ..whole(&tokens, 0)
                };
                let beside = whole(&neighbour, 50);
                let found = run(&mut runner, &[part, beside]).logits;
                let wanted = &expected[from * per_row..to * per_row];
                assert!(same(wanted, &found[..wanted.len()]), "rows {from}..{to}");
                from = to;
            }
        }
    }
}

#[test]
fn only_wanted_rows_come_back() {
    let decoder = tiny(Architecture::Qwen3);
    let prompts = prompts(90);
    let all = run(&mut fresh(&decoder), &[whole(&prompts[1], 0)]);
    let hidden = Part {
        wants: Wants::Hidden,
        ..whole(&prompts[1], 0)
    };
    let states = run(&mut fresh(&decoder), std::slice::from_ref(&hidden)).hidden;
    assert!(same(&decoder.logits(&states, &[]), &all.logits));
    let wants = |wants, first| Part {
        wants,
        ..whole(&prompts[1], first)
    };
    let some = run(
        &mut fresh(&decoder),
        &[
            wants(every_row(2), 0),
            wants(Wants::Nothing, 4),
            wants(Wants::Hidden, 8),
            wants(every_row(1), 12),
        ],
    );
    assert!(same(&some.hidden, &states));
    let last = |rows: usize| &all.logits[(100 - rows) * 90..];
    assert!(same(&some.logits, &[last(2), last(1)].concat()));
    let nothing = run(&mut fresh(&decoder), &[wants(Wants::Nothing, 0)]);
    assert!(nothing.logits.is_empty() && nothing.hidden.is_empty());
}

#[test]
fn a_mask_leaves_allowed_tokens_as_they_are() {
    let decoder = tiny(Architecture::Llama);
    let tokens = [1, 2, 3];
    let free = run(&mut fresh(&decoder), &[whole(&tokens, 0)]).logits;
    let mask = TokenMask {
        words: vec![1 << 5 | 1 << 63, 1 << 3],
        allowed: 3,
    };
    let wants = Wants::Logits {
        rows: 2,
        masks: vec![None, Some(Arc::new(mask))],
    };
    let part = Part {
        wants,
        ..whole(&tokens, 0)
    };
    let found = run(&mut fresh(&decoder), &[part]).logits;
    assert!(same(&found[..90], &free[90..180]));
    for (token, (found, free)) in found[90..].iter().zip(&free[180..]).enumerate() {
        let wanted = if [5, 63, 67].contains(&token) {
            *free
        } else {
            f32::NEG_INFINITY
        };
        assert_eq!(found.to_bits(), wanted.to_bits(), "token {token}");
    }
}

fn adapter(spec: &DecoderSpec, seed: u64) -> Arc<Adapter> {
    let mut adapter = Adapter::default();
    for layer in 0..spec.layers {
        for (i, target) in Target::ALL.into_iter().enumerate() {
            let (n, k) = target.shape(spec);
            let side = |n: usize, k: usize, seed| Matrix::Dense {
                n,
                k,
                data: noise(seed, n * k, 0.3),
            };
            let seed = seed + (layer * 20 + i) as u64;
            let pair = Pair {
                a: side(3, k, seed),
                b: side(n, 3, seed + 1000),
                scale: 0.7,
            };
            adapter.pairs.insert((layer, target), pair);
        }
    }
    Arc::new(adapter)
}

#[test]
fn adapters_of_a_batch_stay_with_their_sequences() {
    for family in [Architecture::Llama, Architecture::Gemma3] {
        let decoder = tiny(family);
        let prompts = prompts(90);
        let [one, two] = [1, 500].map(|seed| adapter(&decoder.spec, seed));
        let adapters = [Some(&one), None, Some(&two), Some(&one), Some(&one)];
        let mut parts = Vec::new();
        for (i, (tokens, adapter)) in prompts.iter().zip(adapters).enumerate() {
            parts.push(Part {
                adapter: adapter.cloned(),
                wants: every_row(1),
                ..whole(tokens, 10 * i as u32)
            });
        }
        let together = run(&mut fresh(&decoder), &parts).logits;
        for (part, together) in parts.iter().zip(together.chunks_exact(90)) {
            let alone = run(&mut fresh(&decoder), std::slice::from_ref(part)).logits;
            assert!(same(&alone, together));
            let plain = Part {
                adapter: None,
                ..part.clone()
            };
            let plain = run(&mut fresh(&decoder), &[plain]).logits;
            assert_eq!(part.adapter.is_none(), same(&plain, &alone));
        }
    }
}

#[test]
fn batches_that_reach_outside_are_refused() {
    let decoder = tiny(Architecture::Llama);
    let mut runner = fresh(&decoder);
    let span = Span {
        rows: 0..2,
        start: 31,
        blocks: Arc::from([0, 1]),
        adapter: None,
        wants: Wants::Nothing,
    };
    let mut batch =
        |tokens: Vec<u32>, spans: Vec<Span>| runner.run(&FlatBatch { tokens, spans }).map(|_| ());
    assert_eq!(batch(vec![1, 2], vec![span.clone()]), Ok(()));
    let few = Span {
        blocks: Arc::from([0]),
        ..span.clone()
    };
    let outside = Span {
        blocks: Arc::from([0, 64]),
        ..span.clone()
    };
    let gap = Span {
        rows: 1..3,
        ..span.clone()
    };
    let far = Span {
        start: usize::MAX,
        ..span.clone()
    };
    let many = Span {
        wants: every_row(3),
        ..span.clone()
    };
    for bad in [few, outside, gap, far, many] {
        assert!(matches!(
            batch(vec![1, 2], vec![bad]),
            Err(EngineError::Internal { .. })
        ));
    }
    assert!(batch(vec![1, 90], vec![span.clone()]).is_err());
    assert!(batch(vec![1, 2, 3], vec![span]).is_err());
}

#[test]
fn weights_take_little_more_memory_than_their_file() {
    for sha256 in [SMOLLM2, QWEN, GEMMA] {
        let Some(path) = real_model(sha256) else {
            continue;
        };
        let source = load::open(&path).unwrap();
        let file = source.info.file_bytes as f64;
        let weights = Weights::load(&source.spec, source.weights.as_ref()).unwrap();
        let ratio = weights.bytes() as f64 / file;
        assert!(ratio < 1.05, "{sha256}: {ratio}");
    }
}

#[test]
fn a_file_table_gives_the_rows_of_the_file() {
    let Some(path) = real_model(QWEN) else {
        return;
    };
    let source = load::open(&path).unwrap();
    let shape = [source.spec.vocab, source.spec.hidden];
    let name = "token_embd.weight";
    let table = source.weights.table(name, &shape).unwrap();
    let matrix = source
        .weights
        .read(name, &shape)
        .unwrap()
        .into_matrix()
        .unwrap();
    for row in [0, 1, 777, shape[0] - 1] {
        let wanted = matrix.rows_f32(row..row + 1);
        for (a, b) in table.row(row).unwrap().iter().zip(&wanted) {
            assert!((a - b).abs() <= 1e-6 * b.abs(), "row {row}: {a} and {b}");
        }
    }
    assert!(table.row(shape[0]).is_err() && table.bytes() == 0);
}

#[test]
fn an_impossible_pool_is_refused() {
    let decoder = tiny(Architecture::Llama);
    for blocks in [0, usize::MAX, u32::MAX as usize] {
        let refused = DecoderRunner::new(Arc::clone(&decoder), blocks).err();
        // Four billion tiny blocks may even fit into the address space.
        if blocks != u32::MAX as usize {
            assert_eq!(refused.unwrap().code(), "invalid_request");
        }
    }
    let runner = fresh(&decoder);
    let bytes = 2 * 3 * 2 * 32 * (12 + 16);
    assert_eq!(block_bytes(&decoder.spec), bytes);
    assert_eq!(
        (runner.shape().blocks, runner.shape().block_bytes),
        (BLOCKS, bytes)
    );
}
