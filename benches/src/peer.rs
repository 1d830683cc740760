//! The peer of the engine bench: llama.cpp.

use crate::pipe::Pipe;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What to generate: the same token ids for every stream, greedily, never ending early.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) prompt: &'a [u32],
    pub(crate) tokens: usize,
    pub(crate) streams: usize,
}

/// Times of the peer.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "units belong in names")]
pub(crate) struct Times {
    /// Of one stream, as llama.cpp itself took it; without HTTP.
    pub(crate) prefill_ms: f64,
    /// Of one stream, all tokens after the first.
    pub(crate) decode_ms: f64,
    /// Of all streams together, from the first request to the last answer.
    pub(crate) wall_ms: f64,
}

/// Starts llama.cpp with the model.
pub(crate) fn start(model: &Path, threads: usize, context: usize, streams: usize) -> Result<Pipe> {
    let [threads, context, streams] = [threads, context, streams].map(|n| n.to_string());
    let model = model.to_string_lossy();
    Pipe::start("llama.py", &[&model, &threads, &context, &streams])
}
