//! Chinese terms for BM25: single characters and pairs of neighbours; words elsewhere.
//!
//! On Chinese policy text this beats dictionary segmentation, and it needs no dictionary.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

use super::is_han;

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
    let mut at = 0;
    while let Some((pair, next)) = next_terms(folded, at) {
        found.extend(pair.into_iter().flatten());
        at = next;
    }
    found
}

/// The terms that begin at the first character at or after `at` that begins one, and where to go
/// on: one or two terms for an ideograph, one for a word.
fn next_terms(folded: &str, at: usize) -> Option<([Option<Term<'_>>; 2], usize)> {
    let mut chars = folded
        .get(at..)?
        .char_indices()
        .map(|(offset, char)| (at + offset, char));
    let (start, char) = chars.find(|(_, char)| char.is_alphanumeric())?;
    let end = start + char.len_utf8();
    if !is_han(char) {
        let word_end = chars
            .find(|(_, char)| !char.is_alphanumeric() || is_han(*char))
            .map_or(folded.len(), |(offset, _)| offset);
        return Some(([term(folded, start, word_end), None], word_end));
    }
    let alone = (!FUNCTION_CHARS.contains(char)).then(|| term(folded, start, end));
    let pair = match chars.next() {
        Some((next, after)) if is_han(after) => term(folded, start, next + after.len_utf8()),
        _ => None,
    };
    Some(([alone.flatten(), pair], end))
}

fn term(folded: &str, start: usize, end: usize) -> Option<Term<'_>> {
    let text = folded.get(start..end)?;
    Some(Term { text, start })
}

/// [`terms`] as a tantivy tokenizer, for text that is folded already.
#[derive(Clone, Default)]
pub(crate) struct HanTokenizer;

/// Terms one after the other, without a list of them.
pub(crate) struct HanStream<'a> {
    text: &'a str,
    at: usize,
    waiting: Option<Term<'a>>,
    token: Token,
}

impl Tokenizer for HanTokenizer {
    type TokenStream<'a> = HanStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> HanStream<'a> {
        HanStream {
            text,
            at: 0,
            waiting: None,
            token: Token::default(),
        }
    }
}

impl<'a> HanStream<'a> {
    fn next_term(&mut self) -> Option<Term<'a>> {
        loop {
            if let Some(term) = self.waiting.take() {
                return Some(term);
            }
            let ([first, second], next) = next_terms(self.text, self.at)?;
            self.at = next;
            match (first, second) {
                (Some(first), second) => {
                    self.waiting = second;
                    return Some(first);
                }
                (None, second) => self.waiting = second,
            }
        }
    }
}

impl TokenStream for HanStream<'_> {
    fn advance(&mut self) -> bool {
        let Some(term) = self.next_term() else {
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
    use tantivy::tokenizer::{TokenStream, Tokenizer};

    use super::{HanTokenizer, terms};

    #[test]
    fn characters_pairs_and_words() {
        let found: Vec<_> = terms("gpu卡的价12元").iter().map(|t| t.text).collect();
        assert_eq!(found, ["gpu", "卡", "卡的", "的价", "价", "12", "元"]);
    }

    #[test]
    fn the_stream_gives_the_same_terms() {
        let text = "的 gpu卡的价，12元a的";
        let mut tokenizer = HanTokenizer;
        let mut stream = tokenizer.token_stream(text);
        let mut found = Vec::new();
        while stream.advance() {
            found.push(stream.token().text.clone());
        }
        let plain: Vec<_> = terms(text).iter().map(|t| t.text.to_owned()).collect();
        assert_eq!(found, plain);
    }
}
