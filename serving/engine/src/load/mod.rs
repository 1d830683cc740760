//! Model files to one description and a source of weights.

pub(crate) mod ability;
mod config;
pub(crate) mod encoder;
pub(crate) mod gguf;
pub(crate) mod gguf_header;
pub(crate) mod judge;
mod rope;
pub(crate) mod safetensors;
pub(crate) mod spec;
mod weight;

use crate::chat::ChatTemplate;
use crate::error::EngineError;
use crate::tokenizer::TextTokenizer;
use ability::{Ability, RerankBy};
use judge::Verdict;
use spec::DecoderSpec;
use std::path::Path;
pub(crate) use weight::{RawWeight, Table, WeightSource, matrix, vector};

/// What is known about a loaded model; all of it comes from its files.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// Family name, for instance `qwen2`.
    pub architecture: String,
    /// The file's own name for the model.
    pub name: String,
    /// Context in tokens that this engine accepts (the model's, or less by option).
    pub context_length: usize,
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of hidden states, and of embeddings.
    pub hidden_size: usize,
    /// Storage format that most weights have, for instance `Q4_K_M` or `BF16`.
    pub quantisation: String,
    /// Number of weights.
    pub parameters: u64,
    /// Size of the model's files.
    pub file_bytes: u64,
    /// What it can be asked for.
    pub abilities: Vec<Ability>,
    /// How it scores documents, where it can.
    pub rerank: Option<RerankBy>,
}

/// An opened model: everything but the weights is parsed and checked.
pub(crate) struct ModelSource {
    pub(crate) spec: DecoderSpec,
    pub(crate) info: ModelInfo,
    pub(crate) tokenizer: TextTokenizer,
    pub(crate) template: ChatTemplate,
    /// The outputs that say yes and no of a document, where the model judges.
    pub(crate) verdict: Option<Verdict>,
    pub(crate) weights: Box<dyn WeightSource>,
}

/// Opens a GGUF file or a Hugging Face directory.
pub(crate) fn open(path: &Path) -> Result<ModelSource, EngineError> {
    let meta = std::fs::metadata(path).map_err(|e| EngineError::io(path, &e))?;
    if meta.is_dir() {
        safetensors::open(path)
    } else {
        gguf::open(path)
    }
}

/// Refuses a tensor whose shape is not the one that the description asks for.
pub(crate) fn check_shape(
    name: &str,
    found: &[usize],
    wanted: &[usize],
) -> Result<(), EngineError> {
    if found == wanted {
        return Ok(());
    }
    Err(EngineError::corrupt(
        name,
        format!("形状为 {found:?}，按模型参数应为 {wanted:?}"),
    ))
}
