//! What reads bytes of strangers, as functions that must end without a panic on any input. The
//! targets of `/fuzz` call them, and a seeded test here does with damaged real input.

use crate::chat::{Chat, ChatMessage, ChatTemplate, Tool};
use crate::load::{gguf, safetensors};
use crate::output::constraint::Constraint;
use crate::output::grammar::{Grammar, GrammarFactory};
use crate::tokenizer::TextTokenizer;
use crate::tokenizer::encoder::EncoderTokenizer;
use std::sync::{Arc, OnceLock};

/// A text with what tokenizers treat apart.
const TEXT: &str = "Hello, 世界! <|im_start|>a<|im_end|> \u{301}\n  123 é🙂</s>";

/// A GGUF file's header with description and vocabulary.
pub fn gguf_header(data: &[u8]) {
    // As if the tensors' data followed.
    if let Ok(tokenizer) = gguf::parse(data, 1 << 40) {
        use_tokenizer(&tokenizer);
    }
    drop(gguf::parse(data, data.len() as u64));
}

/// A safetensors header and, behind the first NUL byte, a `config.json`.
pub fn safetensors_header(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let (header, config) = (parts.next(), parts.next());
    drop(safetensors::parse(
        header.unwrap_or_default(),
        config.unwrap_or_default(),
        1 << 40,
    ));
}

/// A `tokenizer.json`, of a decoder and of an encoder.
pub fn tokenizer_json(data: &[u8]) {
    if let Ok(tokenizer) = TextTokenizer::from_json(data, 1 << 10, &[0]) {
        use_tokenizer(&tokenizer);
    }
    if let Ok(tokenizer) = EncoderTokenizer::from_json(data, 1 << 10) {
        drop(tokenizer.text(TEXT));
        drop(tokenizer.pair(TEXT, TEXT));
    }
}

fn use_tokenizer(tokenizer: &TextTokenizer) {
    drop(tokenizer.encode(TEXT));
    drop(tokenizer.encode_data(TEXT));
    for id in [0, 1, 255, 256, u32::MAX] {
        drop(tokenizer.token_text(Some(id)));
    }
}

/// A chat template, compiled and rendered with tools.
pub fn chat_template(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let Ok(template) = ChatTemplate::new(Some(&source), "<s>", "</s>") else {
        return;
    };
    let chat = Chat {
        messages: vec![
            ChatMessage::new("system", "be brief"),
            ChatMessage::new("user", TEXT),
            ChatMessage::new("assistant", "yes"),
            ChatMessage::new("user", "and now?"),
        ],
        tools: vec![Tool {
            name: "f".to_owned(),
            parameters: r#"{"type":"object"}"#.to_owned(),
            ..Tool::default()
        }],
        ..Chat::default()
    };
    drop(template.prompt(&chat, &["<|im_start|>".to_owned()]));
}

/// A constraint: the first byte chooses the kind, the rest is its text.
pub fn grammar(data: &[u8]) {
    static FACTORY: OnceLock<Option<GrammarFactory>> = OnceLock::new();
    const TOKENIZER: &[u8] = include_bytes!("../tests/goldens/qwen3/tokenizer.json");
    let factory = FACTORY.get_or_init(|| {
        let tokenizer = TextTokenizer::from_json(TOKENIZER, 264, &[259]).ok()?;
        Some(GrammarFactory::new(Arc::new(tokenizer), 264))
    });
    let Some((factory, (kind, rest))) = factory.as_ref().zip(data.split_first()) else {
        return;
    };
    let text = String::from_utf8_lossy(rest).into_owned();
    let constraint = match kind % 4 {
        0 => Constraint::JsonSchema(text),
        1 => Constraint::Regex(text),
        2 => Constraint::Lark(text),
        _ => Constraint::Choices(text.split('\n').map(str::to_owned).collect()),
    };
    let Ok(mut grammar) = Grammar::new(factory, &constraint) else {
        return;
    };
    for _ in 0..8 {
        let Ok(mask) = grammar.mask() else { return };
        let words = mask.words.iter().zip(0u32..);
        let first = words.filter(|(word, _)| **word != 0).map(|(word, at)| {
            let bit = word.trailing_zeros();
            64 * at + bit
        });
        let Some(token) = { first }.next() else {
            return;
        };
        if grammar.is_complete() || grammar.accept(token).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
