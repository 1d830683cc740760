//! GGUF file: description, tokenizer, template and weights.

use super::ability::{Ability, RerankBy};
use super::gguf_header::{self, Header, TensorEntry, Value};
use super::spec::{Architecture, DecoderSpec, Pooling, SlidingWindow};
use super::{ModelInfo, ModelSource, RawWeight, Table, WeightSource, check_shape, judge, rope};
use crate::chat::ChatTemplate;
use crate::error::EngineError;
use crate::kernel::mapped;
use crate::tokenizer::TextTokenizer;
use crate::tokenizer::gguf::from_gguf;
use memmap2::Mmap;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Typed access to metadata that names the key in every error.
pub(crate) struct Metadata<'a>(pub(crate) &'a BTreeMap<String, Value>);

impl Metadata<'_> {
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&self, key: &str) -> Option<i64> {
        match self.0.get(key) {
            Some(Value::Int(v)) => Some(*v),
            _ => None,
        }
    }

    pub(crate) fn list(&self, key: &str) -> Option<&[Value]> {
        match self.0.get(key) {
            Some(Value::List(items)) => Some(items),
            _ => None,
        }
    }

    fn size(&self, key: &str) -> Result<usize, EngineError> {
        let value = self
            .int(key)
            .ok_or_else(|| EngineError::corrupt(key, "缺少，或不是整数"))?;
        usize::try_from(value)
            .ok()
            .filter(|v| *v <= 1 << 32)
            .ok_or_else(|| EngineError::corrupt(key, format!("值为 {value}")))
    }

    fn float(&self, key: &str) -> Option<f32> {
        match self.0.get(key) {
            Some(Value::Float(v)) => Some(*v as f32),
            Some(Value::Int(v)) => Some(*v as f32),
            _ => None,
        }
    }
}

struct GgufWeights {
    path: PathBuf,
    /// Unmapped when all is read, so that its pages do not count beside the packed weights.
    map: Mmap,
    header: Header,
    /// Llama files store q and k rows in pairs for interleaved rotation.
    paired_rows: Option<usize>,
}

/// Opens and checks a GGUF file; tensors are read later, one by one.
pub(super) fn open(path: &Path) -> Result<ModelSource, EngineError> {
    let file = File::open(path).map_err(|e| EngineError::io(path, &e))?;
    let size = file
        .metadata()
        .map_err(|e| EngineError::io(path, &e))?
        .len();
    let map = mapped::map(&file).map_err(|e| EngineError::io(path, &e))?;
    let header = gguf_header::read(BufReader::with_capacity(1 << 20, file), size)?;
    let meta = Metadata(&header.metadata);
    let mut spec = describe(&meta, &header.tensors)?;
    let tokenizer = from_gguf(&meta)?;
    let own_head = header.tensors.contains_key(judge::OWN_HEAD);
    let verdict = judge::of_gguf(&meta, spec.architecture, own_head, &tokenizer)?;
    let rerank = RerankBy::of_decoder(verdict);
    let template = ChatTemplate::new(
        meta.text("tokenizer.chat_template"),
        &tokenizer.token_text(tokenizer.bos()),
        &tokenizer.token_text(tokenizer.eos()),
    )?;
    let info = ModelInfo {
        architecture: spec.architecture.name().to_owned(),
        name: meta.text("general.name").unwrap_or("unnamed").to_owned(),
        context_length: spec.context_length,
        vocab_size: spec.vocab,
        hidden_size: spec.hidden,
        quantisation: quantisation(&meta, &header.tensors),
        parameters: header
            .tensors
            .values()
            .map(|t| t.shape.iter().map(|d| *d as u64).product::<u64>())
            .sum(),
        file_bytes: size,
        abilities: Ability::of_decoder(rerank),
        rerank: Some(rerank),
    };
    let paired = matches!(
        spec.architecture,
        Architecture::Llama | Architecture::Mistral
    );
    let paired_rows = paired.then_some(spec.head_dim);
    let weights = GgufWeights {
        path: path.to_owned(),
        map,
        header,
        paired_rows,
    };
    if weights.header.tensors.contains_key("rope_freqs.weight") {
        let factors = weights.read("rope_freqs.weight", &[spec.head_dim / 2])?;
        spec.rope_factors = Some(factors.into_f32()?);
        spec.validate()?;
    }
    Ok(ModelSource {
        spec,
        info,
        tokenizer,
        template,
        verdict,
        weights: Box::new(weights),
    })
}

/// Parses the header of a file of `size` bytes with description and tokenizer; for fuzzing.
pub(crate) fn parse(bytes: &[u8], size: u64) -> Result<TextTokenizer, EngineError> {
    let header = gguf_header::read(bytes, size)?;
    let meta = Metadata(&header.metadata);
    describe(&meta, &header.tensors)?;
    from_gguf(&meta)
}

