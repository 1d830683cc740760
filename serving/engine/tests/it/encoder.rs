//! Encoders: parity with `transformers` (recorded by `tests/goldens/encoder.py`), neighbours,
//! refusals.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and report their measurements"
)]

use crate::support::{channel_sink, load, real_model, text_request};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use zhisuan_engine::{Ability, EmbedRequest, Engine, LoadOptions, RerankBy, ScoreRequest};

pub(crate) const E5: &str = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f";

fn record() -> Value {
    serde_json::from_str(include_str!("../goldens/encoder.json")).unwrap()
}

fn tiny(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/goldens/encoder")
        .join(name)
}

/// all-MiniLM-L6-v2 in a folder of links to the cache, or a loud skip.
fn minilm(record: &Value) -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().unwrap();
    for (name, sha256) in record["minilm"]["files"].as_object().unwrap() {
        let cached = real_model(sha256.as_str().unwrap())?;
        std::os::unix::fs::symlink(cached, folder.path().join(name)).unwrap();
    }
    Some(folder)
}

/// The engine with f32 throughout.
fn exact(path: &Path) -> Engine {
    let options = LoadOptions {
        exact: true,
        ..LoadOptions::new(path)
    };
    Engine::load(options).unwrap()
}

fn texts(cases: &Value) -> Vec<String> {
    let list = cases.as_array().unwrap().iter();
    list.map(|case| case["text"].as_str().unwrap().to_owned())
        .collect()
}

fn embed(engine: &Engine, texts: &[String], instruction: &str) -> Vec<Vec<f32>> {
    let request = EmbedRequest {
        instruction: instruction.to_owned(),
        ..EmbedRequest::new(texts.to_vec())
    };
    engine.embed(&request).unwrap().vectors
}

