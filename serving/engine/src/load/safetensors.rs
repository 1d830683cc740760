//! Hugging Face directory: `config.json`, `tokenizer.json`, `*.safetensors`.

use super::ability::{Ability, RerankBy};
use super::encoder::{sentence::Sentence, spec as encoder};
use super::spec::{Architecture, DecoderSpec, Pooling};
use super::{ModelInfo, ModelSource, RawWeight, Table, WeightSource, check_shape, config, judge};
use crate::chat::ChatTemplate;
use crate::error::EngineError;
use crate::kernel::mapped;
use crate::tokenizer::TextTokenizer;
use candle_core::quantized::GgmlDType;
use memmap2::Mmap;
use safetensors::Dtype;
use safetensors::tensor::Metadata;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAX_HEADER_BYTES: u64 = 100_000_000;

pub(super) struct Entry {
    file: Arc<(PathBuf, Mmap)>,
    range: Range<usize>,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Dtype,
}

pub(super) struct Directory {
    tensors: BTreeMap<String, Entry>,
}

impl Directory {
    /// A tensor by its published name.
    pub(super) fn entry(&self, name: &str) -> Option<&Entry> {
        self.tensors.get(name)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.tensors.values()
    }
}

impl Entry {
    /// The tensor's bytes as the file holds them.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, EngineError> {
        self.slice().map(<[u8]>::to_vec)
    }

    fn slice(&self) -> Result<&[u8], EngineError> {
        let (path, map) = self.file.as_ref();
        map.get(self.range.clone()).ok_or_else(|| {
            EngineError::corrupt(path.to_string_lossy(), "文件比打开时短，可能正被改写")
        })
    }

    /// The same numbers' name in GGUF.
    fn dtype(&self, name: &str) -> Result<GgmlDType, EngineError> {
        match self.dtype {
            Dtype::F32 => Ok(GgmlDType::F32),
            Dtype::F16 => Ok(GgmlDType::F16),
            Dtype::BF16 => Ok(GgmlDType::BF16),
            other => Err(EngineError::unsupported(format!(
                "张量 {name} 的数据类型 {other:?}"
            ))),
        }
    }
}

/// Opens and checks a model directory; tensors are read later, one by one.
pub(super) fn open(dir: &Path) -> Result<ModelSource, EngineError> {
    let config = read_json(&dir.join("config.json"))?;
    let tokenizer_config = read_json(&dir.join("tokenizer_config.json")).unwrap_or(Value::Null);
    let (directory, file_bytes) = scan(dir)?;
    let mut spec = config::describe(&config, &|name| directory.tensors.contains_key(name))?;
    spec.pooling = pooling(dir)?;
    let eos = eos_ids(&config, dir);
    let tokenizer_path = dir.join("tokenizer.json");
    let bytes = std::fs::read(&tokenizer_path).map_err(|e| EngineError::io(&tokenizer_path, &e))?;
    let tokenizer = TextTokenizer::from_json(&bytes, spec.vocab, &eos)?;
    let verdict = judge::of_folder(dir, spec.architecture, &tokenizer)?;
    let rerank = RerankBy::of_decoder(verdict);
    let text_of = |key: &str| match tokenizer_config.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(o)) => o
            .get("content")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned(),
        _ => String::new(),
    };
    let template_file = std::fs::read_to_string(dir.join("chat_template.jinja")).ok();
    let template = ChatTemplate::new(
        template_file.as_deref().or_else(|| {
            tokenizer_config
                .get("chat_template")
                .and_then(Value::as_str)
        }),
        &text_of("bos_token"),
        &text_of("eos_token"),
    )?;
    let parameters = directory
        .tensors
        .values()
        .map(|t| t.shape.iter().map(|d| *d as u64).product::<u64>())
        .sum();
    let dtype = directory
        .tensors
        .values()
        .next()
        .map_or(String::new(), |t| format!("{:?}", t.dtype));
    let info = ModelInfo {
        architecture: spec.architecture.name().to_owned(),
        name: dir
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        context_length: spec.context_length,
        vocab_size: spec.vocab,
        hidden_size: spec.hidden,
        quantisation: dtype,
        parameters,
        file_bytes,
        abilities: Ability::of_decoder(rerank),
        rerank: Some(rerank),
    };
    let weights = Box::new(Published {
        directory,
        architecture: spec.architecture,
    });
    Ok(ModelSource {
        spec,
        info,
        tokenizer,
        template,
        verdict,
        weights,
    })
}

