//! Decoders that judge documents by saying yes or no: how their files tell, and which two
//! outputs speak.
//!
//! They are ordinary decoders of the family qwen3 with the ordinary output head, so nothing in
//! their shape tells them apart. Signs, in this order:
//! 1. a GGUF file with `pooling_type` 4 (rank) and its own output `cls.output.weight`, as
//!    llama.cpp converts Qwen3-Reranker; `classifier.output_labels` names its rows;
//! 2. a folder whose `modules.json` ends in a `LogitScore` (sentence-transformers 5.4): its two
//!    tokens must be `yes` and `no`, other judges have other prompts;
//! 3. the word "reranker" in the model's own name (GGUF `general.name`, the folder's name).

use super::encoder::sentence::read_optional;
use super::gguf::Metadata;
use super::gguf_header::Value;
use super::spec::Architecture;
use crate::error::EngineError;
use crate::tokenizer::TextTokenizer;
use std::path::Path;

/// llama.cpp's number of the pooling that scores.
const RANK: i64 = 4;
/// The tensor of the two outputs alone.
pub(crate) const OWN_HEAD: &str = "cls.output.weight";

/// Where the rows of the two outputs lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Tokens of the vocabulary: rows of the output head.
    Tokens { yes: u32, no: u32 },
    /// Rows of [`OWN_HEAD`].
    Own { yes: usize, no: usize },
}

/// The verdict of a GGUF file, if it is a judge.
pub(super) fn of_gguf(
    meta: &Metadata<'_>,
    architecture: Architecture,
    own_head: bool,
    tokenizer: &TextTokenizer,
) -> Result<Option<Verdict>, EngineError> {
    if architecture != Architecture::Qwen3 {
        return Ok(None);
    }
    if meta.int("qwen3.pooling_type") == Some(RANK) && own_head {
        let key = "qwen3.classifier.output_labels";
        let row = |label: &str| {
            let labels = meta.list(key).unwrap_or_default();
            let is_label = |v: &Value| matches!(v, Value::Text(text) if text == label);
            let row = labels.iter().position(is_label);
            row.ok_or_else(|| EngineError::corrupt(key, format!("没有“{label}”")))
        };
        let (yes, no) = (row("yes")?, row("no")?);
        return Ok(Some(Verdict::Own { yes, no }));
    }
    if is_named(meta.text("general.name").unwrap_or_default()) {
        return tokens(tokenizer).map(Some);
    }
    Ok(None)
}

/// The verdict of a folder, if it is a judge.
pub(super) fn of_folder(
    dir: &Path,
    architecture: Architecture,
    tokenizer: &TextTokenizer,
) -> Result<Option<Verdict>, EngineError> {
    let score = logit_score(dir)?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let judges = score.is_some() || is_named(&name);
    if architecture != Architecture::Qwen3 || !judges {
        return Ok(None);
    }
    let verdict = tokens(tokenizer)?;
    match score {
        Some(said) if said != verdict => Err(EngineError::unsupported(
            "LogitScore 的词元不是 yes 与 no 的重排模型",
        )),
        _ => Ok(Some(verdict)),
    }
}

fn is_named(name: &str) -> bool {
    name.to_lowercase().contains("reranker")
}

fn tokens(tokenizer: &TextTokenizer) -> Result<Verdict, EngineError> {
    let id = |text: &str| {
        let id = tokenizer.id_of(text)?;
        id.ok_or_else(|| EngineError::corrupt("tokenizer", format!("重排模型没有词元“{text}”")))
    };
    Ok(Verdict::Tokens {
        yes: id("yes")?,
        no: id("no")?,
    })
}

/// The tokens that the last module of a folder compares.
fn logit_score(dir: &Path) -> Result<Option<Verdict>, EngineError> {
    const FILE: &str = "1_LogitScore/config.json";
    let modules = read_optional(dir, "modules.json")?;
    let is_score = modules.and_then(|list| {
        let last = list.as_array()?.last()?.get("type")?.as_str()?;
        Some(last.ends_with(".LogitScore"))
    });
    if is_score != Some(true) {
        return Ok(None);
    }
    let config = read_optional(dir, FILE)?;
    let id = |key: &str| {
        let id = config.as_ref()?.get(key)?.as_u64()?;
        u32::try_from(id).ok()
    };
    match (id("true_token_id"), id("false_token_id")) {
        (Some(yes), Some(no)) => Ok(Some(Verdict::Tokens { yes, no })),
        _ => Err(EngineError::unsupported(format!("{FILE} 没有两个词元"))),
    }
}
