//! Texts and pairs of texts to the tokens of an encoder.

use super::library;
use crate::error::EngineError;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokenizers::models::unigram::Unigram;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{EncodeInput, Tokenizer};

/// Tokens of a text or of a pair, control tokens included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tokens {
    pub(crate) ids: Vec<u32>,
    /// 0 for the first text, 1 for the second, where the tokenizer tells them apart.
    pub(crate) types: Vec<u32>,
}

/// An encoder's tokenizer. Control tokens come from it alone: written out in a text they are
/// text, so that no document can end itself and pose as another.
pub(crate) struct EncoderTokenizer {
    inner: Tokenizer,
    control: BTreeSet<u32>,
    unknown: Option<u32>,
    /// Characters to replace before anything else.
    characters: BTreeMap<char, String>,
}

/// The parts of a SentencePiece unigram tokenizer.
pub(crate) struct Pieces {
    /// Text and logarithmic probability; the place is the id.
    pub(crate) scored: Vec<(String, f64)>,
    pub(crate) begin: u32,
    pub(crate) end: u32,
    pub(crate) unknown: u32,
    /// Tokens that no text may contain, those above among them.
    pub(crate) control: BTreeSet<u32>,
    /// Characters to replace before anything else.
    pub(crate) characters: BTreeMap<char, String>,
}

impl EncoderTokenizer {
    /// From the bytes of a `tokenizer.json`; `vocab` bounds the ids.
    pub(crate) fn from_json(json: &[u8], vocab: usize) -> Result<Self, EngineError> {
        let inner = library::read(json)?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        if largest as usize >= vocab {
            return Err(corrupt(&format!("词元编号 {largest} 超出词表大小 {vocab}")));
        }
        let added = inner.get_added_tokens_decoder();
        let special = added.iter().filter(|(_, token)| token.special);
        let control = special.map(|(id, _)| *id).collect();
        let unknown = ["[UNK]", "<unk>"]
            .into_iter()
            .find_map(|text| inner.token_to_id(text));
        Self::build(inner, control, unknown, BTreeMap::new())
    }

