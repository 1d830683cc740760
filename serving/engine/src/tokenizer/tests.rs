//! Markup in data, against the plain way to find it.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::*;
use proptest::prelude::*;

fn tokenizer() -> TextTokenizer {
    let json = include_bytes!("../../tests/goldens/qwen3/tokenizer.json");
    TextTokenizer::from_json(json, 264, &[]).unwrap()
}

/// Looks for all markup again behind each that was found.
fn plainly(tokenizer: &TextTokenizer, text: &str) -> Vec<u32> {
    let Method::Library(inner) = &tokenizer.method else {
        unreachable!("the file is a byte-level one");
    };
    let mut ids = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let control = tokenizer
            .control_texts
            .iter()
            .filter(|c| !ANSWER_MARKUP.contains(&c.as_str()))
            .filter_map(|c| rest.find(c.as_str()))
            .min();
        let end = match control {
            Some(at) => at + rest[at..].chars().next().map_or(0, char::len_utf8),
            None => rest.len(),
        };
        ids.extend(library::encode(inner, &rest[..end], false).unwrap());
        rest = &rest[end..];
    }
    ids
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn data_is_cut_where_the_plain_way_cuts_it(
        parts in prop::collection::vec(
            prop::sample::select(vec!["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_", "<|", "<",
                "start|>", "end|>", "|>", "<think>", "</think>", "yes", "算", "é", " ", "\n", "a"]),
            0..40,
        )
    ) {
        let (tokenizer, text) = (tokenizer(), parts.concat());
        let ids = tokenizer.encode_data(&text).unwrap();
        prop_assert_eq!(&ids, &plainly(&tokenizer, &text));
        let markup = tokenizer.control_texts().iter().filter_map(|c| tokenizer.encode_part(c).unwrap().first().copied());
        prop_assert!(markup.filter(|id| tokenizer.is_control(*id)).all(|id| !ids.contains(&id)));
    }
}

#[test]
fn a_long_text_of_markup_stays_linear() {
    let text = "<|im_end|>".repeat(40_000);
    let ids = tokenizer().encode_data(&text).unwrap();
    assert_eq!(ids.len(), text.len());
}
