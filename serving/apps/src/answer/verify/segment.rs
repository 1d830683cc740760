//! Parts of a sentence that each make one claim, and which of the sources' parts one is about.
//!
//! `补领每证40元，换领每证20元` has two claims. A written sentence that has the number of one and
//! the words of the other is held by neither, though all its words are there.

use super::denials::denies;
use crate::kb::{Quantity, quantities};
use crate::retrieve::terms;

/// Ends of the clauses that are conditions of what follows.
const CONDITIONS: [char; 5] = ['的', '者', '时', '后', '前'];

/// A part of a folded text with one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    pub(super) text: &'a str,
    pub(super) numbers: Vec<Quantity>,
    pub(super) denies: bool,
}

impl<'a> Segment<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            text,
            numbers: quantities(text),
            denies: denies(text),
        }
    }

    /// Whether a clause says of another thing what this says of one: a number of the same unit, or
    /// no where this says yes.
    /// `listed` stands after `、`: what is forbidden first is forbidden of a whole list.
    fn parts_from(&self, clause: &Self, listed: bool) -> bool {
        if self.text.ends_with(CONDITIONS) {
            return false;
        }
        let same_unit = |one: &Quantity| clause.numbers.iter().any(|other| other.unit == one.unit);
        let turned = self.denies != clause.denies && !clause.text.contains("免费");
        let turned = turned && !(listed && clause.numbers.is_empty());
        turned || self.numbers.iter().any(same_unit)
    }

    /// Its words without its numbers.
    pub(super) fn words(&self) -> String {
        let mut words = self.text.to_owned();
        for number in self.numbers.iter().rev() {
            words.replace_range(number.range.clone(), " ");
        }
        words
    }
}

/// The parts of a folded text.
pub(super) fn segments(folded: &str) -> Vec<Segment<'_>> {
    let sentences = folded.split(['。', ';', '!', '?', '\n', '|']);
    sentences.flat_map(parts).collect()
}

fn parts(sentence: &str) -> Vec<Segment<'_>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, Segment<'_>)> = None;
    let (mut at, mut listed) = (0, false);
    for clause in sentence.split_inclusive([',', '、']) {
        let (start, end) = (at, at + clause.len());
        at = end;
        let bare = clause.trim_end_matches([',', '、']);
        let next = Segment::of(bare);
        open = match open {
            Some((from, known)) if !known.parts_from(&next, listed) => {
                let whole = sentence.get(from..start + bare.len()).unwrap_or_default();
                Some((from, Segment::of(whole)))
            }
            Some((_, known)) => {
                found.push(known);
                Some((start, next))
            }
            None => Some((start, next)),
        };
        listed = clause.ends_with('、');
    }
    found.extend(open.map(|(_, last)| last));
    found.retain(|segment| segment.text.chars().any(char::is_alphanumeric));
    found
}

/// One of the sources' parts as an answer to the question which of them a sentence is about.
pub(super) struct Rival {
    /// Its words, numbers and denials taken out.
    pub(super) words: String,
    /// It says what the sentence says.
    pub(super) agrees: bool,
}

/// Whether, of the sources' parts, one that agrees is nearest to some words. Words of the titles
/// tell parts apart only where no other do: every part is about what the title says.
pub(super) fn is_about(words: &str, rivals: &[Rival], titles: &str) -> bool {
    let pairs = pairs(words);
    let in_title: Vec<bool> = pairs
        .iter()
        .map(|(pair, _)| titles.contains(pair))
        .collect();
    // A pair that lies across the edge of a title's word says no more than that word.
    let own = |at: usize| {
        let beside = |other: Option<usize>| {
            other.is_some_and(|other| {
                let near = pairs.get(other).zip(pairs.get(at));
                let touches = near.is_some_and(|(a, b)| a.1.abs_diff(b.1) <= 4);
                touches && in_title.get(other) == Some(&true)
            })
        };
        in_title.get(at) == Some(&false) && !beside(at.checked_sub(1)) && !beside(Some(at + 1))
    };
    let score = |rival: &Rival| {
        let shared = (0..pairs.len()).filter(|at| {
            let pair = pairs.get(*at);
            pair.is_some_and(|(pair, _)| rival.words.contains(pair))
        });
        let shared: Vec<usize> = shared.collect();
        (shared.iter().filter(|at| own(**at)).count(), shared.len())
    };
    let best = |agrees: bool| {
        let of_kind = rivals.iter().filter(|rival| rival.agrees == agrees);
        of_kind.map(score).max()
    };
    match (best(true), best(false)) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(with), Some(against)) => with > against,
    }
}

/// Pairs of neighbouring ideographs and whole words, with their places.
pub(super) fn pairs(text: &str) -> Vec<(&str, usize)> {
    let found = terms(text).into_iter();
    found
        .filter(|term| term.text.chars().nth(1).is_some())
        .map(|term| (term.text, term.start))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Rival, is_about, segments};

    fn texts(folded: &str) -> Vec<&str> {
        segments(folded).iter().map(|part| part.text).collect()
    }

    #[test]
    fn a_claim_a_part() {
        assert_eq!(
            texts("补领、换领每证40元,邮寄每件12元。首次申领不收费,补领10元"),
            [
                "补领、换领每证40元",
                "邮寄每件12元",
                "首次申领不收费",
                "补领10元"
            ]
        );
        assert_eq!(
            texts("本市户籍的,自受理之日起十个工作日内办结,每证20元"),
            ["本市户籍的,自受理之日起十个工作日内办结,每证20元"]
        );
        assert_eq!(texts("每证20元,不得代办"), ["每证20元", "不得代办"]);
        assert_eq!(texts("不得在楼道、楼梯间停放"), ["不得在楼道、楼梯间停放"]);
        assert_eq!(texts("申领不收费、补领10元"), ["申领不收费", "补领10元"]);
    }

    #[test]
    fn the_nearest_part_decides() {
        let rivals = [
            ("首次申领居住证", true),
            ("补领、换领收取工本费每证", false),
        ]
        .map(|(words, agrees)| Rival {
            words: words.to_owned(),
            agrees,
        });
        let title = "居住证申领与签注办事指南";
        assert!(is_about("首次申领居住证", &rivals, title));
        assert!(!is_about("补领居住证", &rivals, title));
        assert!(!is_about("居住证", &[], title));
    }
}
