//! What a question is about, as small units that a text either has or lacks.

use crate::retrieve::{Synonyms, is_han};

use super::words::FILLER_CHARS;

/// A unit of the matter: a word with other ways to say it, or one character with its neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent property of a unit"
)]
pub(crate) struct Matter {
    /// Folded; a text that has one of them has the unit.
    pub(crate) ways: Vec<String>,
    /// Position of its run of text; units of one run stand beside each other.
    pub(crate) run: usize,
    /// A word of a table or a word that is no ideograph, rather than one character.
    pub(crate) word: bool,
    /// A character that carries nothing alone: it counts only where a text has its pair.
    pub(crate) filler: bool,
    /// A character that stands alone in its run.
    pub(crate) lone: bool,
    /// It stands in a clause that asks, not in the asker's story.
    pub(crate) asked: bool,
}

impl Matter {
    /// Whether a folded text has it.
    pub(crate) fn is_in(&self, folded: &str) -> bool {
        self.ways.iter().any(|way| folded.contains(way.as_str()))
    }
}

/// Takes the words of the table out of a text, longest first.
pub(super) fn take_synonyms(rest: &mut String, table: &Synonyms, asking: &[&str]) -> Vec<Matter> {
    let mut found: Vec<Matter> = Vec::new();
    for (word, alternatives) in table.entries() {
        if !rest.contains(word) {
            continue;
        }
        *rest = rest.replace(word, " ");
        found.push(Matter {
            ways: alternatives.to_vec(),
            run: usize::MAX - found.len(),
            word: true,
            filler: false,
            lone: false,
            asked: is_asked(asking, word),
        });
    }
    found
}

/// Whether some words stand in one of the clauses that ask.
fn is_asked(asking: &[&str], words: &str) -> bool {
    asking.iter().any(|clause| clause.contains(words))
}

/// The units of one run: each ideograph with its pairs, and whole words of other scripts.
pub(super) fn of_run(piece: &str, run: usize, asking: &[&str]) -> Vec<Matter> {
    let chars: Vec<char> = piece.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(char) = chars.get(at).copied() {
        if is_han(char) {
            let lone = chars.len() == 1;
            let ways = if lone {
                vec![char.to_string()]
            } else {
                pairs(&chars, at)
            };
            found.push(Matter {
                asked: ways.iter().any(|way| is_asked(asking, way)),
                ways,
                run,
                word: false,
                filler: FILLER_CHARS.contains(char),
                lone,
            });
            at += 1;
            continue;
        }
        let end = chars.iter().skip(at).take_while(|c| !is_han(**c)).count() + at;
        let word: String = chars.get(at..end).unwrap_or_default().iter().collect();
        found.push(Matter {
            lone: word.chars().nth(1).is_none(),
            asked: is_asked(asking, &word),
            ways: vec![word],
            run,
            word: true,
            filler: false,
        });
        at = end.max(at + 1);
    }
    found
}

/// The pairs of neighbouring ideographs that hold the character at `at`; the character alone where
/// it has no such neighbour.
fn pairs(chars: &[char], at: usize) -> Vec<String> {
    let pair = |from: usize| {
        let pair = chars.get(from..from + 2)?;
        pair.iter()
            .all(|char| is_han(*char))
            .then(|| pair.iter().collect())
    };
    let found: Vec<String> = [at.checked_sub(1).and_then(pair), pair(at)]
        .into_iter()
        .flatten()
        .collect();
    if found.is_empty() {
        return chars.get(at).map(char::to_string).into_iter().collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::of_run;

    #[test]
    fn a_character_is_found_with_one_of_its_neighbours() {
        let units = of_run("居住证gpu卡", 0, &["gpu卡"]);
        assert_eq!(units.len(), 5);
        assert!(units.iter().take(2).all(|unit| unit.is_in("居住登记")));
        assert!(!units.get(2).is_some_and(|unit| unit.is_in("居住登记证")));
        assert!(units.get(3).is_some_and(|unit| unit.is_in("gpu")));
        let asked: Vec<bool> = units.iter().map(|unit| unit.asked).collect();
        assert_eq!(asked, [false, false, false, true, true]);
    }
}
