//! Neighbours, chunk borders, seeds and formats never change a token.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use crate::support::{LAYERS, Tiny, VOCAB, collect, load, run, start, text_request};
use candle_core::quantized::GgmlDType;
use std::collections::HashMap;
use std::path::Path;
use zhisuan_engine::{EmbedRequest, GenerateRequest, Prompt, Sampling};

const TEXTS: [&str; 5] = [
    "hello",
    "the quick brown fox",
    "算力",
    "ab ab ab ab ab ab",
    "x",
];

fn models() -> [Tiny; 3] {
    let qwen = Tiny {
        arch: "qwen2",
        dtype: GgmlDType::Q5_0,
        tied: false,
        ..Tiny::default()
    };
    [
        Tiny::default(),
        qwen,
        Tiny {
            dtype: GgmlDType::F32,
            tied: false,
            ..Tiny::default()
        },
    ]
}

fn sampled(text: &str, seed: u64) -> GenerateRequest {
    let sampling = Sampling {
        temperature: 0.8,
        seed: Some(seed),
        ..Sampling::default()
    };
    GenerateRequest {
        sampling,
        ..text_request(text, 20)
    }
}

#[test]
fn a_batch_gives_what_each_request_gives_alone() {
    for model in models() {
        let (_dir, path) = model.gguf();
        let engine = load(&path);
        for request in [
            text_request as fn(&str, usize) -> GenerateRequest,
            |t, _| sampled(t, 7),
        ] {
            let alone: Vec<_> = TEXTS.iter().map(|t| run(&engine, request(t, 20))).collect();
            let running: Vec<_> = TEXTS
                .iter()
                .map(|t| start(&engine, request(t, 20)))
                .collect();
            for (alone, events) in alone.iter().zip(&running) {
                assert_eq!(alone.without_cache(), collect(events).without_cache());
                assert_eq!(alone.tokens.len(), 20);
            }
        }
        let stats = engine.stats();
        assert_eq!((stats.waiting, stats.kv_tokens, stats.finished), (0, 0, 20));
    }
}

#[test]
fn a_chunked_prompt_gives_what_a_whole_one_gives() {
    let (_dir, path) = Tiny {
        context: 1024,
        ..Tiny::default()
    }
    .gguf();
    let engine = load(&path);
    let prompt: Vec<u32> = (0..700).map(|i| (i * 37 % 256) as u32).collect();
    let request = |n: usize, new| GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Tokens(prompt[..n].to_vec()), new)
    };
    // 700 tokens need three chunks alone, and eleven while another answer is written.
    let alone = run(&engine, request(700, 8));
    let neighbour = start(&engine, request(3, 100));
    let beside = start(&engine, request(700, 8));
    assert_eq!(alone.without_cache(), collect(&beside).without_cache());
    assert_eq!(collect(&neighbour).tokens.len(), 100);
    // A prompt that ends where an answer stood goes on as that answer did.
    let mut longer = prompt.clone();
    longer.extend(&alone.tokens[..4]);
    let request = GenerateRequest {
        ignore_eos: true,
        ..GenerateRequest::new(Prompt::Tokens(longer), 4)
    };
    assert_eq!(run(&engine, request).tokens, alone.tokens[4..]);
}

#[test]
fn the_seed_decides() {
    let (_dir, path) = Tiny {
        tied: false,
        ..Tiny::default()
    }
    .gguf();
    let engine = load(&path);
    assert_eq!(run(&engine, sampled("a", 1)), run(&engine, sampled("a", 1)));
    assert_ne!(
        run(&engine, sampled("a", 1)).tokens,
        run(&engine, sampled("a", 2)).tokens
    );
}

/// The same weights as a published directory (f32) and as GGUF (f32, paired rows).
#[test]
fn both_file_formats_give_the_same_answers() {
    for arch in ["llama", "qwen2"] {
        let model = Tiny {
            arch,
            dtype: GgmlDType::F32,
            tied: false,
            ..Tiny::default()
        };
        let dir = tempfile::tempdir().unwrap();
        write_directory(&model, dir.path());
        let (_gguf_dir, path) = model.gguf();
        let (a, b) = (load(dir.path()), load(&path));
        assert_eq!(a.info().parameters, b.info().parameters);
        for text in TEXTS {
            assert_eq!(a.tokenize(text).unwrap(), b.tokenize(text).unwrap());
            assert_eq!(
                run(&a, text_request(text, 12)),
                run(&b, text_request(text, 12)),
                "{arch}"
            );
        }
    }
}

