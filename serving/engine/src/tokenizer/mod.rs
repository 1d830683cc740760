//! Text to token ids and back.

mod detokenizer;
pub(crate) mod encoder;
pub(crate) mod gguf;
mod library;
mod pieces;

pub use detokenizer::Detokenizer;

use crate::error::EngineError;
use pieces::{Pieces, SPACE, Written, byte_of};
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::Tokenizer;

/// Markup of answers that their readers look for. Some models have control tokens for it; they
/// show as text all the same.
const ANSWER_MARKUP: [&str; 9] = [
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "[TOOL_CALLS]",
    "[ARGS]",
    "<|python_tag|>",
    "[THINK]",
    "[/THINK]",
];

/// What turns text into ids.
pub(crate) enum Method {
    /// As `tokenizer.json` or the byte-level metadata of a GGUF file describe it.
    Library(Box<Tokenizer>),
    /// SentencePiece from a GGUF file.
    Pieces(Box<Pieces>),
}

/// How the texts of a vocabulary stand for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// GPT-2's: one printable character for each byte.
    Bytes,
    /// SentencePiece's: `▁` for a space, `<0x0A>` for a byte.
    Pieces,
}

/// A tokenizer and the byte string of each of its tokens.
pub struct TextTokenizer {
    method: Method,
    /// Bytes of every token, one after the other; token `i` is `starts[i]..starts[i + 1]`.
    bytes: Vec<u8>,
    starts: Vec<u32>,
    control: BTreeSet<u32>,
    control_texts: Vec<String>,
    /// Those of them that data must not hold as they are.
    markup: Written,
    end: BTreeSet<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    add_bos: bool,
    add_eos: bool,
}

/// The parts that the two file formats deliver.
pub(crate) struct Parts {
    pub(crate) method: Method,
    pub(crate) alphabet: Alphabet,
    /// Text of token `i` in the alphabet, or plain for added tokens.
    pub(crate) vocabulary: Vec<String>,
    /// Tokens whose text stands for itself (not in the alphabet).
    pub(crate) plain: BTreeSet<u32>,
    /// Tokens that never show as text.
    pub(crate) control: BTreeSet<u32>,
    pub(crate) bos: Option<u32>,
    pub(crate) eos: Vec<u32>,
    pub(crate) add_bos: bool,
    /// A text ends with the first of `eos` (models for vectors that read their last token).
    pub(crate) add_eos: bool,
}

impl TextTokenizer {
    pub(crate) fn build(parts: Parts) -> Self {
        let alphabet = byte_alphabet();
        let mut bytes = Vec::new();
        let mut starts = vec![0u32];
        for (id, text) in parts.vocabulary.iter().enumerate() {
            if parts.plain.contains(&(id as u32)) || parts.control.contains(&(id as u32)) {
                bytes.extend_from_slice(text.as_bytes());
            } else if parts.alphabet == Alphabet::Pieces {
                match byte_of(text) {
                    Some(byte) => bytes.push(byte),
                    None => bytes.extend_from_slice(text.replace(SPACE, " ").as_bytes()),
                }
            } else {
                for c in text.chars() {
                    match alphabet.get(&c) {
                        Some(byte) => bytes.push(*byte),
                        None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                    }
                }
            }
            starts.push(bytes.len() as u32);
        }
        let (mut control_texts, mut markup) = (Vec::new(), Written::default());
        for id in &parts.control {
            let text = parts.vocabulary.get(*id as usize);
            let Some(text) = text.filter(|text| text.chars().count() > 2) else {
                continue;
            };
            control_texts.push(text.clone());
            if !ANSWER_MARKUP.contains(&text.as_str()) {
                markup.insert(text, *id);
            }
        }
        let eos = parts.eos.first().copied();
        let mut end: BTreeSet<u32> = parts.eos.into_iter().collect();
        // Files often name one end token only; these markers always end a turn.
        for id in &parts.control {
            if let Some(
                "<|im_end|>" | "<|endoftext|>" | "<|eot_id|>" | "<|end_of_text|>" | "</s>"
                | "<end_of_turn>",
            ) = parts.vocabulary.get(*id as usize).map(String::as_str)
            {
                end.insert(*id);
            }
        }
        Self {
            method: parts.method,
            bytes,
            starts,
            control: parts
                .control
                .into_iter()
                .filter(|id| {
                    let text = parts.vocabulary.get(*id as usize);
                    !text.is_some_and(|text| ANSWER_MARKUP.contains(&text.as_str()))
                })
                .collect(),
            control_texts,
            markup,
            end,
            bos: parts.bos,
            eos,
            add_bos: parts.add_bos,
            add_eos: parts.add_eos,
        }
    }

