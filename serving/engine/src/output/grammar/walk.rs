//! Walks through grammars with real vocabularies, for the tests.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and skip loudly"
)]

use super::*;
use crate::output::sample::uniform;
use crate::tokenizer::{Detokenizer, TextTokenizer};
use std::path::PathBuf;
use std::sync::OnceLock;

const SMOLLM2: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
const QWEN: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";

pub(super) struct Model {
    pub(super) tokenizer: Arc<TextTokenizer>,
    pub(super) factory: GrammarFactory,
}

/// The vocabularies that are on this machine; loading them once is enough.
pub(super) fn models() -> &'static [Model] {
    static MODELS: OnceLock<Vec<Model>> = OnceLock::new();
    MODELS.get_or_init(|| [SMOLLM2, QWEN].into_iter().filter_map(model).collect())
}

fn model(sha256: &str) -> Option<Model> {
    let cache = std::env::var_os("ZHISUAN_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/zhisuan"),
        PathBuf::from,
    );
    let path = cache.join("models/sha256").join(sha256);
    if !path.exists() {
        assert!(
            std::env::var("ZHISUAN_TEST_REQUIRE").as_deref() != Ok("1"),
            "model {sha256} is required and absent"
        );
        eprintln!("SKIPPED: model {sha256} is absent; run 'cargo xtask test' to provide it");
        return None;
    }
    let source = crate::load::open(&path).unwrap();
    let tokenizer = Arc::new(source.tokenizer);
    let factory = GrammarFactory::new(Arc::clone(&tokenizer), source.info.vocab_size);
    Some(Model { tokenizer, factory })
}

pub(super) fn allowed(mask: &TokenMask) -> Vec<u32> {
    let bits = |(at, word): (usize, &u64)| {
        let word = *word;
        (0..64u32)
            .filter(move |bit| word >> bit & 1 == 1)
            .map(move |bit| at as u32 * 64 + bit)
    };
    mask.words.iter().enumerate().flat_map(bits).collect()
}

/// Walks at random, with a liking for what ends things; `jump` takes forced tokens without
/// asking for masks. Returns the text and whether it was ended by an end token.
pub(super) fn walk(
    model: &Model,
    constraint: &Constraint,
    seed: u64,
    jump: bool,
) -> (String, bool) {
    let mut grammar = Grammar::new(&model.factory, constraint).unwrap();
    let mut text = Detokenizer::default();
    let mut shown = String::new();
    let mut written = 0;
    while written < 300 {
        if jump {
            for token in grammar.forced() {
                grammar.accept(token).unwrap();
                shown += &text.push(model.tokenizer.token_bytes(token));
                written += 1;
            }
        }
        if grammar.is_complete() {
            return (shown, true);
        }
        let mask = grammar.mask().unwrap();
        let choices = allowed(&mask);
        assert_eq!(choices.len(), mask.allowed);
        assert!(!choices.is_empty());
        let draw = |salt: u64, among: usize| {
            (uniform(seed * 31 + salt, shown.len() as u64) * among as f64) as usize
        };
        let ends = |id: &&u32| model.tokenizer.is_end(**id);
        let closes = |id: &&u32| {
            let bytes = model.tokenizer.token_bytes(**id);
            matches!(
                bytes,
                b"\"" | b"}" | b"]" | b"\"}" | b"\"," | b"]}" | b"," | b"</"
            )
        };
        let closing: Vec<u32> = choices.iter().filter(closes).copied().collect();
        let token = match choices.iter().find(ends) {
            Some(end) if draw(1, 2) == 0 => *end,
            _ if !closing.is_empty() && draw(2, 3) > 0 => closing[draw(3, closing.len())],
            _ => choices[draw(4, choices.len())],
        };
        assert_eq!(grammar.may_end(), choices.iter().any(|id| ends(&id)));
        grammar.accept(token).unwrap();
        if model.tokenizer.is_end(token) {
            return (shown, true);
        }
        shown += &text.push(model.tokenizer.token_bytes(token));
        written += 1;
    }
    (shown, false)
}

/// Whether the grammar lets exactly this text be written, and then may end.
pub(super) fn accepts(model: &Model, constraint: &Constraint, text: &str) -> bool {
    let mut grammar = Grammar::new(&model.factory, constraint).unwrap();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        if grammar.is_complete() {
            return false;
        }
        let mask = grammar.mask().unwrap();
        let fits = |id: &u32| {
            let bytes = model.tokenizer.token_bytes(*id);
            !bytes.is_empty() && rest.starts_with(bytes)
        };
        let length = |id: &u32| model.tokenizer.token_bytes(*id).len();
        let Some(token) = allowed(&mask).into_iter().filter(fits).max_by_key(length) else {
            return false;
        };
        grammar.accept(token).unwrap();
        rest = &rest[length(&token)..];
    }
    grammar.may_end()
}
