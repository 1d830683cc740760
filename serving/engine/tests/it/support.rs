//! Tiny random models, real models, and small helpers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and skip loudly"
)]

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use zhisuan_engine::{
    Engine, FinishReason, GenerateEvent, GenerateRequest, LoadOptions, Prompt, TokenSink, Usage,
};

pub(crate) const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
pub(crate) const QWEN: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";
pub(crate) const GEMMA: &str = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818";

/// A real model of the cache, or a loud skip.
pub(crate) fn real_model(sha256: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("ZHISUAN_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/zhisuan"),
        PathBuf::from,
    );
    let path = cache.join("models/sha256").join(sha256);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() != Ok("1"),
        "model {sha256} is required and absent"
    );
    eprintln!("SKIPPED: model {sha256} is absent; run 'cargo xtask test' to provide it");
    None
}

/// CPU time of this process so far, all threads (Linux counts in hundredths of a second).
pub(crate) fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |i: usize| {
        after_name
            .split_whitespace()
            .nth(i)
            .and_then(|v| v.parse::<f64>().ok())
    };
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}

/// Shape of a tiny model. Widths are multiples of 32 so that blocks can be used.
#[derive(Clone, Copy)]
pub(crate) struct Tiny {
    pub(crate) arch: &'static str,
    pub(crate) dtype: GgmlDType,
    pub(crate) tied: bool,
    pub(crate) hidden: usize,
    pub(crate) context: usize,
    /// Token whose embedding is NaN.
    pub(crate) broken_token: Option<usize>,
}

impl Default for Tiny {
    fn default() -> Self {
        Self {
            arch: "llama",
            dtype: GgmlDType::Q8_0,
            tied: true,
            hidden: 64,
            context: 256,
            broken_token: None,
        }
    }
}

pub(crate) const LAYERS: usize = 2;
pub(crate) const VOCAB: usize = 272;

fn noise(seed: &mut u64) -> f32 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    ((*seed >> 40) as f32 / (1u64 << 24) as f32) * 2.0 - 1.0
}

impl Tiny {
    /// `(name, shape, values)` of every tensor, with GGUF's names.
    pub(crate) fn tensors(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let (h, kv, inner) = (self.hidden, self.hidden / 2, 2 * self.hidden);
        let mut shapes = vec![
            ("token_embd.weight".to_owned(), vec![VOCAB, h]),
            ("output_norm.weight".to_owned(), vec![h]),
        ];
        if !self.tied {
            shapes.push(("output.weight".to_owned(), vec![VOCAB, h]));
        }
        for layer in 0..LAYERS {
            let mut add = |part: &str, shape: Vec<usize>| {
                shapes.push((format!("blk.{layer}.{part}"), shape));
            };
            add("attn_norm.weight", vec![h]);
            add("attn_q.weight", vec![h, h]);
            add("attn_k.weight", vec![kv, h]);
            add("attn_v.weight", vec![kv, h]);
            add("attn_output.weight", vec![h, h]);
            add("ffn_norm.weight", vec![h]);
            add("ffn_gate.weight", vec![inner, h]);
            add("ffn_up.weight", vec![inner, h]);
            add("ffn_down.weight", vec![h, inner]);
            if self.arch == "qwen3" {
                add("attn_q_norm.weight", vec![h / 4]);
                add("attn_k_norm.weight", vec![h / 4]);
            }
            if self.arch == "qwen2" {
                add("attn_q.bias", vec![h]);
                add("attn_k.bias", vec![kv]);
                add("attn_v.bias", vec![kv]);
            }
        }
        let mut seed = 42;
        let mut tensors = Vec::new();
        for (name, shape) in shapes {
            let count = shape.iter().product();
            let norm = name.ends_with("norm.weight");
            let size = if shape.len() == 2 && name != "token_embd.weight" {
                0.25
            } else {
                1.0
            };
            let mut values: Vec<f32> = (0..count)
                .map(|_| {
                    if norm {
                        1.0 + 0.1 * noise(&mut seed)
                    } else {
                        size * noise(&mut seed)
                    }
                })
                .collect();
            if let Some(token) = self.broken_token.filter(|_| name == "token_embd.weight") {
                values[token * h..(token + 1) * h].fill(f32::NAN);
            }
            tensors.push((name, shape, values));
        }
        tensors
    }