/// The folders of sentence-transformers say how a vector is made; others mean answers.
fn pooling(dir: &Path) -> Result<Option<Pooling>, EngineError> {
    if !dir.join("modules.json").exists() {
        return Ok(None);
    }
    Ok(Some(match Sentence::read(dir)?.pooling {
        encoder::Pooling::Mean => Pooling::Mean,
        encoder::Pooling::Cls => Pooling::FirstToken,
        encoder::Pooling::Last => Pooling::LastToken,
    }))
}

fn read_json(path: &Path) -> Result<Value, EngineError> {
    let text = std::fs::read_to_string(path).map_err(|e| EngineError::io(path, &e))?;
    let name = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    serde_json::from_str(&text).map_err(|e| EngineError::corrupt(name, e.to_string()))
}

fn eos_ids(config: &Value, dir: &Path) -> Vec<u32> {
    let generation = read_json(&dir.join("generation_config.json")).unwrap_or(Value::Null);
    let mut ids = Vec::new();
    for value in [generation.get("eos_token_id"), config.get("eos_token_id")]
        .into_iter()
        .flatten()
    {
        match value {
            Value::Array(items) => ids.extend(items.iter().filter_map(Value::as_u64)),
            other => ids.extend(other.as_u64()),
        }
    }
    ids.into_iter()
        .filter_map(|id| u32::try_from(id).ok())
        .collect()
}

pub(super) fn scan(dir: &Path) -> Result<(Directory, u64), EngineError> {
    let mut tensors = BTreeMap::new();
    let mut total = 0;
    let listing = std::fs::read_dir(dir).map_err(|e| EngineError::io(dir, &e))?;
    for item in listing {
        let path = item.map_err(|e| EngineError::io(dir, &e))?.path();
        if path.extension().is_none_or(|e| e != "safetensors") {
            continue;
        }
        total += scan_file(&path, &mut tensors)?;
    }
    if tensors.is_empty() {
        return Err(EngineError::corrupt("*.safetensors", "目录中没有权重文件"));
    }
    Ok((Directory { tensors }, total))
}

/// Reads the header only; the crate checks that offsets are ordered and complete.
fn scan_file(path: &Path, tensors: &mut BTreeMap<String, Entry>) -> Result<u64, EngineError> {
    let field = path
        .file_name()
        .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let mut file = File::open(path).map_err(|e| EngineError::io(path, &e))?;
    let size = file
        .metadata()
        .map_err(|e| EngineError::io(path, &e))?
        .len();
    let mut prefix = [0u8; 8];
    file.read_exact(&mut prefix)
        .map_err(|_| EngineError::corrupt(field.clone(), "文件不足 8 字节"))?;
    let length = u64::from_le_bytes(prefix);
    if length > MAX_HEADER_BYTES || length > size.saturating_sub(8) {
        return Err(EngineError::corrupt(
            field,
            format!("头部声明 {length} 字节，文件共 {size} 字节"),
        ));
    }
    let mut head = prefix.to_vec();
    head.resize(8 + length as usize, 0);
    file.read_exact(&mut head[8..])
        .map_err(|e| EngineError::io(path, &e))?;
    let map = mapped::map(&file).map_err(|e| EngineError::io(path, &e))?;
    let file = Arc::new((path.to_owned(), map));
    for Place {
        name,
        range,
        shape,
        dtype,
    } in places(&field, &head[8..], size)?
    {
        let file = Arc::clone(&file);
        let entry = Entry {
            file,
            range,
            shape,
            dtype,
        };
        tensors.insert(name, entry);
    }
    Ok(size)
}

/// Where a file's header says that a tensor lies.
struct Place {
    name: String,
    range: Range<usize>,
    shape: Vec<usize>,
    dtype: Dtype,
}

/// The tensors of a header (JSON behind eight bytes of length) in a file of `size` bytes. All
/// of them lie in the file, and their bytes fill their shapes.
fn places(field: &str, header: &[u8], size: u64) -> Result<Vec<Place>, EngineError> {
    let metadata: Metadata =
        serde_json::from_slice(header).map_err(|e| EngineError::corrupt(field, e.to_string()))?;
    let mut places = Vec::new();
    for (name, view) in metadata.tensors() {
        let (start, end) = view.data_offsets;
        let offset = (8 + header.len() as u64).saturating_add(start as u64);
        if end < start || offset.saturating_add((end - start) as u64) > size {
            return Err(EngineError::corrupt(
                name,
                format!("数据超出 {size} 字节的文件"),
            ));
        }
        let elements = view.shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        let bits = elements.and_then(|n| n.checked_mul(view.dtype.bitsize()));
        if bits.is_none_or(|bits| bits / 8 != end - start) {
            return Err(EngineError::corrupt(name, "形状与数据长度不一致"));
        }
        places.push(Place {
            name,
            range: offset as usize..offset as usize + (end - start),
            shape: view.shape.clone(),
            dtype: view.dtype,
        });
    }
    Ok(places)
}

