//! What a question asks: the kind of answer, the matter, the place, the day.

mod clause;
mod day;
mod matter;
mod place;
mod route;
mod words;

use jiff::civil::Date;

use crate::retrieve::{Synonyms, terms};

pub(crate) use clause::clauses;
pub(crate) use matter::Matter;
pub(crate) use place::{Named, agree, foreign_place, named, stem};
pub(crate) use route::{Route, is_attack as gives_orders, orders_a_machine, route, without_attack};
pub(crate) use words::{Aspect, FILLER_CHARS, own_pairs};

use words::{ASPECT_WORDS, FILLER, GENERAL, LASTS, MEASURES, RECEIVING, YES_NO};

/// A question with no more matter than this, in characters, and no word of the tables is thin.
const THIN: usize = 2;

/// A question taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The whole question, folded.
    pub(crate) folded: String,
    /// Kinds of answer asked for, most telling first.
    pub(crate) aspects: Vec<Aspect>,
    /// Words of which a number in the answer must have one, such as `元` where money is asked for.
    pub(crate) measure: Option<&'static str>,
    /// What it is about.
    pub(crate) matters: Vec<Matter>,
    /// It names nothing but words such as `登记费`, which many texts have.
    pub(crate) general: bool,
    /// Terms for the index.
    pub(crate) terms: Vec<String>,
    /// The day it names as the one on which the answer is to hold, such as `2015年的时候`.
    pub(crate) as_of: Option<Date>,
}

impl Question {
    /// How much matter it names, in characters.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.matters.iter().map(|m| if m.word { 2 } else { 1 });
        sizes.sum()
    }

    /// Whether it names no matter of its own, as in `一个月多少钱`, which many texts answer.
    pub(crate) fn is_thin(&self) -> bool {
        self.size() <= THIN && self.matters.iter().all(|matter| !matter.word)
    }
}

/// Takes a folded question apart on a day. Any text is accepted.
pub(crate) fn read(folded: &str, today: Date, synonyms: &Synonyms) -> Question {
    let mut rest = folded.to_owned();
    let asking = clause::asking(folded);
    let as_of = day::take(&mut rest, today);
    let measure = measure(&rest);
    blank_out(&mut rest, YES_NO);
    let aspects = take_aspects(&mut rest);
    let mut matters = matter::take_synonyms(&mut rest, synonyms, &asking);
    blank_out(&mut rest, FILLER);
    for (run, piece) in rest
        .split(|char: char| !char.is_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .enumerate()
    {
        matters.extend(matter::of_run(piece, run, &asking));
    }
    let general = is_general(&matters, &rest);
    let mut index_terms: Vec<String> = Vec::new();
    let ways = matters.iter().flat_map(|matter| &matter.ways);
    for word in ways.map(String::as_str).chain([rest.as_str()]) {
        for term in terms(word) {
            if !FILLER_CHARS.contains(term.text)
                && !index_terms.iter().any(|known| known == term.text)
            {
                index_terms.push(term.text.to_owned());
            }
        }
    }
    Question {
        folded: folded.to_owned(),
        aspects,
        measure,
        matters,
        general,
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

/// Whether the words of the table that a question has, and what is left of it, are all general.
fn is_general(matters: &[Matter], rest: &str) -> bool {
    let general = |word: &str| GENERAL.split_whitespace().any(|known| known == word);
    let plain = |word: &str| {
        let word = word.trim_matches(|char: char| FILLER_CHARS.contains(char));
        word.is_empty() || general(word)
    };
    let mut words = matters.iter().filter(|matter| matter.word && !matter.lone);
    let mut pieces = rest.split(|char: char| !char.is_alphanumeric());
    words.all(|matter| matter.ways.first().is_some_and(|word| general(word))) && pieces.all(plain)
}

/// What a number in the answer must be measured in, told by the word after `多少` or `几`.
fn measure(text: &str) -> Option<&'static str> {
    let money = ["资金", "投资", "预算", "经费", "金额", "造价"];
    if text.contains("多少") && money.iter().any(|word| text.contains(word)) {
        return Some("元 百分之 %");
    }
    ["多少", "几", "多大"].into_iter().find_map(|word| {
        let at = text.find(word)?;
        let after = text.get(at + word.len()..)?;
        let row = MEASURES.iter().find(|(unit, _)| after.starts_with(unit))?;
        Some(row.1)
    })
}

fn take_aspects(rest: &mut String) -> Vec<Aspect> {
    let receiving = any_of(rest, RECEIVING);
    let lasts = any_of(rest, LASTS);
    let mut found = Vec::new();
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
    use crate::retrieve::fold;

    fn parse(text: &str) -> Question {
        read(&fold(text), date(2026, 1, 15), &Synonyms::new(&[]))
    }

    fn names(question: &Question, text: &str) -> bool {
        question.matters.iter().any(|matter| matter.is_in(text))
    }

    #[test]
    fn asks_for_a_fee_about_a_matter() {
        let question = parse("請問居住證補辦多少錢？");
        assert_eq!(question.aspects, [Aspect::Fee]);
        assert!(names(&question, "居住证") && names(&question, "补领"));
        assert!(question.measure.is_some_and(|words| words.contains('元')));
    }

    #[test]
    fn asks_for_a_body_or_a_last_day() {
        assert_eq!(parse("智慧城管由哪个部门牵头？").aspects, [Aspect::Body]);
        assert_eq!(parse("征求意见截止到什么时候").aspects, [Aspect::Deadline]);
    }

    #[test]
    fn pure_filler_has_no_matter() {
        assert!(parse("请问怎么办理？").matters.is_empty());
    }
}