    fn metadata(&self) -> BTreeMap<String, Value> {
        let mut meta = BTreeMap::new();
        let mut put = |key: &str, value: Value| {
            meta.insert(key.replace("ARCH", self.arch), value);
        };
        let int = |v: usize| Value::U32(v as u32);
        put("general.architecture", Value::String(self.arch.to_owned()));
        put("general.name", Value::String("tiny".to_owned()));
        put("ARCH.block_count", int(LAYERS));
        put("ARCH.context_length", int(self.context));
        put("ARCH.embedding_length", int(self.hidden));
        put("ARCH.feed_forward_length", int(2 * self.hidden));
        put("ARCH.attention.head_count", int(4));
        put("ARCH.attention.head_count_kv", int(2));
        put("ARCH.rope.freq_base", Value::F32(10_000.0));
        put("ARCH.attention.layer_norm_rms_epsilon", Value::F32(1e-5));
        put("tokenizer.ggml.model", Value::String("gpt2".to_owned()));
        put("tokenizer.ggml.pre", Value::String("smollm".to_owned()));
        let (tokens, types) = vocabulary();
        put(
            "tokenizer.ggml.tokens",
            Value::Array(tokens.into_iter().map(Value::String).collect()),
        );
        put(
            "tokenizer.ggml.token_type",
            Value::Array(types.into_iter().map(Value::I32).collect()),
        );
        put(
            "tokenizer.ggml.merges",
            Value::Array(vec![Value::String("a b".to_owned())]),
        );
        put("tokenizer.ggml.eos_token_id", int(258));
        meta
    }

    /// Writes the model as a GGUF file.
    pub(crate) fn write_gguf(&self, path: &Path) {
        self.write_gguf_with(path, &[], &[]);
    }

    /// Writes the model with more metadata (`ARCH` stands for the family) and more tensors.
    pub(crate) fn write_gguf_with(
        &self,
        path: &Path,
        more: &[(&str, Value)],
        others: &[(&str, Vec<usize>, Vec<f32>)],
    ) {
        let others = others
            .iter()
            .map(|(name, shape, values)| ((*name).to_owned(), shape.clone(), values.clone()));
        let tensors: Vec<(String, QTensor)> = self
            .tensors()
            .into_iter()
            .chain(others)
            .map(|(name, shape, values)| {
                let plain =
                    shape.len() == 1 || self.broken_token.is_some() && name.starts_with("token");
                let dtype = if plain { GgmlDType::F32 } else { self.dtype };
                let tensor = Tensor::from_vec(values, shape, &Device::Cpu).unwrap();
                (name, QTensor::quantize(&tensor, dtype).unwrap())
            })
            .collect();
        let mut metadata = self.metadata();
        for (key, value) in more {
            metadata.insert(key.replace("ARCH", self.arch), value.clone());
        }
        let metadata: Vec<(&str, &Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v)).collect();
        let tensors: Vec<(&str, &QTensor)> = tensors.iter().map(|(n, t)| (n.as_str(), t)).collect();
        let mut file = std::fs::File::create(path).unwrap();
        gguf_file::write(&mut file, &metadata, &tensors).unwrap();
    }

    /// A temporary folder with `model.gguf`.
    pub(crate) fn gguf(&self) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.gguf");
        self.write_gguf(&path);
        (dir, path)
    }
}

