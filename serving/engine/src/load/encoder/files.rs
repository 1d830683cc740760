//! Hugging Face directory of an encoder: `config.json`, a tokenizer, `*.safetensors`, and
//! the files of sentence-transformers where they are.

use super::classifier::head_names;
use super::sentence::{Sentence, read_bytes, read_optional};
use super::spec::{Activation, EncoderSpec, Family, Head};
use super::stored::{EncoderWeights, Format, Stored};
use super::{EncoderSource, ModelInfo};
use crate::error::EngineError;
use crate::load::ability::{Ability, RerankBy};
use crate::load::check_shape;
use crate::load::safetensors::{Directory, scan};
use crate::tokenizer::encoder::EncoderTokenizer;
use serde_json::Value;
use std::path::Path;

/// Whether the directory's `config.json` names a family of encoders.
pub(super) fn is_encoder(dir: &Path) -> Result<bool, EngineError> {
    let config = read_optional(dir, "config.json")?;
    Ok(config.is_some_and(|config| family(&config).is_ok()))
}

fn kind(config: &Value) -> &str {
    config
        .get("model_type")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn family(config: &Value) -> Result<Family, EngineError> {
    match kind(config) {
        "bert" => Ok(Family::Bert),
        "roberta" | "xlm-roberta" => Ok(Family::Roberta),
        other => Err(EngineError::unsupported(format!("架构“{other}”"))),
    }
}

/// Opens and checks a model directory; tensors are read later, one by one.
pub(super) fn open(dir: &Path) -> Result<EncoderSource, EngineError> {
    let config = read_optional(dir, "config.json")?
        .ok_or_else(|| EngineError::corrupt("config.json", "目录中没有这个文件"))?;
    let sentence = Sentence::read(dir)?;
    let (directory, file_bytes) = scan(dir)?;
    let weights = Published::new(directory);
    let spec = describe(&config, &sentence, &weights)?;
    let tokenizer = tokenizer(dir, spec.vocab)?;
    let (parameters, dtype) = weights.summary();
    let rerank = match spec.head {
        Head::Classifier { .. } => RerankBy::Classifier,
        Head::Embedding { .. } => RerankBy::Similarity,
    };
    let info = ModelInfo {
        architecture: spec.architecture.clone(),
        name: dir
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        context_length: spec.context_length,
        vocab_size: spec.vocab,
        hidden_size: spec.hidden,
        quantisation: dtype,
        parameters,
        file_bytes,
        abilities: Ability::of_encoder(rerank),
        rerank: Some(rerank),
    };
    Ok(EncoderSource {
        spec,
        info,
        tokenizer,
        weights: Box::new(weights),
    })
}

fn tokenizer(dir: &Path, vocab: usize) -> Result<EncoderTokenizer, EngineError> {
    if let Some(json) = read_bytes(dir, "tokenizer.json")? {
        return EncoderTokenizer::from_json(&json, vocab);
    }
    let Some(text) = read_bytes(dir, "vocab.txt")? else {
        return Err(EngineError::corrupt(
            "tokenizer.json",
            "目录中既没有它，也没有 vocab.txt",
        ));
    };
    let config = read_optional(dir, "tokenizer_config.json")?.unwrap_or(Value::Null);
    EncoderTokenizer::from_vocab(&String::from_utf8_lossy(&text), &config, vocab)
}

fn describe(
    config: &Value,
    sentence: &Sentence,
    weights: &Published,
) -> Result<EncoderSpec, EngineError> {
    let size = |key: &str| {
        config
            .get(key)
            .and_then(Value::as_u64)
            .map(|v| v as usize)
            .ok_or_else(|| EngineError::corrupt(format!("config.json {key}"), "缺少，或不是整数"))
    };
    let family = family(config)?;
    for (key, plain) in [
        ("position_embedding_type", "absolute"),
        ("quantization_config", ""),
    ] {
        let value = config.get(key).filter(|v| !v.is_null());
        if let Some(value) = value.filter(|v| v.as_str() != Some(plain)) {
            return Err(EngineError::unsupported(format!(
                "config.json 的 {key}：{value}"
            )));
        }
    }
    let positions = size("max_position_embeddings")?;
    let first_position = match family {
        Family::Bert => 0,
        Family::Roberta => size("pad_token_id").unwrap_or(1).saturating_add(1),
    };
    let room = positions.saturating_sub(first_position);
    let spec = EncoderSpec {
        architecture: kind(config).to_owned(),
        family,
        layers: size("num_hidden_layers")?,
        hidden: size("hidden_size")?,
        intermediate: size("intermediate_size")?,
        heads: size("num_attention_heads")?,
        vocab: size("vocab_size")?,
        positions,
        first_position,
        types: size("type_vocab_size").unwrap_or(1),
        eps: config
            .get("layer_norm_eps")
            .and_then(Value::as_f64)
            .unwrap_or(1e-12) as f32,
        activation: activation(config)?,
        context_length: sentence.longest.map_or(room, |longest| longest.min(room)),
        head: head(config, sentence, weights)?,
        prompts: sentence.prompts.clone(),
        default_prompt: sentence.default_prompt.clone(),
    };
    spec.validate()?;
    Ok(spec)
}

fn activation(config: &Value) -> Result<Activation, EngineError> {
    let name = config.get("hidden_act").and_then(Value::as_str);
    match name.unwrap_or("gelu") {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        other => Err(EngineError::unsupported(format!("激活函数“{other}”"))),
    }
}

/// A classification model says so in `architectures`; everything else gives vectors.
fn head(config: &Value, sentence: &Sentence, weights: &Published) -> Result<Head, EngineError> {
    let named = config
        .get("architectures")
        .and_then(|list| list.get(0))
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !named.ends_with("ForSequenceClassification") {
        return Ok(Head::Embedding {
            pooling: sentence.pooling,
            normalise: sentence.normalise,
        });
    }
    let names = head_names(|name| weights.has(name));
    let labels = weights.rows(&format!("{}.weight", names.labels));
    match labels {
        Some(labels @ 1..=2) => Ok(Head::Classifier { labels }),
        Some(more) => Err(EngineError::unsupported(format!(
            "有 {more} 个类别的分类模型（重排模型只有 1 或 2 个）"
        ))),
        None => Err(EngineError::corrupt("classifier.weight", "缺少张量")),
    }
}

/// Published tensors under the names of a bare `BertModel`.
struct Published {
    directory: Directory,
    /// What the file puts before those names (`bert.`, `roberta.`, or nothing).
    prefix: &'static str,
}

impl Published {
    fn new(directory: Directory) -> Self {
        let prefix = ["bert.", "roberta."]
            .into_iter()
            .find(|p| {
                directory
                    .entry(&format!("{p}embeddings.LayerNorm.weight"))
                    .is_some()
            })
            .unwrap_or_default();
        Self { directory, prefix }
    }

    fn name(&self, name: &str) -> String {
        if name.starts_with("classifier.") {
            name.to_owned()
        } else {
            format!("{}{name}", self.prefix)
        }
    }

    fn rows(&self, name: &str) -> Option<usize> {
        let entry = self.directory.entry(&self.name(name))?;
        entry.shape.first().copied()
    }

    /// Number of weights, and how most of them are stored.
    fn summary(&self) -> (u64, String) {
        let numbers = self.directory.entries().filter(|e| {
            // Old files store the position numbers 0, 1, 2… as a tensor.
            e.dtype.bitsize() < 64
        });
        let mut parameters = 0u64;
        let mut largest = (0, String::new());
        for entry in numbers {
            let count = entry.shape.iter().map(|d| *d as u64).product::<u64>();
            parameters = parameters.saturating_add(count);
            if count > largest.0 {
                largest = (count, format!("{:?}", entry.dtype));
            }
        }
        (parameters, largest.1)
    }
}

impl EncoderWeights for Published {
    fn has(&self, name: &str) -> bool {
        self.directory.entry(&self.name(name)).is_some()
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Stored, EngineError> {
        let published = self.name(name);
        let entry = self
            .directory
            .entry(&published)
            .ok_or_else(|| EngineError::corrupt(published.clone(), "缺少张量"))?;
        check_shape(&published, &entry.shape, shape)?;
        Ok(Stored {
            shape: shape.to_vec(),
            format: Format::Plain(entry.dtype),
            bytes: entry.bytes()?,
            name: published,
        })
    }
}
