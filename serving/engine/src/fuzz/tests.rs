//! Damaged real input from fixed seeds: a little of what `/fuzz` does, in every test run.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use crate::model::testing::{SMOLLM2, real_model};
use crate::output::sample::uniform;
use std::io::Read;

/// Draws numbers below a bound from one seed.
struct Draw(u64, u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.1 += 1;
        (uniform(self.0, self.1) * bound as f64) as usize
    }
}

/// A copy with some bytes changed, left out, doubled or exchanged for others of the input.
fn damaged(input: &[u8], draw: &mut Draw) -> Vec<u8> {
    let mut data = input.to_vec();
    for _ in 0..=draw.below(4) {
        if data.is_empty() {
            break;
        }
        let at = draw.below(data.len());
        let length = draw.below(32.min(data.len() - at)) + 1;
        let from = draw.below(data.len());
        match draw.below(6) {
            0 => data[at] = draw.below(256) as u8,
            1 => data[at] ^= 1 << draw.below(8),
            2 => drop(data.drain(at..(at + length).min(data.len()))),
            3 => {
                let part = data[from..(from + length).min(data.len())].to_vec();
                data.splice(at..at, part);
            }
            4 => {
                let extreme = [0, u64::MAX, 1 << 31, 1 << 63][draw.below(4)].to_le_bytes();
                let end = (at + 8).min(data.len());
                data[at..end].copy_from_slice(&extreme[..end - at]);
            }
            _ => data.truncate(at),
        }
    }
    data
}

/// Calls `target` with the input and with `count` damaged copies of it.
fn hammer(input: &[u8], seed: u64, count: usize, target: impl Fn(&[u8])) {
    target(input);
    let mut draw = Draw(seed, 0);
    for _ in 0..count {
        target(&damaged(input, &mut draw));
    }
}

#[test]
fn damaged_gguf_headers() {
    let Some(path) = real_model(SMOLLM2) else {
        return;
    };
    // The first keys and the beginning of the vocabulary.
    let mut start = vec![0; 4096];
    let mut file = std::fs::File::open(path).unwrap();
    file.read_exact(&mut start).unwrap();
    hammer(&start, 1, 3_000, gguf_header);
}

#[test]
fn damaged_safetensors_headers() {
    let file = include_bytes!("../../tests/goldens/tiny/gemma3/model.safetensors");
    let config = include_bytes!("../../tests/goldens/tiny/gemma3/config.json");
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let input = [&file[8..8 + length], &[0], config].concat();
    hammer(&input, 2, 3_000, safetensors_header);
}

#[test]
fn damaged_tokenizers() {
    for (seed, json) in [
        &include_bytes!("../../tests/goldens/qwen3/tokenizer-embedding.json")[..],
        &include_bytes!("../../tests/goldens/encoder/bert/tokenizer.json")[..],
    ]
    .into_iter()
    .enumerate()
    {
        hammer(json, 3 + seed as u64, 300, tokenizer_json);
    }
}

#[test]
fn damaged_templates() {
    let template = include_bytes!("../../tests/goldens/chat/qwen2.jinja");
    hammer(template, 5, 300, chat_template);
    let growing = b"{% set ns = namespace(x='ab') %}{% for i in range(40) %}{% set ns.x = ns.x ~ ns.x + [1, {'a': ns}] %}{% endfor %}{{ ns|tojson(indent=2) }}{% macro f(x) %}{{ f(x * 2) }}{% endmacro %}";
    hammer(growing, 6, 1_000, chat_template);
}

#[test]
fn damaged_constraints() {
    let inputs: [&[u8]; 4] = [
        br##"\0{"type":"object","properties":{"a":{"$ref":"#/$defs/x"},"b":{"enum":[1,"x",null]}},"required":["a"],"$defs":{"x":{"type":"array","items":{"type":"integer","minimum":-3},"maxItems":4}}}"##,
        br"\x01^(?:a|b{2,30}|[\x{4e00}-\x{9fff}]+)\d{3}-(?:yes|no)$",
        b"\x02start: item+\nitem: \"a\" NUMBER | \"(\" item \")\"\nNUMBER: /[0-9]{1,9}/\n%ignore \" \"\n",
        b"\x03yes\nno\nmaybe",
    ];
    for (seed, input) in inputs.into_iter().enumerate() {
        // A raw literal cannot hold the byte that chooses the kind.
        let mut input = input.to_vec();
        if input.starts_with(b"\\") {
            input.drain(..if input[1] == b'0' { 2 } else { 4 });
            input.insert(0, seed as u8);
        }
        hammer(&input, 7 + seed as u64, 250, grammar);
    }
}