    /// From BERT's `vocab.txt`: one piece for each line, in the order of the ids.
    pub(crate) fn from_vocab(
        text: &str,
        config: &Value,
        vocab: usize,
    ) -> Result<Self, EngineError> {
        let flag = |key: &str| config.get(key).and_then(Value::as_bool).unwrap_or(true);
        let ids: BTreeMap<&str, usize> = text.lines().zip(0..).collect();
        let special = |name: &str| {
            let id = ids.get(name).copied();
            id.ok_or_else(|| EngineError::corrupt("vocab.txt", format!("缺少 {name}")))
        };
        let (cls, sep) = (special("[CLS]")?, special("[SEP]")?);
        let mut added = Vec::new();
        for name in ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] {
            if let Some(id) = ids.get(name) {
                added.push(json!({"id": id, "content": name, "single_word": false,
                    "lstrip": false, "rstrip": false, "normalized": false, "special": true}));
            }
        }
        let token = |name: &str, kind: u32| json!({"SpecialToken": {"id": name, "type_id": kind}});
        let part = |name: &str, kind: u32| json!({"Sequence": {"id": name, "type_id": kind}});
        let known = |name: &str, id: usize| json!({"id": name, "ids": [id], "tokens": [name]});
        let json = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "strip_accents": null,
                "handle_chinese_chars": flag("tokenize_chinese_chars"),
                "lowercase": flag("do_lower_case")},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "TemplateProcessing",
                "single": [token("[CLS]", 0), part("A", 0), token("[SEP]", 0)],
                "pair": [token("[CLS]", 0), part("A", 0), token("[SEP]", 0), part("B", 1),
                    token("[SEP]", 1)],
                "special_tokens": {"[CLS]": known("[CLS]", cls), "[SEP]": known("[SEP]", sep)}},
            "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "vocab": ids,
                "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
        });
        Self::from_json(json.to_string().as_bytes(), vocab)
    }

    /// XLM-RoBERTa's tokenizer from its parts: `<s> a </s>`, and `<s> a </s></s> b </s>`.
    pub(crate) fn from_pieces(parts: Pieces) -> Result<Self, EngineError> {
        let Pieces {
            scored: mut pieces,
            control,
            unknown,
            ..
        } = parts;
        let count = pieces.len();
        for id in control.iter().chain([&parts.begin, &parts.end, &unknown]) {
            // A text of this kind is cleaned away before pieces are looked for.
            match pieces.get_mut(*id as usize) {
                Some((text, _)) => *text = format!("\0{id}"),
                None => return Err(corrupt(&format!("控制词元 {id} 超出词表大小 {count}"))),
            }
        }
        let special = vec![("<s>", parts.begin), ("</s>", parts.end)];
        let model = Unigram::from(pieces, Some(unknown as usize), false)
            .map_err(|e| corrupt(&e.to_string()))?;
        let mut template = TemplateProcessing::builder();
        template
            .try_single("<s> $A </s>")
            .and_then(|t| t.try_pair("<s> $A </s> </s> $B </s>"))
            .map_err(|e| corrupt(&e))?;
        let template = template
            .special_tokens(special)
            .build()
            .map_err(|e| corrupt(&e.to_string()))?;
        let mut inner = Tokenizer::new(model);
        inner.with_pre_tokenizer(Some(Metaspace::new(
            '\u{2581}',
            PrependScheme::Always,
            true,
        )));
        inner.with_post_processor(Some(template));
        inner.with_decoder(Some(Metaspace::new(
            '\u{2581}',
            PrependScheme::Always,
            true,
        )));
        Self::build(inner, control, Some(unknown), parts.characters)
    }

    /// Lengths are the engine's decision, so cutting and padding are switched off.
    fn build(
        mut inner: Tokenizer,
        control: BTreeSet<u32>,
        unknown: Option<u32>,
        characters: BTreeMap<char, String>,
    ) -> Result<Self, EngineError> {
        inner
            .with_padding(None)
            .with_truncation(None)
            .map_err(|e| corrupt(&e.to_string()))?
            .set_encode_special_tokens(true);
        Ok(Self {
            inner,
            control,
            unknown,
            characters,
        })
    }

    /// Tokens of one text.
    pub(crate) fn text(&self, text: &str) -> Result<Tokens, EngineError> {
        self.encode(self.clean(text).into())
    }

    /// Tokens of a query and a document.
    pub(crate) fn pair(&self, query: &str, document: &str) -> Result<Tokens, EngineError> {
        self.encode((self.clean(query), self.clean(document)).into())
    }

    /// Text of tokens, as far as it can be told from them; control tokens are left out.
    pub(crate) fn decode(&self, ids: &[u32]) -> Result<String, EngineError> {
        let said = ids.iter().filter(|id| !self.control.contains(id));
        let said: Vec<u32> = said.copied().collect();
        self.inner
            .decode(&said, false)
            .map_err(|e| EngineError::invalid("tokens", e.to_string()))
    }

    fn encode(&self, input: EncodeInput<'_>) -> Result<Tokens, EngineError> {
        let encoding = library::encoding(&self.inner, "input", input, true)?;
        let marks = encoding.get_special_tokens_mask();
        let mut tokens = Tokens::default();
        for ((id, kind), mark) in encoding
            .get_ids()
            .iter()
            .zip(encoding.get_type_ids())
            .zip(marks)
        {
            let posing = *mark == 0 && self.control.contains(id);
            if let Some(id) = if posing { self.unknown } else { Some(*id) } {
                tokens.ids.push(id);
                tokens.types.push(*kind);
            }
        }
        Ok(tokens)
    }

    fn clean(&self, text: &str) -> String {
        if self.characters.is_empty() {
            return text.to_owned();
        }
        let mut out = String::with_capacity(text.len() + 8);
        for c in text.chars() {
            match self.characters.get(&c) {
                Some(other) => out.push_str(other),
                None => out.push(c),
            }
        }
        // SentencePiece reads several spaces as one.
        let mut spaced = String::with_capacity(out.len());
        for c in out.chars() {
            if c != ' ' || !spaced.ends_with(' ') {
                spaced.push(c);
            }
        }
        spaced
    }
}

fn corrupt(detail: &str) -> EngineError {
    EngineError::corrupt("tokenizer", detail)
}