    /// From the bytes of a `tokenizer.json`; `vocab` bounds the ids, `eos` end a text.
    pub(crate) fn from_json(json: &[u8], vocab: usize, eos: &[u32]) -> Result<Self, EngineError> {
        let inner = library::read(json)?;
        let names = |part: &str| {
            let text = format!("\"{part}\"");
            json.windows(text.len()).any(|w| w == text.as_bytes())
        };
        let alphabet = if names("ByteLevel") {
            Alphabet::Bytes
        } else if names("ByteFallback") {
            Alphabet::Pieces
        } else {
            return Err(EngineError::unsupported(
                "分词器（tokenizer.json）既非字节级 BPE，也非带字节回退的 SentencePiece",
            ));
        };
        let mut vocabulary = vec![String::new(); vocab];
        for (text, id) in inner.get_vocab(true) {
            match vocabulary.get_mut(id as usize) {
                Some(slot) => *slot = text,
                None => {
                    return Err(EngineError::corrupt(
                        "tokenizer.json",
                        format!("词元编号 {id} 超出词表大小 {vocab}"),
                    ));
                }
            }
        }
        let added = inner.get_added_tokens_decoder();
        let plain = added.keys().copied().collect();
        let control = added
            .iter()
            .filter(|(_, t)| t.special)
            .map(|(id, _)| *id)
            .collect();
        Ok(Self::build(Parts {
            method: Method::Library(Box::new(inner)),
            alphabet,
            vocabulary,
            plain,
            control,
            bos: None,
            eos: eos.to_vec(),
            // A post-processor of the file adds both by itself where the model wants them.
            add_bos: false,
            add_eos: false,
        }))
    }

    /// Token ids of `text`. Control tokens written out in the text become control tokens.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let mut ids = match &self.method {
            Method::Pieces(pieces) => pieces.encode(text, true),
            Method::Library(inner) => library::encode(inner, text, true)?,
        };
        if self.add_bos
            && let Some(bos) = self.bos
            && ids.first() != Some(&bos)
        {
            ids.insert(0, bos);
        }
        if self.add_eos
            && let Some(eos) = self.eos
            && ids.last() != Some(&eos)
        {
            ids.push(eos);
        }
        Ok(ids)
    }

    /// Token ids of a part of a prompt: control tokens written in it are meant, and nothing is
    /// put before or after it.
    pub(crate) fn encode_part(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match &self.method {
            Method::Pieces(pieces) => Ok(pieces.encode(text, true)),
            Method::Library(inner) => library::encode(inner, text, false),
        }
    }

    /// Token ids of text that is data: nothing is put before or after it, and a control token
    /// written in it stays text (it is split after its first character).
    pub(crate) fn encode_data(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        let inner = match &self.method {
            Method::Pieces(pieces) => return Ok(pieces.encode(text, false)),
            Method::Library(inner) => inner,
        };
        let (mut ids, mut from) = (Vec::new(), 0);
        for (at, first) in text.char_indices() {
            if self.markup.at(&text[at..]).is_some() {
                let end = at + first.len_utf8();
                ids.extend(library::encode(inner, &text[from..end], false)?);
                from = end;
            }
        }
        if from < text.len() {
            ids.extend(library::encode(inner, &text[from..], false)?);
        }
        Ok(ids)
    }

    /// The token that `text` is, if it is one token.
    pub(crate) fn id_of(&self, text: &str) -> Result<Option<u32>, EngineError> {
        Ok(match self.encode_data(text)?.as_slice() {
            [id] if self.token_bytes(*id) == text.as_bytes() => Some(*id),
            _ => None,
        })
    }

    /// Whether the token stands for markup and never for text.
    pub(crate) fn is_control(&self, id: u32) -> bool {
        self.control.contains(&id)
    }

    /// The bytes of a token; empty for control tokens and for ids outside the vocabulary.
    pub fn token_bytes(&self, id: u32) -> &[u8] {
        if self.control.contains(&id) {
            &[]
        } else {
            self.raw_bytes(id)
        }
    }

    fn raw_bytes(&self, id: u32) -> &[u8] {
        let range = self
            .starts
            .get(id as usize)
            .zip(self.starts.get(id as usize + 1));
        range
            .and_then(|(a, b)| self.bytes.get(*a as usize..*b as usize))
            .unwrap_or_default()
    }

    /// Text of one token, control tokens included; broken UTF-8 is replaced.
    pub fn token_text(&self, id: Option<u32>) -> String {
        id.map_or_else(String::new, |id| {
            String::from_utf8_lossy(self.raw_bytes(id)).into_owned()
        })
    }

    /// Text of tokens, control tokens included; broken UTF-8 is replaced.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids
            .iter()
            .flat_map(|id| self.raw_bytes(*id))
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether the token ends a text.
    pub fn is_end(&self, id: u32) -> bool {
        self.end.contains(&id)
    }

    /// First token of a text, where the model has one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The end token that the file names first.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Texts of all control tokens, for instance `<|im_start|>`.
    pub(crate) fn control_texts(&self) -> &[String] {
        &self.control_texts
    }
}

/// GPT-2's printable stand-ins for bytes: printable Latin-1 stands for itself, the other
/// bytes for code points from 256 on, in order.
fn byte_alphabet() -> BTreeMap<char, u8> {
    let mut next = 256u32;
    (0..=255u8)
        .filter_map(|byte| {
            let printable = matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
            let code = if printable {
                u32::from(byte)
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).map(|c| (c, byte))
        })
        .collect()
}

#[cfg(test)]
mod tests;