fn score(engine: &Engine, query: &str, documents: &[&str]) -> Vec<f32> {
    let request = ScoreRequest {
        query: query.to_owned(),
        documents: documents.iter().map(|d| (*d).to_owned()).collect(),
        ..ScoreRequest::default()
    };
    engine.score(&request).unwrap().scores
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// Compares token ids exactly and every number of every vector within `tolerance`; vectors
/// must point the same way to within a cosine of 0.9999.
fn check_vectors(engine: &Engine, cases: &Value, prompt: &str, instruction: &str, tolerance: f32) {
    let texts = texts(cases);
    let vectors = embed(engine, &texts, instruction);
    let (mut worst, mut least) = (0f32, 1f32);
    for (case, (text, vector)) in cases
        .as_array()
        .unwrap()
        .iter()
        .zip(texts.iter().zip(&vectors))
    {
        let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
        assert_eq!(
            engine.tokenize(&format!("{prompt}{text}")).unwrap(),
            ids,
            "{text:?}"
        );
        let wanted: Vec<f32> = serde_json::from_value(case["vector"].clone()).unwrap();
        assert_eq!(vector.len(), wanted.len());
        for (got, wanted) in vector.iter().zip(&wanted) {
            worst = worst.max((got - wanted).abs());
        }
        least = least.min(cosine(vector, &wanted));
    }
    let name = &engine.info().name;
    eprintln!("{name}: largest difference {worst:e}, least cosine {least}");
    assert!(worst < tolerance, "{name}: {worst}");
    assert!(least > 0.9999, "{name}: {least}");
}

#[test]
fn tiny_models_agree_with_transformers() {
    for case in record()["tiny"].as_array().unwrap() {
        let engine = exact(&tiny(case["name"].as_str().unwrap()));
        if case["texts"].is_array() {
            assert_eq!(engine.info().rerank, Some(RerankBy::Similarity));
            check_vectors(&engine, &case["texts"], "", "", 2e-5);
            continue;
        }
        assert_eq!(engine.info().abilities, [Ability::Rerank]);
        for pair in case["pairs"].as_array().unwrap() {
            let text = |key: &str| pair[key].as_str().unwrap();
            let got = score(&engine, text("query"), &[text("document")])[0];
            let wanted = pair["score"].as_f64().unwrap() as f32;
            assert!((got - wanted).abs() < 2e-5, "{pair}: {got}");
        }
    }
}

#[test]
fn minilm_agrees_with_transformers() {
    let record = record();
    if let Some(folder) = minilm(&record) {
        let cases = &record["minilm"]["texts"];
        check_vectors(&exact(folder.path()), cases, "", "", 2e-5);
        // Rounded to bf16, as an engine does it by itself.
        check_vectors(&load(folder.path()), cases, "", "", 2e-3);
    }
}

#[test]
fn e5_agrees_with_its_own_weights_in_f32() {
    let Some(path) = real_model(E5) else {
        return;
    };
    let cases = &record()["e5"]["texts"];
    check_vectors(&exact(&path), cases, "query: ", "query", 2e-5);
    let engine = load(&path);
    check_vectors(&engine, cases, "query: ", "query", 2e-3);
    let passages = [
        "此次公开征求意见的截止日期是2025年10月27日。",
        "通过电话反馈意见应拨打0473-3998335。",
        "企业开办时间缩短至1个工作日。",
    ];
    let scores = score(&engine, "意见征集什么时候结束?", &passages);
    assert!(scores[0] > scores[1] && scores[1] > scores[2], "{scores:?}");
}

#[test]
fn neighbours_order_and_threads_change_no_bit() {
    let record = record();
    let texts = texts(&record["tiny"][1]["texts"]);
    let real = minilm(&record);
    let mut folders = vec![tiny("bert"), tiny("xlm-roberta")];
    folders.extend(real.as_ref().map(|folder| folder.path().to_owned()));
    for folder in folders {
        let one_thread = Engine::load(LoadOptions {
            threads: Some(1),
            ..LoadOptions::new(&folder)
        });
        let engine = load(&folder);
        let together = embed(&engine, &texts, "");
        let mut reversed: Vec<String> = texts.iter().rev().cloned().collect();
        reversed.extend(texts.iter().cloned());
        let mut turned = embed(&one_thread.unwrap(), &reversed, "");
        turned.truncate(texts.len());
        turned.reverse();
        assert_eq!(turned, together, "{}", folder.display());
        for (text, vector) in texts.iter().zip(&together) {
            assert_eq!(embed(&engine, std::slice::from_ref(text), "")[0], *vector);
            assert!((cosine(vector, vector) - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn control_tokens_in_a_text_are_text() {
    for (name, token) in [("bert", "[SEP]"), ("xlm-roberta", "</s>")] {
        let engine = load(&tiny(name));
        let plain = engine.tokenize("x y").unwrap();
        let end = *plain.last().unwrap();
        let posing = engine.tokenize(&format!("x {token} y")).unwrap();
        assert_eq!(posing.iter().filter(|id| **id == end).count(), 1, "{name}");
    }
}

#[test]
fn what_an_encoder_cannot_do_is_refused() {
    let engine = load(&tiny("bert"));
    let error = engine.generate(text_request("a", 1), channel_sink().0);
    assert_eq!(error.unwrap_err().code(), "model_incapable");
    assert_eq!(
        engine.render_chat(&[]).unwrap_err().code(),
        "model_incapable"
    );
    let long = EmbedRequest::new(vec!["x ".repeat(600)]);
    assert_eq!(engine.embed(&long).unwrap_err().code(), "context_exceeded");
    let huge = EmbedRequest::new(vec!["x".repeat(1 << 20)]);
    assert_eq!(engine.embed(&huge).unwrap_err().code(), "context_exceeded");
    let many = EmbedRequest::new(vec![String::new(); 5000]);
    assert_eq!(engine.embed(&many).unwrap_err().code(), "invalid_request");
    let many = EmbedRequest {
        tokens: vec![vec![5]; 4097],
        ..EmbedRequest::default()
    };
    assert_eq!(engine.embed(&many).unwrap_err().code(), "invalid_request");
    assert!(embed(&engine, &[], "").is_empty());
    let judge = load(&tiny("bert-reranker"));
    let error = judge.embed(&EmbedRequest::new(vec!["x".to_owned()]));
    assert_eq!(error.unwrap_err().code(), "model_incapable");
    assert!(score(&judge, "x", &[]).is_empty());
}

#[test]
fn a_full_queue_refuses_and_a_lost_caller_frees_it() {
    let engine = Engine::load(LoadOptions {
        max_batch: 1,
        max_waiting: 0,
        threads: Some(1),
        ..LoadOptions::new(tiny("xlm-roberta"))
    })
    .unwrap();
    let wanted = AtomicBool::new(true);
    let one = EmbedRequest::new(vec!["x".to_owned()]);
    std::thread::scope(|scope| {
        let many = EmbedRequest::new(vec!["the job ".repeat(60); 4096]);
        let held = scope.spawn(|| {
            let many = many;
            engine.embed_while(&many, &|| wanted.load(Ordering::SeqCst))
        });
        while engine.stats().running == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(engine.embed(&one).unwrap_err().code(), "overloaded");
        wanted.store(false, Ordering::SeqCst);
        assert_eq!(held.join().unwrap().unwrap_err().code(), "cancelled");
    });
    assert_eq!(engine.embed(&one).unwrap().vectors.len(), 1);
    engine.shutdown(Duration::from_secs(5));
    assert_eq!(engine.embed(&one).unwrap_err().code(), "engine_stopped");
}

/// A copy of a tiny model with one file changed.
fn damaged(name: &str, file: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for item in std::fs::read_dir(tiny(name)).unwrap() {
        let path = item.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let bytes = std::fs::read(folder.path().join(file)).unwrap();
    std::fs::write(folder.path().join(file), change(bytes)).unwrap();
    folder
}

fn refusal(folder: &Path) -> String {
    match Engine::load(LoadOptions::new(folder)) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

/// The tensor `name` of a tiny model begins with NaN.
fn with_nan(name: &str) -> tempfile::TempDir {
    damaged("bert", "model.safetensors", |mut bytes| {
        let head = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + head]).unwrap();
        let at = 8 + head + header[name]["data_offsets"][0].as_u64().unwrap() as usize;
        // NaN as f32; the high half alone is NaN as bf16 and f16.
        bytes[at..at + 4].copy_from_slice(&[0xff; 4]);
        bytes
    })
}

#[test]
fn weights_that_are_no_numbers_are_refused() {
    for name in [
        "embeddings.word_embeddings.weight",
        "embeddings.LayerNorm.bias",
        "encoder.layer.0.attention.self.query.weight",
        "encoder.layer.1.output.dense.bias",
    ] {
        let folder = with_nan(name);
        let error = Engine::load(LoadOptions::new(folder.path())).err().unwrap();
        assert_eq!(error.code(), "model_corrupt");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn hostile_folders_are_refused() {
    let config = |from: &'static str, to: &'static str| {
        let folder = damaged("bert", "config.json", |bytes| {
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.contains(from), "{from}");
            text.replace(from, to).into_bytes()
        });
        refusal(folder.path())
    };
    assert_eq!(config("\"bert\"", "\"distilbert\""), "model_unsupported");
    assert_eq!(config("\"gelu\"", "\"swish\""), "model_unsupported");
    for (from, to) in [
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"),
        (
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 4000000000",
        ),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": 0"),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": 7"),
        ("\"hidden_size\": 48", "\"hidden_size\": 64"),
        ("\"vocab_size\"", "\"vocab_sizes\""),
        (
            "\"max_position_embeddings\": 514",
            "\"max_position_embeddings\": 0",
        ),
    ] {
        assert_eq!(config(from, to), "model_corrupt", "{to}");
    }
    let cut = damaged("bert", "model.safetensors", |bytes| {
        bytes[..bytes.len() / 2].to_vec()
    });
    assert_eq!(refusal(cut.path()), "model_corrupt");
    let empty = damaged("bert", "tokenizer.json", |_| b"{}".to_vec());
    assert_eq!(refusal(empty.path()), "model_corrupt");
    let labels = damaged("bert-reranker", "model.safetensors", |bytes| bytes);
    std::fs::remove_file(labels.path().join("model.safetensors")).unwrap();
    assert_eq!(refusal(labels.path()), "model_corrupt");
    let folder = tempfile::tempdir().unwrap();
    for bytes in [
        &b"E5S1"[..],
        b"E5S1\x01\0\0\0",
        b"E5S1\x02\0\0\0\xff\xff\xff\xff",
    ] {
        let path = folder.path().join("model.bin");
        std::fs::write(&path, bytes).unwrap();
        assert_ne!(refusal(&path), "accepted");
    }
}

/// Cut and flipped at many places, the file is refused or runs; it never ends the process.
#[test]
fn a_damaged_e5_file_never_panics() {
    let Some(path) = real_model(E5) else {
        return;
    };
    let bytes = std::fs::read(path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.bin");
    // Header, pieces, character table, directory; cut far before the data to stay quick.
    for at in [
        5, 12, 40, 60, 75, 500_000, 1_600_000, 4_587_300, 4_634_000, 4_638_240,
    ] {
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert_ne!(refusal(&path), "accepted", "cut at {at}");
    }
    for at in 8..72 {
        let mut head = bytes[..4_700_000].to_vec();
        head[at] ^= 0x80;
        std::fs::write(&path, &head).unwrap();
        assert_ne!(refusal(&path), "accepted", "flipped at {at}");
    }
}
