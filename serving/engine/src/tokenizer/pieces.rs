//! SentencePiece tokenizer of a GGUF file (`tokenizer.ggml.model = llama`): characters merge
//! into pieces of the vocabulary, the best score first and the leftmost among equals; what is
//! no piece is spelled in bytes. Method: Kudo and Richardson, "SentencePiece", 2018 (BPE mode).

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::ops::Range;

/// SentencePiece's stand-in for a space.
pub(super) const SPACE: char = '▁';

/// The byte that a token such as `<0x0A>` stands for.
pub(super) fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() != 2 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

/// Token types of the format.
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;
const BYTE: i64 = 6;

/// The vocabulary and its scores.
pub(crate) struct Pieces {
    ids: HashMap<Box<str>, u32>,
    scores: Vec<f32>,
    bytes: [Option<u32>; 256],
    unknown: Option<u32>,
    /// Tokens that are found before anything merges, by their whole text.
    written: Written,
    /// Control tokens; found only where markup is meant.
    control: Written,
    /// A text, and each part after a control token, begins with a space.
    space_first: bool,
}

/// Texts to be found as wholes.
#[derive(Default)]
pub(super) struct Written {
    ids: HashMap<Box<str>, u32>,
    /// Lengths in bytes of the texts that begin with a byte, the longest first.
    lengths: HashMap<u8, Vec<usize>>,
}

impl Written {
    pub(super) fn insert(&mut self, text: &str, id: u32) {
        let Some(first) = text.bytes().next() else {
            return;
        };
        self.ids.insert(text.into(), id);
        let lengths = self.lengths.entry(first).or_default();
        if let Err(at) = lengths.binary_search_by(|l| text.len().cmp(l)) {
            lengths.insert(at, text.len());
        }
    }

    /// The longest text that stands at the beginning of `rest`.
    pub(super) fn at(&self, rest: &str) -> Option<(usize, u32)> {
        let lengths = self.lengths.get(rest.as_bytes().first()?)?;
        lengths.iter().find_map(|length| {
            let id = self.ids.get(rest.get(..*length)?)?;
            Some((*length, *id))
        })
    }
}

/// Two neighbours that may merge. Ordered for a heap that gives the largest first.
#[derive(PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both; other when one of them has merged meanwhile.
    bytes: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A part of the text that may grow to the right; empty when merged into its left neighbour.
struct Part {
    range: Range<usize>,
    before: Option<usize>,
    after: Option<usize>,
}

impl Pieces {
    /// From texts, scores and types of all tokens.
    pub(crate) fn new(
        tokens: &[&str],
        scores: Vec<f32>,
        kinds: &[i64],
        unknown: Option<u32>,
        space_first: bool,
    ) -> Self {
        let mut pieces = Self {
            ids: HashMap::with_capacity(tokens.len()),
            scores,
            bytes: [None; 256],
            unknown,
            written: Written::default(),
            control: Written::default(),
            space_first,
        };
        for (id, (text, kind)) in (0u32..).zip(tokens.iter().zip(kinds)) {
            match *kind {
                CONTROL => {
                    // Not among the others: no text may merge into markup.
                    pieces.control.insert(text, id);
                    continue;
                }
                USER_DEFINED => pieces.written.insert(text, id),
                BYTE => {
                    if let Some(byte) = byte_of(text) {
                        pieces.bytes[usize::from(byte)] = Some(id);
                    }
                    continue;
                }
                _ => {}
            }
            pieces.ids.insert((*text).into(), id);
        }
        pieces
    }

    /// Token ids of `text`; with `markup`, control tokens written out in it are themselves.
    pub(super) fn encode(&self, text: &str, markup: bool) -> Vec<u32> {
        let mut ids = Vec::new();
        let (mut plain, mut at) = (0, 0);
        let mut after_control = true;
        while at < text.len() {
            let rest = &text[at..];
            let found = self.written.at(rest);
            let found = found.max(self.control.at(rest).filter(|_| markup));
            let Some((length, id)) = found else {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            };
            self.merge(&text[plain..at], after_control, &mut ids);
            ids.push(id);
            at += length;
            (plain, after_control) = (at, true);
        }
        self.merge(&text[plain..], after_control, &mut ids);
        ids
    }

    fn merge(&self, text: &str, first: bool, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let mut escaped = String::with_capacity(text.len() + 3);
        if first && self.space_first {
            escaped.push(SPACE);
        }
        escaped.extend(text.chars().map(|c| if c == ' ' { SPACE } else { c }));
        for range in self.merged(&escaped) {
            let piece = &escaped[range];
            match self.ids.get(piece) {
                Some(id) => ids.push(*id),
                None => ids.extend(
                    piece
                        .bytes()
                        .filter_map(|b| self.bytes[usize::from(b)].or(self.unknown)),
                ),
            }
        }
    }

