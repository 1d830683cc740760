//! What citizens say and what the texts call it: a table of our own, and the reviewed one of a base.

use std::collections::HashSet;

use crate::kb::Synonym;

use super::fold;

/// Words of the citizens with the texts' words, longest first.
#[derive(Debug, Default)]
pub(crate) struct Synonyms {
    /// Folded word, and folded alternatives that begin with the word itself.
    entries: Vec<(String, Vec<String>)>,
    /// Pairs of characters of the words: mending asks for hundreds of a question.
    pairs: HashSet<String>,
}

impl Synonyms {
    /// The built-in table with a base's reviewed one, which wins where both have a word.
    pub(crate) fn new(reviewed: &[Synonym]) -> Self {
        let mut entries: Vec<(String, Vec<String>)> = Vec::new();
        let own = built_in().map(|(word, means)| {
            let means = means.split_whitespace().map(str::to_owned).collect();
            (word.to_owned(), means)
        });
        let reviewed = reviewed.iter().map(|synonym| {
            let means: Vec<String> = synonym.means.iter().map(|word| fold(word)).collect();
            (fold(&synonym.word), means)
        });
        for (word, means) in reviewed.chain(own) {
            if word.is_empty() || entries.iter().any(|(known, _)| *known == word) {
                continue;
            }
            let alternatives = std::iter::once(word.clone()).chain(means).collect();
            entries.push((word, alternatives));
        }
        entries.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        let pairs = entries.iter().flat_map(|(word, _)| pairs(word)).collect();
        Self { entries, pairs }
    }

    /// Whether a word of the table has a pair of characters.
    pub(crate) fn has_pair(&self, pair: &str) -> bool {
        self.pairs.contains(pair)
    }

    /// The table, longest words first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries
            .iter()
            .map(|(word, alternatives)| (word.as_str(), alternatives.as_slice()))
    }
}

/// Neighbouring characters of a word.
fn pairs(word: &str) -> Vec<String> {
    let chars: Vec<char> = word.chars().collect();
    chars.windows(2).map(|pair| pair.iter().collect()).collect()
}

/// Everyday words of city services, one a line: the citizens' word, then the texts' words; folded.
const BUILT_IN: &str = include_str!("synonyms.txt");

/// The rows of the table.
fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILT_IN.lines().filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests {
    use super::{Synonyms, built_in};
    use crate::kb::Synonym;
    use crate::retrieve::fold;

    #[test]
    fn reviewed_words_win_and_longer_words_come_first() {
        let reviewed = Synonym {
            word: "養狗".to_owned(),
            means: vec!["飼養犬隻".to_owned()],
        };
        let table = Synonyms::new(&[reviewed]);
        let dog: Vec<_> = table
            .entries()
            .filter(|(word, _)| *word == "养狗")
            .collect();
        assert_eq!(dog.len(), 1);
        assert_eq!(dog.first().map(|(_, all)| all.len()), Some(2));
        let lengths: Vec<usize> = table.entries().map(|(word, _)| word.len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn the_table_is_folded() {
        for (word, means) in built_in() {
            assert_eq!(
                (fold(word), fold(means)),
                (word.to_owned(), means.to_owned())
            );
        }
    }
}
