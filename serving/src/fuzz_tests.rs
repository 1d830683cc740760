//! Real bodies of every endpoint, broken at random: nothing panics, and every refusal names a code
//! and a field.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use crate::fuzz::{paths, read_body};
use serde_json::{Map, Value, json};

/// Broken bodies for each endpoint.
const CASES: u64 = 1_500;

/// SplitMix64: a seed repeats its case.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.roll() % most.max(1) as u64).unwrap()
    }
}

/// A body that uses as many fields as it can.
fn good(path: &str) -> Value {
    let tool = json!({"type": "function", "function": {"name": "f", "description": "d",
        "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}, "strict": true}});
    match path.strip_prefix("line ") {
        Some(url) => {
            let body = match url {
                "/v1/chat/completions" => {
                    json!({"model": "m", "max_tokens": 5, "stop": ["x"],
                        "messages": [{"role": "user", "content": [{"type": "text", "text": "你好🙂"}]}]})
                }
                "/v1/completions" => json!({"model": "m", "prompt": "hi", "seed": 7}),
                "/v1/embeddings" => json!({"model": "m", "input": ["a", "b"], "dimensions": 3}),
                _ => json!({"model": "m", "instructions": "brief",
                    "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]}),
            };
            json!({"custom_id": "a", "method": "POST", "url": url, "body": body})
        }
        None => match path {
            "/v1/chat/completions" => json!({"model": "m", "n": 2, "temperature": 0.5, "seed": -1,
                "logit_bias": {"5": -3.5}, "stop": ["a", "b"], "stream": true,
                "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 3,
                "tools": [tool], "tool_choice": {"type": "function", "function": {"name": "f"}},
                "reasoning_effort": "low", "chat_template_kwargs": {"enable_thinking": true},
                "prediction": {"type": "content", "content": "p"}, "stop_token_ids": [1, 2],
                "messages": [
                    {"role": "system", "content": "brief"},
                    {"role": "user", "content": [{"type": "text", "text": "天气？"}], "name": "u"},
                    {"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [
                        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
                    {"role": "tool", "tool_call_id": "c1", "content": "雨"}]}),
            "/v1/completions" => json!({"model": "m", "prompt": [[1, 2], [3]], "max_tokens": 5,
                "logprobs": 2, "best_of": 2, "guided_regex": "a+", "min_tokens": 1}),
            "/v1/responses" => json!({"model": "m", "instructions": "brief", "store": false,
                "reasoning": {"effort": "low"}, "include": ["message.output_text.logprobs"],
                "top_logprobs": 2, "metadata": {"k": "v"},
                "text": {"format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}},
                "input": [
                    {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
                    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                    {"type": "function_call_output", "call_id": "c", "output": "o"}]}),
            "/v1/embeddings" => json!({"model": "m", "input": ["a", "你好"], "dimensions": 3,
                "encoding_format": "base64", "instruction": "query: ", "priority": 1}),
            "/v1/rerank" => json!({"model": "m", "query": "q", "documents": ["a", {"text": "b"}],
                "top_n": 1, "return_documents": true}),
            "/v1/tokenize" => json!({"model": "m", "messages": [{"role": "user", "content": "hi"}],
                "tools": [tool]}),
            "/v1/detokenize" => json!({"model": "m", "tokens": [1, 2, 3]}),
            "/v1/batches" => json!({"input_file_id": format!("file-{}", "a".repeat(64)),
                "endpoint": "/v1/embeddings", "completion_window": "24h", "metadata": {}}),
            "/v1/messages" | "/v1/messages/count_tokens" => json!({"model": "m", "max_tokens": 9,
                "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
                "stop_sequences": ["END"], "thinking": {"type": "adaptive"}, "top_k": 3,
                "tools": [{"name": "f", "input_schema": {"type": "object"}}],
                "tool_choice": {"type": "tool", "name": "f"},
                "messages": [
                    {"role": "user", "content": "hi"},
                    {"role": "assistant", "content": [
                        {"type": "thinking", "thinking": "t", "signature": ""},
                        {"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
                    {"role": "user", "content": [
                        {"type": "tool_result", "tool_use_id": "c", "content": "o"}]}]}),
            other => panic!("no body for {other}"),
        },
    }
}

/// A value that hardly any field is meant to have.
fn nasty(dice: &mut Dice) -> Value {
    let all = [
        Value::Null,
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}\u{202e}🙂"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"type": "text"}),
        json!([null, 1, "a", {}]),
        json!([4_294_967_296_u64]),
    ];
    all[dice.below(all.len())].clone()
}

/// Changes one node somewhere in a value.
fn twist(value: &mut Value, dice: &mut Dice) {
    let deeper = dice.below(4) > 0;
    match value {
        Value::Object(object) if deeper && !object.is_empty() => {
            let name = object.keys().nth(dice.below(object.len())).cloned();
            twist_member(object, &name.unwrap(), dice);
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = dice.below(items.len());
            match dice.below(6) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => twist(&mut items[at], dice),
            }
        }
        other => *other = nasty(dice),
    }
}

fn twist_member(object: &mut Map<String, Value>, name: &str, dice: &mut Dice) {
    match dice.below(8) {
        0 => drop(object.remove(name)),
        1 => drop(object.insert(format!("{name}_"), nasty(dice))),
        _ => {
            if let Some(member) = object.get_mut(name) {
                twist(member, dice);
            }
        }
    }
}

/// Damages bytes.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(4) {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, b"{}[]\",:\\\xff0"[dice.below(10)]),
        2 => bytes[at] ^= 1 << dice.below(8),
        _ => {
            let piece = bytes[at..].to_vec();
            bytes.extend(piece);
        }
    }
}

#[test]
fn every_good_body_is_good() {
    for path in paths() {
        let read = read_body(path, good(path).to_string().as_bytes());
        assert_eq!(read, Ok(()), "{path}");
    }
}

#[test]
fn broken_bodies_are_refused_by_code_and_field_and_never_panic() {
    for path in paths() {
        let (mut refused, mut no_json) = (0, 0);
        for seed in 0..CASES {
            let mut dice = Dice(seed);
            let mut body = good(path);
            for _ in 0..=dice.below(3) {
                twist(&mut body, &mut dice);
            }
            let mut bytes = body.to_string().into_bytes();
            if dice.below(3) == 0 {
                damage(&mut bytes, &mut dice);
            }
            let Err(refusal) = read_body(path, &bytes) else {
                continue;
            };
            let shown = || format!("{path}, seed {seed}: {refusal:?}");
            let unknown_file = (refusal.status, refusal.code) == (404, "not_found");
            assert!(refusal.status == 400 || unknown_file, "{}", shown());
            assert!(!refusal.code.is_empty(), "{}", shown());
            assert!(
                refusal.messages.iter().all(|text| text.len() < 2_000),
                "{}",
                shown()
            );
            if refusal.code == "invalid_json" {
                no_json += 1;
                assert_eq!(refusal.param, None, "{}", shown());
            } else {
                refused += 1;
                let param = refusal.param.as_deref().unwrap_or("");
                assert!(!param.is_empty() && param.len() < 1_000, "{}", shown());
            }
        }
        assert!(
            refused > 200 && no_json > 50,
            "{path}: {refused} and {no_json}"
        );
    }
}