fn describe(
    meta: &Metadata<'_>,
    tensors: &BTreeMap<String, TensorEntry>,
) -> Result<DecoderSpec, EngineError> {
    let name = meta
        .text("general.architecture")
        .ok_or_else(|| EngineError::corrupt("general.architecture", "缺少"))?;
    let architecture = Architecture::parse(name)?;
    let key = |suffix: &str| format!("{name}.{suffix}");
    let hidden = meta.size(&key("embedding_length"))?;
    let heads = meta.size(&key("attention.head_count"))?;
    let head_dim = match meta.int(&key("attention.key_length")) {
        Some(_) => meta.size(&key("attention.key_length"))?,
        None => hidden.checked_div(heads).unwrap_or(0),
    };
    let kv_heads = match meta.0.get(&key("attention.head_count_kv")) {
        Some(_) => meta.size(&key("attention.head_count_kv"))?,
        None => heads,
    };
    let embedding = tensors
        .get("token_embd.weight")
        .ok_or_else(|| EngineError::corrupt("token_embd.weight", "缺少张量"))?;
    refuse_extras(meta, name, head_dim)?;
    let layers = meta.size(&key("block_count"))?;
    let gemma = architecture == Architecture::Gemma3;
    // Gemma 27B scales by the width of a head's share of the stream, the others by the head's.
    let scored = if gemma && layers == 62 {
        hidden.checked_div(heads).unwrap_or(0)
    } else {
        head_dim
    };
    let rope_theta = meta.float(&key("rope.freq_base")).unwrap_or(10_000.0);
    let rope = rope_scaling(meta, name, rope_theta, head_dim)?;
    let spec = DecoderSpec {
        layers,
        hidden,
        intermediate: meta.size(&key("feed_forward_length"))?,
        heads,
        kv_heads,
        head_dim,
        vocab: embedding.shape.first().copied().unwrap_or(0),
        context_length: meta
            .size(&key("context_length"))?
            .max(rope.reach.unwrap_or(0)),
        rope_theta,
        rope_factors: rope.factors,
        rope_magnitude: rope.magnitude,
        rms_eps: meta
            .float(&key("attention.layer_norm_rms_epsilon"))
            .unwrap_or(1e-5),
        tied_head: !tensors.contains_key("output.weight"),
        qkv_bias: tensors.contains_key("blk.0.attn_q.bias"),
        embedding_scale: gemma.then(|| (hidden as f32).sqrt()),
        attention_scale: 1.0 / (scored as f32).sqrt(),
        attention_softcap: meta.float(&key("attn_logit_softcapping")),
        final_softcap: meta.float(&key("final_logit_softcapping")),
        window: window(meta, name, architecture, layers)?,
        pooling: pooling(meta, name),
        ..DecoderSpec::family(architecture)
    };
    spec.validate()?;
    Ok(spec)
}

/// The scaling of rotations under the names of this format.
fn rope_scaling(
    meta: &Metadata<'_>,
    name: &str,
    theta: f32,
    head_dim: usize,
) -> Result<rope::Scaling, EngineError> {
    let number = |key: &str| meta.float(&format!("{name}.{key}")).map(f64::from);
    for (key, plain) in [("yarn_log_multiplier", 0.0), ("yarn_ext_factor", 1.0)] {
        let value = number(&format!("rope.scaling.{key}"));
        if value.is_some_and(|v| (v - plain).abs() > 1e-9) {
            return Err(EngineError::unsupported(format!(
                "{name}.rope.scaling.{key}"
            )));
        }
    }
    let find = |key: &str| {
        number(match key {
            "factor" => "rope.scaling.factor",
            "original_max_position_embeddings" => "rope.scaling.original_context_length",
            "max_position_embeddings" => "context_length",
            "beta_fast" => "rope.scaling.yarn_beta_fast",
            "beta_slow" => "rope.scaling.yarn_beta_slow",
            _ => return None,
        })
    };
    let kind = meta.text(&format!("{name}.rope.scaling.type"));
    let kind = kind.unwrap_or("none");
    let mut scaling = rope::scaling(kind, &find, theta, head_dim.min(1 << 16))?;
    if kind == "yarn" {
        // In this format it comes on top of what YaRN itself makes of the factor.
        scaling.magnitude *= number("rope.scaling.attn_factor").unwrap_or(1.0) as f32;
    }
    Ok(scaling)
}

/// Parts that this core does not compute are refused, not left out.
fn refuse_extras(meta: &Metadata<'_>, name: &str, head_dim: usize) -> Result<(), EngineError> {
    let key = |suffix: &str| format!("{name}.{suffix}");
    if meta.int(&key("expert_count")).is_some_and(|n| n > 0) {
        return Err(EngineError::unsupported("混合专家（MoE）模型"));
    }
    if let Some(rotated) = meta.int(&key("rope.dimension_count"))
        && rotated != head_dim as i64
    {
        return Err(EngineError::unsupported(format!(
            "部分旋转：{rotated} / {head_dim} 维"
        )));
    }
    Ok(())
}

