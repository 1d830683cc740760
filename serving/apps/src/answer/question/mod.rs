//! What a question asks: the kind of answer, the matter in terms, the place, the day.

mod concept;
mod day;
mod route;
mod words;

use jiff::civil::Date;

use crate::retrieve::{Synonyms, fold, terms};

pub(crate) use concept::Concept;
pub(crate) use route::{Route, route};
pub(crate) use words::{Aspect, FILLER_CHARS, elsewhere};

use concept::{run_concepts, take_synonyms};
use words::{ASPECT_WORDS, FILLER, LASTING, LASTS, RECEIVING};

/// A question taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The whole question, folded.
    pub(crate) folded: String,
    /// Kinds of answer asked for, most telling first.
    pub(crate) aspects: Vec<Aspect>,
    /// What it is about.
    pub(crate) concepts: Vec<Concept>,
    /// Terms for the index.
    pub(crate) terms: Vec<String>,
    /// The day it names as the one on which the answer is to hold, such as `2015年的时候`.
    pub(crate) as_of: Option<Date>,
}

/// Takes a question apart on a day. Pure; any text is accepted.
pub(crate) fn read(text: &str, today: Date, synonyms: &Synonyms) -> Question {
    let folded = fold(text);
    let mut rest = folded.clone();
    let as_of = day::take(&mut rest, today);
    let aspects = take_aspects(&mut rest);
    let mut concepts = take_synonyms(&mut rest, synonyms);
    blank_out(&mut rest, FILLER);
    for (run, piece) in rest
        .split(|char: char| !char.is_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .enumerate()
    {
        concepts.extend(run_concepts(piece, run));
    }
    let mut index_terms: Vec<String> = Vec::new();
    let words = concepts.iter().flat_map(|concept| &concept.alternatives);
    for word in words.map(String::as_str).chain([rest.as_str()]) {
        for term in terms(word) {
            if !FILLER_CHARS.contains(term.text)
                && !index_terms.iter().any(|known| known == term.text)
            {
                index_terms.push(term.text.to_owned());
            }
        }
    }
    Question {
        folded,
        aspects,
        concepts,
        terms: index_terms,
        as_of,
    }
}

/// Replaces every phrase of a list by a blank, longer phrases first.
fn blank_out(text: &mut String, phrases: &str) {
    let mut ordered: Vec<&str> = phrases.split_whitespace().collect();
    ordered.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    for phrase in ordered {
        if text.contains(phrase) {
            *text = text.replace(phrase, " ");
        }
    }
}

/// Whether a text has one of the words of a list.
fn any_of(text: &str, words: &str) -> bool {
    words.split_whitespace().any(|word| text.contains(word))
}

fn take_aspects(rest: &mut String) -> Vec<Aspect> {
    let receiving = any_of(rest, RECEIVING);
    let lasts = any_of(rest, LASTS);
    let mut found = Vec::new();
    if any_of(rest, LASTING) {
        found.push(Aspect::Duration);
        blank_out(rest, LASTING);
    }
    for (aspect, phrases) in ASPECT_WORDS {
        if any_of(rest, phrases) {
            found.push(match aspect {
                Aspect::Fee if receiving => Aspect::Quantity,
                Aspect::Time if lasts => Aspect::Duration,
                other => other,
            });
            blank_out(rest, phrases);
        }
    }
    // "几" with its measure word asks for a number.
    while let Some(at) = rest.find('几') {
        let after = rest.get(at..).unwrap_or_default();
        let end = at + after.chars().take(2).map(char::len_utf8).sum::<usize>();
        rest.replace_range(at..end, " ");
        found.push(Aspect::Quantity);
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn parse(text: &str) -> Question {
        read(text, date(2026, 1, 15), &Synonyms::new(&[]))
    }

    #[test]
    fn asks_for_a_fee_about_a_matter() {
        let question = parse("請問居住證補辦多少錢？");
        assert_eq!(question.aspects, [Aspect::Fee]);
        assert!(question.concepts.iter().any(|c| c.is_in("居住证")));
        assert!(question.concepts.iter().any(|c| c.is_in("补领")));
    }

    #[test]
    fn asks_for_a_body_or_a_last_day() {
        assert_eq!(parse("智慧城管由哪个部门牵头？").aspects, [Aspect::Body]);
        let question = parse("征求意见截止到什么时候");
        assert_eq!(question.aspects, [Aspect::Deadline]);
    }

    #[test]
    fn pure_filler_has_no_matter() {
        assert!(parse("请问怎么办理？").concepts.is_empty());
    }
}