/// Parses a header and `config.json` as a folder's; for fuzzing.
pub(crate) fn parse(header: &[u8], config: &[u8], size: u64) -> Result<DecoderSpec, EngineError> {
    let tensors = places("model.safetensors", header, size)?;
    let config = serde_json::from_slice(config)
        .map_err(|e| EngineError::corrupt("config.json", e.to_string()))?;
    config::describe(&config, &|name| {
        tensors.iter().any(|place| place.name == name)
    })
}

/// The weights of a decoder in published names.
struct Published {
    directory: Directory,
    architecture: Architecture,
}

impl Published {
    fn entry(&self, name: &str, shape: &[usize]) -> Result<(String, &Entry), EngineError> {
        let published = published_name(self.architecture, name);
        let entry = self.directory.entry(&published);
        let entry = entry.ok_or_else(|| EngineError::corrupt(published.clone(), "缺少张量"))?;
        check_shape(&published, &entry.shape, shape)?;
        Ok((published, entry))
    }
}

impl WeightSource for Published {
    fn read(&self, name: &str, shape: &[usize]) -> Result<RawWeight<'_>, EngineError> {
        let (published, entry) = self.entry(name, shape)?;
        let raw = RawWeight::Stored {
            dtype: entry.dtype(&published)?,
            shape: shape.to_vec(),
            bytes: Cow::Borrowed(entry.slice()?),
        };
        if self.architecture.norms_less_one() && name.ends_with("norm.weight") {
            return Ok(RawWeight::Dense {
                shape: shape.to_vec(),
                data: raw.into_f32()?.into_iter().map(|v| v + 1.0).collect(),
            });
        }
        Ok(raw)
    }

    fn table(&self, name: &str, shape: &[usize]) -> Result<Table, EngineError> {
        let (published, entry) = self.entry(name, shape)?;
        let path = &entry.file.0;
        let file = File::open(path).and_then(|file| mapped::map(&file));
        Ok(Table::Mapped {
            file: file.map_err(|e| EngineError::io(path, &e))?,
            range: entry.range.clone(),
            dtype: entry.dtype(&published)?,
            width: shape.last().copied().unwrap_or(0),
        })
    }
}

/// Widens little-endian f32, f16 or bf16 to f32.
pub(crate) fn to_f32(name: &str, dtype: Dtype, data: &[u8]) -> Result<Vec<f32>, EngineError> {
    let halves = || data.as_chunks::<2>().0.iter();
    Ok(match dtype {
        Dtype::F32 => data
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b))
            .collect(),
        Dtype::F16 => halves()
            .map(|b| half::f16::from_le_bytes(*b).to_f32())
            .collect(),
        Dtype::BF16 => halves()
            .map(|b| half::bf16::from_le_bytes(*b).to_f32())
            .collect(),
        other => {
            return Err(EngineError::unsupported(format!(
                "张量 {name} 的数据类型 {other:?}"
            )));
        }
    })
}

/// GGUF name to published name.
fn published_name(architecture: Architecture, name: &str) -> String {
    match name {
        "token_embd.weight" => return "model.embed_tokens.weight".to_owned(),
        "output_norm.weight" => return "model.norm.weight".to_owned(),
        "output.weight" => return "lm_head.weight".to_owned(),
        _ => {}
    }
    let mut parts = name.splitn(4, '.');
    let (Some("blk"), Some(layer), Some(part), Some(kind)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return name.to_owned();
    };
    let gemma = architecture == Architecture::Gemma3;
    let module = match part {
        "attn_norm" => "input_layernorm",
        "attn_q_norm" => "self_attn.q_norm",
        "attn_k_norm" => "self_attn.k_norm",
        "ffn_norm" if gemma => "pre_feedforward_layernorm",
        "ffn_norm" | "post_attention_norm" => "post_attention_layernorm",
        "post_ffw_norm" => "post_feedforward_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        other => other,
    };
    format!("model.layers.{layer}.{module}.{kind}")
}