/// Gemma's local layers: all but every sixth. Other families of this format have no window.
fn window(
    meta: &Metadata<'_>,
    name: &str,
    architecture: Architecture,
    layers: usize,
) -> Result<Option<SlidingWindow>, EngineError> {
    let key = format!("{name}.attention.sliding_window");
    if architecture != Architecture::Gemma3 || meta.int(&key).is_none_or(|tokens| tokens == 0) {
        return Ok(None);
    }
    let local_theta = meta.float(&format!("{name}.rope.freq_base_swa"));
    Ok(Some(SlidingWindow {
        tokens: meta.size(&key)?,
        layers: (1..=layers.min(1 << 16))
            .map(|layer| layer % 6 != 0)
            .collect(),
        rope_theta: local_theta.unwrap_or(10_000.0),
    }))
}

/// How the file says that vectors are made.
fn pooling(meta: &Metadata<'_>, name: &str) -> Option<Pooling> {
    match meta.int(&format!("{name}.pooling_type")) {
        Some(1) => Some(Pooling::Mean),
        Some(2) => Some(Pooling::FirstToken),
        Some(3) => Some(Pooling::LastToken),
        _ => None,
    }
}

/// The label of the file where it has a known one, else the most used block format.
fn quantisation(meta: &Metadata<'_>, tensors: &BTreeMap<String, TensorEntry>) -> String {
    let known = match meta.int("general.file_type") {
        Some(0) => "F32",
        Some(1) => "F16",
        Some(2) => "Q4_0",
        Some(3) => "Q4_1",
        Some(7) => "Q8_0",
        Some(8) => "Q5_0",
        Some(9) => "Q5_1",
        Some(14) => "Q4_K_S",
        Some(15) => "Q4_K_M",
        Some(16) => "Q5_K_S",
        Some(17) => "Q5_K_M",
        Some(18) => "Q6_K",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for tensor in tensors.values() {
        *bytes.entry(format!("{:?}", tensor.dtype)).or_default() += tensor.bytes;
    }
    bytes
        .into_iter()
        .max_by_key(|(_, b)| *b)
        .map_or_else(String::new, |(name, _)| name)
}

impl GgufWeights {
    fn entry(&self, name: &str, shape: &[usize]) -> Result<&TensorEntry, EngineError> {
        let entry = self.header.tensors.get(name);
        let entry = entry.ok_or_else(|| EngineError::corrupt(name, "缺少张量"))?;
        check_shape(name, &entry.shape, shape)?;
        Ok(entry)
    }
}

impl WeightSource for GgufWeights {
    fn read(&self, name: &str, shape: &[usize]) -> Result<RawWeight<'_>, EngineError> {
        let entry = self.entry(name, shape)?;
        let bytes = self.map.get(entry.range());
        // The header was checked against the file's size; the file may have shrunk since.
        let bytes = bytes.ok_or_else(|| EngineError::corrupt(name, "数据超出文件"))?;
        let paired = name.ends_with("attn_q.weight") || name.ends_with("attn_k.weight");
        let bytes = match self.paired_rows {
            Some(head_dim) if paired => {
                let rows = shape.first().copied().unwrap_or(0);
                Cow::Owned(unpair_rows(bytes, rows, head_dim))
            }
            _ => Cow::Borrowed(bytes),
        };
        Ok(RawWeight::Stored {
            dtype: entry.dtype,
            shape: shape.to_vec(),
            bytes,
        })
    }

    fn table(&self, name: &str, shape: &[usize]) -> Result<Table, EngineError> {
        let entry = self.entry(name, shape)?;
        let file = File::open(&self.path).and_then(|file| mapped::map(&file));
        Ok(Table::Mapped {
            file: file.map_err(|e| EngineError::io(&self.path, &e))?,
            range: entry.range(),
            dtype: entry.dtype,
            width: shape.last().copied().unwrap_or(0),
        })
    }
}

/// Brings rows `(head, pair, half)` of a Llama GGUF back to `(head, half, pair)`, the order
/// of the published weights, so that one rotation and one adapter layout serve every file.
fn unpair_rows(data: &[u8], rows: usize, head_dim: usize) -> Vec<u8> {
    let row_bytes = data.len().checked_div(rows).unwrap_or(0);
    let half = head_dim / 2;
    let mut out = Vec::with_capacity(data.len());
    for row in 0..rows {
        let (head, within) = (row / head_dim, row % head_dim);
        let (side, pair) = (within / half, within % half);
        let from = (head * head_dim + 2 * pair + side) * row_bytes;
        out.extend_from_slice(&data[from..from + row_bytes]);
    }
    out
}
