//! Damaged, truncated and hostile files are refused with the field's name, without a panic
//! and without taking memory for what they promise.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests fail by panicking"
)]

use crate::support::{Tiny, load};
use candle_core::quantized::{GgmlDType, gguf_file};
use proptest::prelude::*;
use std::path::Path;
use zhisuan_engine::{Engine, EngineError, LoadOptions};

fn refuse(dir: &Path, bytes: &[u8]) -> EngineError {
    let path = dir.join("bad.gguf");
    std::fs::write(&path, bytes).unwrap();
    Engine::load(LoadOptions::new(path))
        .err()
        .expect("the file is refused")
}

fn good() -> (tempfile::TempDir, Vec<u8>) {
    let (dir, path) = Tiny::default().gguf();
    let bytes = std::fs::read(path).unwrap();
    (dir, bytes)
}

/// Position of the first byte after `text`.
fn after(bytes: &[u8], text: &str) -> usize {
    bytes
        .windows(text.len())
        .position(|w| w == text.as_bytes())
        .unwrap()
        + text.len()
}

#[test]
fn every_truncation_is_refused() {
    let (dir, bytes) = good();
    for length in [
        0,
        3,
        4,
        7,
        8,
        15,
        23,
        24,
        40,
        200,
        5000,
        bytes.len() / 2,
        bytes.len() - 64,
    ] {
        assert_eq!(
            refuse(dir.path(), &bytes[..length]).code(),
            "model_corrupt",
            "{length} bytes"
        );
    }
}

#[test]
fn absurd_numbers_are_named() {
    let (dir, bytes) = good();
    let patch = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        let error = refuse(dir.path(), &bytes);
        assert_eq!(error.code(), "model_corrupt", "{error}");
        error.to_string()
    };
    let huge = u64::MAX.to_le_bytes();
    assert!(patch(0, b"GGML").contains("magic"));
    assert!(patch(8, &huge).contains("tensor_count"));
    assert!(patch(16, &huge).contains("metadata_kv_count"));
    assert!(patch(24, &huge).contains("metadata key"));
    // Array of tokens: 4 bytes type, 4 bytes element type, then the count.
    let tokens = after(&bytes, "tokenizer.ggml.tokens");
    assert!(patch(tokens + 8, &huge).contains("tokenizer.ggml.tokens"));
    let most = (1u64 << 24).to_le_bytes();
    assert!(patch(tokens + 8, &most).contains("tokenizer.ggml.tokens"));
    // Tensor entry: rank (4), dimensions (8 each), type (4), offset (8).
    let embedding = after(&bytes, "token_embd.weight");
    assert!(patch(embedding, &9u32.to_le_bytes()).contains("token_embd.weight"));
    assert!(patch(embedding + 4, &huge).contains("token_embd.weight"));
    assert!(patch(embedding + 4, &0u64.to_le_bytes()).contains("token_embd.weight"));
    assert!(patch(embedding + 24, &(1u64 << 40).to_le_bytes()).contains("token_embd.weight"));
    assert!(patch(embedding + 24, &huge[..]).contains("token_embd.weight"));
    let layers = after(&bytes, "llama.block_count");
    assert!(patch(layers + 4, &u32::MAX.to_le_bytes()).contains("layers"));
    assert!(patch(layers + 4, &3u32.to_le_bytes()).contains("blk.2"));
    let heads = after(&bytes, "llama.attention.head_count");
    assert!(patch(heads + 4, &0u32.to_le_bytes()).contains("heads"));
}

/// A file of `dtype` whose tensor `name` begins with `bytes`, and the reason of its refusal.
fn broken_weight(dtype: GgmlDType, name: &str, patch: &[u8]) -> EngineError {
    let (dir, path) = Tiny {
        dtype,
        hidden: 256,
        ..Tiny::default()
    }
    .gguf();
    let mut bytes = std::fs::read(path).unwrap();
    let content = gguf_file::Content::read(&mut std::io::Cursor::new(&bytes)).unwrap();
    let at = (content.tensor_data_offset + content.tensor_infos[name].offset) as usize;
    bytes[at..at + patch.len()].copy_from_slice(patch);
    refuse(dir.path(), &bytes)
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    let (nan, infinite) = (f32::NAN.to_le_bytes(), f32::NEG_INFINITY.to_le_bytes());
    let half = half::f16::NAN.to_le_bytes();
    let cases: [(GgmlDType, &str, &[u8]); 9] = [
        // The scale of a block, and the two of a super block.
        (GgmlDType::Q8_0, "blk.1.ffn_down.weight", &half),
        (GgmlDType::Q4_1, "blk.0.attn_k.weight", &[0, 0, 0, 0x7c]),
        (GgmlDType::Q4K, "blk.0.attn_v.weight", &half),
        (GgmlDType::Q5K, "token_embd.weight", &[0, 0, 0, 0xfc]),
        (GgmlDType::F16, "blk.0.ffn_up.weight", &half),
        (GgmlDType::BF16, "blk.1.attn_output.weight", &[0x80, 0x7f]),
        (GgmlDType::F32, "blk.0.attn_q.weight", &infinite),
        (GgmlDType::Q8_0, "blk.1.ffn_norm.weight", &nan),
        (GgmlDType::Q8_0, "output_norm.weight", &infinite),
    ];
    for (dtype, name, patch) in cases {
        let error = broken_weight(dtype, name, patch);
        assert_eq!(error.code(), "model_corrupt", "{dtype:?} {name}");
        assert!(error.to_string().contains(name), "{name}: {error}");
    }
}

#[test]
fn unknown_kinds_are_unsupported_by_name() {
    let (dir, mut bytes) = good();
    let at = after(&bytes, "general.architecture") + 12;
    bytes[at..at + 5].copy_from_slice(b"mamba");
    let error = refuse(dir.path(), &bytes);
    assert_eq!(error.code(), "model_unsupported");
    assert!(error.to_string().contains("mamba"));
}

#[test]
fn missing_paths_and_empty_directories_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let error = |path: &Path| Engine::load(LoadOptions::new(path)).err().unwrap();
    assert_eq!(error(&dir.path().join("none")).code(), "io");
    assert!(error(dir.path()).to_string().contains("config.json"));
    std::fs::write(dir.path().join("config.json"), "{}").unwrap();
    std::fs::write(dir.path().join("a.safetensors"), [255u8; 16]).unwrap();
    assert_eq!(error(dir.path()).code(), "model_corrupt");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    /// Random damage anywhere in the header either loads or is refused; it never panics.
    #[test]
    fn random_damage_never_panics(edits in prop::collection::vec((0usize..12_000, any::<u8>()), 1..6)) {
        let (dir, mut bytes) = good();
        for (at, value) in edits {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        let path = dir.path().join("bad.gguf");
        std::fs::write(&path, bytes).unwrap();
        drop(Engine::load(LoadOptions::new(path)));
    }
}

#[test]
fn the_undamaged_file_loads() {
    let (dir, _) = good();
    assert_eq!(
        load(&dir.path().join("model.gguf")).info().architecture,
        "llama"
    );
}