fn write_directory(model: &Tiny, dir: &Path) {
    let tensors: HashMap<String, candle_core::Tensor> = model
        .tensors()
        .into_iter()
        .map(|(name, shape, values)| {
            let (h, kv) = (model.hidden, model.hidden / 2);
            let paired = [("attn_q.weight", h), ("attn_k.weight", kv)];
            let rows = paired
                .iter()
                .find(|(end, _)| name.ends_with(end))
                .map(|p| p.1);
            let values = match rows {
                Some(rows) if model.arch == "llama" => published_rows(&values, rows, h, h / 4),
                _ => values,
            };
            (
                published(&name),
                candle_core::Tensor::from_vec(values, shape, &candle_core::Device::Cpu).unwrap(),
            )
        })
        .collect();
    candle_core::safetensors::save(&tensors, dir.join("model.safetensors")).unwrap();
    let config = serde_json::json!({
        "model_type": model.arch, "hidden_size": model.hidden, "intermediate_size": 2 * model.hidden,
        "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": LAYERS,
        "vocab_size": VOCAB, "max_position_embeddings": model.context, "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5, "eos_token_id": 258, "tie_word_embeddings": false,
    });
    std::fs::write(dir.join("config.json"), config.to_string()).unwrap();
    std::fs::write(dir.join("tokenizer.json"), crate::support::tokenizer_json()).unwrap();
}

/// Undoes the pairing of a Llama GGUF: `(head, pair, half)` to `(head, half, pair)`.
fn published_rows(values: &[f32], rows: usize, width: usize, head_dim: usize) -> Vec<f32> {
    (0..rows)
        .flat_map(|row| {
            let (head, half, pair) = (
                row / head_dim,
                row % head_dim / (head_dim / 2),
                row % (head_dim / 2),
            );
            let from = head * head_dim + 2 * pair + half;
            values[from * width..(from + 1) * width].to_vec()
        })
        .collect()
}

fn published(name: &str) -> String {
    let fixed = [
        ("token_embd", "model.embed_tokens"),
        ("output_norm", "model.norm"),
        ("blk", "model.layers"),
        ("attn_norm", "input_layernorm"),
        ("ffn_norm", "post_attention_layernorm"),
        ("attn_output", "self_attn.o_proj"),
        ("output.weight", "lm_head.weight"),
        ("attn_q", "self_attn.q_proj"),
        ("attn_k", "self_attn.k_proj"),
        ("attn_v", "self_attn.v_proj"),
        ("ffn_gate", "mlp.gate_proj"),
        ("ffn_up", "mlp.up_proj"),
        ("ffn_down", "mlp.down_proj"),
    ];
    fixed
        .iter()
        .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

#[test]
fn embeddings_have_length_one_and_ignore_neighbours() {
    let (_dir, path) = Tiny {
        context: 600,
        ..Tiny::default()
    }
    .gguf();
    let engine = load(&path);
    let long = "ab cd ".repeat(80);
    let texts: Vec<String> = TEXTS
        .iter()
        .map(|t| (*t).to_owned())
        .chain([long])
        .collect();
    let answer = start(&engine, text_request("zz", 50));
    let together = engine.embed(&EmbedRequest::new(texts.clone())).unwrap();
    for (text, vector) in texts.iter().zip(&together.vectors) {
        assert_eq!(
            engine
                .embed(&EmbedRequest::new(vec![text.clone()]))
                .unwrap()
                .vectors[0],
            *vector
        );
        assert_eq!(vector.len(), 64);
        assert!((vector.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    let counted: usize = texts.iter().map(|t| engine.count_tokens(t).unwrap()).sum();
    assert_eq!(together.tokens, counted);
    assert_eq!(collect(&answer).tokens.len(), 50);
    let many = EmbedRequest {
        tokens: vec![vec![1]; 4096],
        ..EmbedRequest::new(vec!["a".to_owned()])
    };
    assert_eq!(engine.embed(&many).unwrap_err().code(), "invalid_request");
    assert!(
        engine
            .embed(&EmbedRequest::default())
            .unwrap()
            .vectors
            .is_empty()
    );
}