    /// Where the pieces of a text lie.
    fn merged(&self, text: &str) -> Vec<Range<usize>> {
        let mut parts: Vec<Part> = text
            .char_indices()
            .enumerate()
            .map(|(index, (at, c))| Part {
                range: at..at + c.len_utf8(),
                before: index.checked_sub(1),
                after: Some(index + 1),
            })
            .collect();
        if let Some(last) = parts.last_mut() {
            last.after = None;
        }
        let mut heap = BinaryHeap::new();
        for left in 1..parts.len() {
            heap.extend(self.pair(text, &parts, left - 1, left));
        }
        while let Some(pair) = heap.pop() {
            let (left, right) = (pair.left, pair.right);
            let (a, b) = (parts[left].range.len(), parts[right].range.len());
            if a == 0 || b == 0 || a + b != pair.bytes {
                continue;
            }
            parts[left].range.end = parts[right].range.end;
            parts[right].range.end = parts[right].range.start;
            let after = parts[right].after;
            parts[left].after = after;
            if let Some(after) = after {
                parts[after].before = Some(left);
                heap.extend(self.pair(text, &parts, left, after));
            }
            if let Some(before) = parts[left].before {
                heap.extend(self.pair(text, &parts, before, left));
            }
        }
        let whole = parts.into_iter().map(|part| part.range);
        whole.filter(|range| !range.is_empty()).collect()
    }

    fn pair(&self, text: &str, parts: &[Part], left: usize, right: usize) -> Option<Pair> {
        let range = parts[left].range.start..parts[right].range.end;
        let bytes = range.len();
        let id = self.ids.get(&text[range])?;
        Some(Pair {
            score: self.scores.get(*id as usize).copied()?,
            left,
            right,
            bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(space_first: bool) -> Pieces {
        let vocabulary = [
            ("<s>", 0.0, 3),
            ("a", -10.0, 1),
            ("b", -11.0, 1),
            ("ab", -1.0, 1),
            ("ba", -0.5, 1),
            ("aba", -3.0, 1),
            ("▁", -12.0, 1),
            ("▁a", -4.0, 1),
            ("  ", 0.0, 4),
            ("<0xE7>", 0.0, 6),
            ("<0xAE>", 0.0, 6),
            ("<0x97>", 0.0, 6),
            ("<s>>", 0.0, 4),
        ];
        let tokens: Vec<&str> = vocabulary.iter().map(|t| t.0).collect();
        let kinds: Vec<i64> = vocabulary.iter().map(|t| t.2).collect();
        let scores = vocabulary.iter().map(|t| t.1).collect();
        Pieces::new(&tokens, scores, &kinds, None, space_first)
    }

    #[test]
    fn the_best_score_merges_first() {
        // `ba` comes before `ab`, although it lies further right.
        assert_eq!(pieces(false).encode("abb", true), [3, 2]);
        assert_eq!(pieces(false).encode("bab", true), [4, 2]);
        assert_eq!(pieces(false).encode("abab", true), [5, 2]);
        assert_eq!(pieces(false).encode("ab", true), [3]);
    }

    #[test]
    fn unknown_characters_become_bytes() {
        assert_eq!(pieces(false).encode("a算", true), [1, 9, 10, 11]);
        // Without a byte token and without an unknown token nothing can stand for it.
        assert!(pieces(false).encode("é", true).is_empty());
    }

    #[test]
    fn markup_counts_only_where_it_is_meant() {
        let tokens = pieces(true);
        assert_eq!(tokens.encode("<s>a", true), [0, 7]);
        assert!(!tokens.encode("<s>a", false).contains(&0));
        assert_eq!(tokens.encode("a  a", false), [7, 8, 7]);
        assert_eq!(tokens.encode("<s>>", true), [12]);
    }

    #[test]
    fn a_long_text_of_markup_stays_linear() {
        let text = "<s".repeat(200_000);
        assert!(pieces(false).encode(&text, true).is_empty());
    }

    #[test]
    fn byte_tokens_are_two_digits() {
        assert_eq!(byte_of("<0x0A>"), Some(10));
        for other in ["<0x>", "<0xA>", "<0x+1>", "<0xÄ>", "0x0A"] {
            assert_eq!(byte_of(other), None, "{other}");
        }
    }
}