/// The same vocabulary as a published `tokenizer.json`.
pub(crate) fn tokenizer_json() -> String {
    let (tokens, types) = vocabulary();
    let vocab: serde_json::Map<String, serde_json::Value> = tokens
        .iter()
        .enumerate()
        .map(|(id, t)| (t.clone(), id.into()))
        .collect();
    let added: Vec<_> = (0..tokens.len())
        .filter(|id| types[*id] == 3)
        .map(|id| {
            serde_json::json!({"id": id, "content": tokens[id], "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true})
        })
        .collect();
    let bytes = serde_json::json!({"type": "ByteLevel", "add_prefix_space": false,
        "trim_offsets": true, "use_regex": true});
    let digits = serde_json::json!({"type": "Digits", "individual_digits": true});
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "post_processor": null, "decoder": bytes,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, bytes]},
        "model": {"type": "BPE", "dropout": null, "unk_token": null,
            "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
            "byte_fallback": false, "vocab": vocab, "merges": ["a b"]},
    })
    .to_string()
}

/// 256 byte tokens, one merge, control tokens.
fn vocabulary() -> (Vec<String>, Vec<i32>) {
    let mut next = 256u32;
    let mut tokens: Vec<String> = (0..=255u8)
        .map(|byte| {
            let code = if matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF) {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).unwrap().to_string()
        })
        .collect();
    let mut types = vec![1; 256];
    for (text, kind) in [("ab", 1), ("<|im_start|>", 3), ("<|im_end|>", 3)] {
        tokens.push(text.to_owned());
        types.push(kind);
    }
    while tokens.len() < VOCAB {
        tokens.push(format!("[unused{}]", tokens.len()));
        types.push(5);
    }
    (tokens, types)
}

pub(crate) fn load(path: &Path) -> Engine {
    Engine::load(LoadOptions::new(path)).expect("the model loads")
}

/// What a finished request gave.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) tokens: Vec<u32>,
    pub(crate) texts: Vec<String>,
    pub(crate) end: Result<FinishReason, String>,
    pub(crate) usage: Usage,
}

impl Outcome {
    pub(crate) fn text(&self) -> String {
        self.texts.concat()
    }

    /// The same without what an earlier request may have left in the cache.
    pub(crate) fn without_cache(&self) -> Self {
        let usage = Usage {
            cached_tokens: 0,
            ..self.usage
        };
        Self {
            usage,
            ..self.clone()
        }
    }
}

pub(crate) fn channel_sink() -> (Box<dyn TokenSink>, Receiver<GenerateEvent>) {
    let (send, receive) = channel();
    let sink = move |event: GenerateEvent| match send.send(event) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    (Box::new(sink), receive)
}

pub(crate) fn start(engine: &Engine, request: GenerateRequest) -> Receiver<GenerateEvent> {
    let (sink, events) = channel_sink();
    engine
        .generate(request, sink)
        .expect("the request is accepted");
    events
}

pub(crate) fn collect(events: &Receiver<GenerateEvent>) -> Outcome {
    let (mut tokens, mut texts) = (Vec::new(), Vec::new());
    loop {
        match events
            .recv_timeout(Duration::from_mins(2))
            .expect("an end event comes")
        {
            GenerateEvent::Token { text, token, .. } => {
                tokens.push(token);
                texts.push(text);
            }
            GenerateEvent::Done { finish, usage } => {
                return Outcome {
                    tokens,
                    texts,
                    end: Ok(finish),
                    usage,
                };
            }
            GenerateEvent::Failed { error, usage } => {
                return Outcome {
                    tokens,
                    texts,
                    end: Err(error.code().to_owned()),
                    usage,
                };
            }
            GenerateEvent::Unfinished { usage, .. } => {
                return Outcome {
                    tokens,
                    texts,
                    end: Err("unfinished".to_owned()),
                    usage,
                };
            }
        }
    }
}

pub(crate) fn run(engine: &Engine, request: GenerateRequest) -> Outcome {
    collect(&start(engine, request))
}

pub(crate) fn text_request(text: &str, max_tokens: usize) -> GenerateRequest {
    GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Text(text.to_owned()), max_tokens)
    }
}
