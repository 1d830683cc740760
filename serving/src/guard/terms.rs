//! Pure: the operator's list of terms.

use super::Rule;
use super::text::{Folded, fold};
use std::collections::HashMap;
use std::ops::Range;

/// Longer terms are cut: nothing longer is held back in a stream.
const MAX_TERM_CHARS: usize = 64;

/// Terms by their first character, the longest first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    by_first: HashMap<char, Vec<Vec<char>>>,
    count: usize,
}

impl Terms {
    /// One term a line; empty lines and lines that begin with `#` are passed over.
    pub(crate) fn parse(list: &str) -> Self {
        let mut terms = Self::default();
        for line in list.lines().map(str::trim) {
            if line.starts_with('#') {
                continue;
            }
            let term: Vec<char> = line.chars().map(fold).take(MAX_TERM_CHARS).collect();
            let Some(first) = term.first() else { continue };
            let same = terms.by_first.entry(*first).or_default();
            if !same.contains(&term) {
                same.push(term);
                terms.count += 1;
            }
        }
        for same in terms.by_first.values_mut() {
            same.sort_by_key(|term| std::cmp::Reverse(term.len()));
        }
        terms
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn find(&self, text: &Folded, hits: &mut Vec<(Rule, Range<usize>)>) {
        let mut index = 0;
        while index < text.chars.len() {
            let rest = &text.chars[index..];
            let found = self
                .beginning_with(rest[0])
                .find(|term| rest.starts_with(term));
            index += match found {
                Some(term) => {
                    hits.push((Rule::ListedTerm, index..index + term.len()));
                    term.len()
                }
                None => 1,
            };
        }
    }

    /// The first character from which on the text is the beginning of a longer term.
    pub(super) fn may_begin(&self, text: &Folded) -> usize {
        let end = text.chars.len();
        let from = end.saturating_sub(MAX_TERM_CHARS);
        (from..end)
            .find(|&index| {
                let rest = &text.chars[index..];
                self.beginning_with(rest[0])
                    .any(|term| term.len() > rest.len() && term.starts_with(rest))
            })
            .unwrap_or(end)
    }

    fn beginning_with(&self, first: char) -> impl Iterator<Item = &[char]> {
        let same = self.by_first.get(&first).into_iter().flatten();
        same.map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::{Folded, Terms};

    #[test]
    fn the_longest_term_counts_and_beginnings_are_known() {
        let terms = Terms::parse("# list\n甲乙\n甲乙丙丁\n\nBad Word\n甲乙\n");
        assert_eq!(terms.len(), 3);
        let mut hits = Vec::new();
        terms.find(&Folded::new("说甲乙丙丁和ＢＡＤ\u{3000}word"), &mut hits);
        let places: Vec<_> = hits.into_iter().map(|(_, range)| range).collect();
        assert_eq!(places, [1..5, 6..14]);
        let open = |text: &str| terms.may_begin(&Folded::new(text));
        assert_eq!(open("说甲"), 1);
        assert_eq!(open("说甲乙"), 1, "a longer one may come");
        assert_eq!(open("说甲乙戊"), 4);
        assert_eq!(open("a b"), 2);
    }
}
