//! Chinese terms for BM25: single characters and pairs of neighbours; words elsewhere.
//!
//! On Chinese policy text this beats dictionary segmentation, and it needs no dictionary.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::fold::is_han;

/// Characters too common to say anything alone; they still count in pairs.
const FUNCTION_CHARS: &str = "的了和是在有与及或者为对于将被由从到也都就而且其之等个们吗呢吧啊这那";

/// One term with its byte range in the folded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term<'a> {
    pub(crate) text: &'a str,
    pub(crate) start: usize,
}

/// The terms of a folded text, in order.
pub(crate) fn terms(folded: &str) -> Vec<Term<'_>> {
    let mut found = Vec::new();
    let mut chars = folded.char_indices().peekable();
    while let Some((start, char)) = chars.next() {
        let end = start + char.len_utf8();
        if is_han(char) {
            if !FUNCTION_CHARS.contains(char) {
                push(&mut found, folded, start, end);
            }
            if let Some(&(next, after)) = chars.peek()
                && is_han(after)
            {
                push(&mut found, folded, start, next + after.len_utf8());
            }
        } else if char.is_alphanumeric() {
            let mut end = end;
            while let Some(&(next, after)) = chars.peek()
                && after.is_alphanumeric()
                && !is_han(after)
            {
                end = next + after.len_utf8();
                chars.next();
            }
            push(&mut found, folded, start, end);
        }
    }
    found
}

fn push<'a>(found: &mut Vec<Term<'a>>, folded: &'a str, start: usize, end: usize) {
    if let Some(text) = folded.get(start..end) {
        found.push(Term { text, start });
    }
}

/// [`terms`] as a tantivy tokenizer, for text that is folded already.
#[derive(Clone, Default)]
pub(crate) struct HanTokenizer;

pub(crate) struct HanStream<'a> {
    terms: std::vec::IntoIter<Term<'a>>,
    token: Token,
}

impl Tokenizer for HanTokenizer {
    type TokenStream<'a> = HanStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> HanStream<'a> {
        HanStream {
            terms: terms(text).into_iter(),
            token: Token::default(),
        }
    }
}

impl TokenStream for HanStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(term) = self.terms.next() else {
            return false;
        };
        self.token.position = self.token.position.wrapping_add(1);
        self.token.offset_from = term.start;
        self.token.offset_to = term.start + term.text.len();
        self.token.text.clear();
        self.token.text.push_str(term.text);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn characters_pairs_and_words() {
        let found: Vec<_> = terms("gpu卡的价12元").iter().map(|t| t.text).collect();
        assert_eq!(found, ["gpu", "卡", "卡的", "的价", "价", "12", "元"]);
    }
}
