//! Models for tests of this crate: the real ones of the cache, and random ones of any shape.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and skip loudly"
)]

use super::decoder::Decoder;
use crate::error::EngineError;
use crate::load::spec::DecoderSpec;
use crate::load::{self, RawWeight, WeightSource};
use crate::output::sample::uniform;
use std::path::PathBuf;
use std::sync::Arc;

pub(crate) const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
pub(crate) const QWEN: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";
pub(crate) const GEMMA: &str = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818";

/// A real model of the cache, or a loud skip.
pub(crate) fn real_model(sha256: &str) -> Option<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let cache = std::env::var_os("ZHISUAN_CACHE").map_or_else(
        || home.unwrap_or_default().join(".cache/zhisuan"),
        PathBuf::from,
    );
    let path = cache.join("models/sha256").join(sha256);
    if path.exists() {
        return Some(path);
    }
    assert!(
        std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() != Ok("1"),
        "{sha256} is absent"
    );
    eprintln!("SKIPPED: model {sha256} is absent; run 'cargo xtask test' to provide it");
    None
}

/// Its decoder.
pub(crate) fn real_decoder(sha256: &str) -> Option<Arc<Decoder>> {
    let source = load::open(&real_model(sha256)?).unwrap();
    Some(Arc::new(
        Decoder::load(source.spec, source.weights.as_ref()).unwrap(),
    ))
}

/// Random weights of any shape.
pub(crate) struct Noise;

/// Numbers between `-size` and `size`.
pub(crate) fn noise(seed: u64, count: usize, size: f32) -> Vec<f32> {
    (0..count as u64)
        .map(|i| (uniform(seed, i) as f32 * 2.0 - 1.0) * size)
        .collect()
}

impl WeightSource for Noise {
    fn read(&self, name: &str, shape: &[usize]) -> Result<RawWeight<'_>, EngineError> {
        let seed = name
            .bytes()
            .fold(7u64, |s, b| s.wrapping_mul(131).wrapping_add(u64::from(b)));
        let size = if shape.len() == 2 { 0.4 } else { 0.3 };
        let mut data = noise(seed, shape.iter().product(), size);
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

/// A decoder of a described shape with random weights.
pub(crate) fn random_decoder(spec: DecoderSpec) -> Arc<Decoder> {
    spec.validate().unwrap();
    Arc::new(Decoder::load(spec, &Noise).unwrap())
}
