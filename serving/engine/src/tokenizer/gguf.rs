//! Tokenizer from GGUF metadata: byte-level BPE or SentencePiece.

use super::pieces::Pieces;
use super::{Alphabet, Method, Parts, TextTokenizer, library};
use crate::error::EngineError;
use crate::load::gguf::Metadata;
use crate::load::gguf_header::Value;
use std::collections::BTreeSet;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{AddedToken, Tokenizer};

/// Word borders of Qwen2 and Llama 3: contractions, letters with one leading mark, digits
/// (`{digits}` in a row), punctuation with line ends, spaces.
fn word_pattern(digits: &str) -> String {
    format!(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
}

/// Token types of the format: normal tokens are 1, unused 5, bytes 6.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

pub(crate) fn from_gguf(meta: &Metadata<'_>) -> Result<TextTokenizer, EngineError> {
    let tokens = texts(meta, "tokenizer.ggml.tokens")?;
    match meta.text("tokenizer.ggml.model").unwrap_or_default() {
        "gpt2" => byte_level(meta, tokens),
        "llama" => sentence_piece(meta, tokens),
        other => Err(EngineError::unsupported(format!(
            "分词器“{other}”（支持 gpt2，即字节级 BPE，与 llama，即 SentencePiece）"
        ))),
    }
}

/// What both kinds read in the same way.
fn parts(
    meta: &Metadata<'_>,
    method: Method,
    alphabet: Alphabet,
    tokens: Vec<&str>,
    (control, plain): (IdSet, IdSet),
) -> Parts {
    let id = |key: &str| meta.int(key).and_then(|v| u32::try_from(v).ok());
    let eos = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"];
    // Only byte-level files leave it out when they mean no.
    let add_bos = match meta.int("tokenizer.ggml.add_bos_token") {
        Some(flag) => flag == 1,
        None => alphabet == Alphabet::Pieces,
    };
    Parts {
        method,
        alphabet,
        vocabulary: tokens.into_iter().map(str::to_owned).collect(),
        plain,
        control,
        bos: id("tokenizer.ggml.bos_token_id"),
        eos: eos.iter().filter_map(|key| id(key)).collect(),
        add_bos,
        add_eos: meta.int("tokenizer.ggml.add_eos_token") == Some(1),
    }
}

fn sentence_piece(meta: &Metadata<'_>, tokens: Vec<&str>) -> Result<TextTokenizer, EngineError> {
    let key = "tokenizer.ggml.scores";
    let scores = meta
        .list(key)
        .filter(|scores| scores.len() == tokens.len())
        .ok_or_else(|| EngineError::corrupt(key, "缺少，或与词表长度不同"))?;
    let scores = scores.iter().map(|score| match score {
        Value::Float(score) => Ok(*score as f32),
        other => Err(EngineError::corrupt(key, format!("含有非数值项 {other:?}"))),
    });
    let scores = scores.collect::<Result<Vec<f32>, _>>()?;
    let mut kinds = kinds(meta);
    kinds.resize(tokens.len(), 1);
    let of_kind = |kind: i64| {
        let ids = (0u32..).zip(&kinds).filter(|(_, k)| **k == kind);
        ids.map(|(id, _)| id).collect::<IdSet>()
    };
    let sets = (of_kind(CONTROL), of_kind(USER_DEFINED));
    let unknown = meta.int("tokenizer.ggml.unknown_token_id");
    let unknown = unknown.and_then(|v| u32::try_from(v).ok());
    let space_first = meta.int("tokenizer.ggml.add_space_prefix") != Some(0);
    let pieces = Pieces::new(&tokens, scores, &kinds, unknown, space_first);
    let method = Method::Pieces(Box::new(pieces));
    let parts = parts(meta, method, Alphabet::Pieces, tokens, sets);
    Ok(TextTokenizer::build(parts))
}

/// Types of the tokens; normal where the file does not say.
fn kinds(meta: &Metadata<'_>) -> Vec<i64> {
    let list = meta.list("tokenizer.ggml.token_type").unwrap_or_default();
    list.iter()
        .map(|kind| match kind {
            Value::Int(kind) => *kind,
            _ => 1,
        })
        .collect()
}

fn byte_level(meta: &Metadata<'_>, tokens: Vec<&str>) -> Result<TextTokenizer, EngineError> {
    let vocabulary: Vocab = tokens
        .iter()
        .enumerate()
        .map(|(id, text)| ((*text).to_owned(), id as u32))
        .collect();
    let mut merges = Vec::new();
    for merge in texts(meta, "tokenizer.ggml.merges")? {
        let (left, right) = merge.split_once(' ').ok_or_else(|| {
            EngineError::corrupt(
                "tokenizer.ggml.merges",
                format!("“{merge}”不是由空格分开的两部分"),
            )
        })?;
        merges.push((left.to_owned(), right.to_owned()));
    }
    let pre = meta.text("tokenizer.ggml.pre").unwrap_or("default");
    let whole_words = matches!(pre, "llama-bpe" | "llama3");
    let key = "tokenizer.ggml.merges";
    let bpe = library::guarded(key, || {
        BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .ignore_merges(whole_words)
            .build()
            .map_err(|e| EngineError::corrupt(key, e.to_string()))
    })?;
    let mut inner = Tokenizer::new(bpe);
    pipeline(&mut inner, pre)?;
    let sets = added_tokens(meta, &tokens, &mut inner)?;
    let method = Method::Library(Box::new(inner));
    let parts = parts(meta, method, Alphabet::Bytes, tokens, sets);
    Ok(TextTokenizer::build(parts))
}

fn texts<'a>(meta: &'a Metadata<'_>, key: &str) -> Result<Vec<&'a str>, EngineError> {
    let items = meta
        .list(key)
        .ok_or_else(|| EngineError::corrupt(key, "缺少，或不是数组"))?;
    items
        .iter()
        .map(|item| match item {
            Value::Text(text) => Ok(text.as_str()),
            other => Err(EngineError::corrupt(key, format!("含有非文本项 {other:?}"))),
        })
        .collect()
}

fn pipeline(inner: &mut Tokenizer, pre: &str) -> Result<(), EngineError> {
    let split = |pattern: String| {
        Split::new(
            SplitPattern::Regex(pattern),
            SplitDelimiterBehavior::Isolated,
            false,
        )
        .map_err(|e| EngineError::Internal {
            detail: e.to_string(),
        })
    };
    let bytes = |words: bool| PreTokenizerWrapper::from(ByteLevel::new(false, true, words));
    let steps: Vec<PreTokenizerWrapper> = match pre {
        "smollm" => vec![Digits::new(true).into(), bytes(true)],
        "gpt-2" | "gpt2" | "default" => vec![bytes(true)],
        "qwen2" => {
            // The published tokenizer composes characters first.
            inner
                .with_normalizer(Some(NFC))
                .map_err(|e| EngineError::Internal {
                    detail: e.to_string(),
                })?;
            vec![split(word_pattern(""))?.into(), bytes(false)]
        }
        "llama-bpe" | "llama3" => vec![split(word_pattern("{1,3}"))?.into(), bytes(false)],
        other => {
            return Err(EngineError::unsupported(format!(
                "预分词规则“{other}”（支持 smollm、gpt-2、qwen2、llama-bpe）"
            )));
        }
    };
    inner.with_pre_tokenizer(Some(Sequence::new(steps)));
    Ok(())
}

type IdSet = BTreeSet<u32>;

/// Registers control and user-defined tokens so that they are found before word splitting.
fn added_tokens(
    meta: &Metadata<'_>,
    tokens: &[&str],
    inner: &mut Tokenizer,
) -> Result<(IdSet, IdSet), EngineError> {
    let (mut control, mut plain) = (IdSet::new(), IdSet::new());
    let mut added = Vec::new();
    for (id, kind) in kinds(meta).into_iter().enumerate() {
        let Some(text) = tokens.get(id).filter(|t| !t.is_empty()) else {
            continue;
        };
        match kind {
            CONTROL => {
                control.insert(id as u32);
                added.push(AddedToken::from(*text, true));
            }
            USER_DEFINED => {
                plain.insert(id as u32);
                added.push(AddedToken::from(*text, false).normalized(false));
            }
            _ => {}
        }
    }
    inner
        .add_tokens(added)
        .map_err(|e| EngineError::corrupt("tokenizer.ggml.token_type", e.to_string()))?;
    Ok((control, plain))
}
