//! The headings above a line: chapter, section, item.

use super::number::{Rank, number};
use super::structure::fewer;
use crate::kb::passage::SectionKind;

/// A heading deeper than this is left out of paths.
const MAX_HEADINGS: usize = 12;
/// Longest heading in a path, in characters.
const MAX_CHARS: usize = 80;
/// A heading names a kind only if it is this short: a long one only mentions the word.
const KIND_CHARS: usize = 16;

#[derive(Debug)]
struct Heading {
    title: String,
    /// The level that the file gave it.
    level: Option<u8>,
    /// The rank of its number.
    rank: Option<Rank>,
    kind: SectionKind,
}

/// The headings above the line that is read.
#[derive(Debug, Default)]
pub(super) struct Path {
    headings: Vec<Heading>,
}

impl Path {
    /// A heading that the file marks as such: it closes those of its level, of its number's rank
    /// and all that were only told by their number.
    pub(super) fn mark(&mut self, level: u8, title: &str) {
        let rank = number(title).map(|number| number.rank);
        let closed = self.headings.iter().position(|known| match known.level {
            Some(known) => known >= level,
            None => rank.is_none_or(|rank| known.rank.is_none_or(|known| known >= rank)),
        });
        self.headings
            .truncate(closed.unwrap_or(self.headings.len()));
        self.push(title, Some(level), rank);
    }

    /// A heading told by its number: it closes those of its rank and below.
    pub(super) fn number(&mut self, rank: Rank, title: &str) {
        let closed = self
            .headings
            .iter()
            .position(|known| known.rank.is_some_and(|known| known >= rank));
        self.headings
            .truncate(closed.unwrap_or(self.headings.len()));
        self.push(title, None, Some(rank));
    }

    fn push(&mut self, title: &str, level: Option<u8>, rank: Option<Rank>) {
        if self.headings.len() >= MAX_HEADINGS {
            return;
        }
        // Wide and unbreakable blanks of the text are plain ones in a path.
        let words: Vec<&str> = title.trim_matches(['*', '#']).split_whitespace().collect();
        let title: String = words.join(" ").chars().take(MAX_CHARS).collect();
        self.headings.push(Heading {
            kind: SectionKind::of_heading(&title),
            title,
            level,
            rank,
        });
    }

    /// The titles, the highest first.
    pub(super) fn titles(&self) -> Vec<String> {
        self.headings
            .iter()
            .map(|heading| heading.title.clone())
            .collect()
    }

    /// What the nearest heading that says so is about.
    pub(super) fn kind(&self) -> SectionKind {
        let telling = |heading: &&Heading| {
            heading.kind != SectionKind::Other && fewer(&heading.title, KIND_CHARS)
        };
        self.headings
            .iter()
            .rev()
            .find(telling)
            .map_or(SectionKind::Other, |heading| heading.kind)
    }
}
