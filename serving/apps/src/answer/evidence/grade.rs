//! How far each sentence of a view names what a question is about.

use super::kinds::{asked_section, has_type, is_strict};
use super::view::View;
use super::weigh::Weighed;
use crate::answer::question::Question;

/// What naming a unit counts, by where it stands: in the sentence, in its headings, beside it, in
/// the title, in its passage, elsewhere in the view.
const PLACES: [f64; 6] = [1.0, 0.9, 0.8, 0.75, 0.45, 0.25];
/// The same for the question whether the view covers the unit at all.
const COVERS: [f64; 6] = [1.0, 1.0, 1.0, 1.0, 0.8, 0.55];
/// What the kind of section that is asked for adds to a sentence, in shares of the whole matter.
const SECTION: f64 = 0.22;
/// The least matter that shares are taken of, so that a section counts for a bare title too.
const LEAST: f64 = 0.5;

/// What was found out about one sentence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grade {
    /// Rank among sentences: named matter and section, in shares of the whole matter.
    pub(crate) score: f64,
    /// Share of the whole matter that the sentence with its surroundings covers.
    pub(crate) covered: f64,
    /// Share of the matter beyond the title that stands in or beside the sentence; one where the
    /// title names all.
    pub(crate) specific: f64,
    /// Longest run of units that the view lacks, in characters.
    pub(crate) missing: usize,
    /// Whether it states the kind of fact that is asked for.
    pub(crate) typed: bool,
    /// Whether it stands in a section of the kind that is asked for.
    pub(crate) section: bool,
    /// Share of the matter that the title names.
    pub(crate) titled: f64,
    /// Share of the matter that stands in or beside the sentence.
    pub(crate) near: f64,
    /// Share of the matter in the clauses that ask that stands in or beside the sentence, or in
    /// the title.
    pub(crate) asked: f64,
    /// What the view lacks of the matter in the clauses that ask, in characters of rare words.
    pub(crate) lacking: f64,
    /// All matter, and that in the clauses that ask, in the same measure.
    pub(crate) matter: (f64, f64),
}

/// Grades all sentences of a view; pure.
pub(crate) fn grade(question: &Question, weighed: &[Weighed], view: &View) -> Vec<Grade> {
    let all: f64 = weighed.iter().map(|unit| unit.weight).sum();
    let strict = question.aspects.iter().copied().find(|a| is_strict(*a));
    let sections: Vec<_> = question.aspects.iter().map(|a| asked_section(*a)).collect();
    let in_title: Vec<bool> = weighed
        .iter()
        .map(|u| u.matter.is_in(&view.title))
        .collect();
    let in_body: Vec<bool> = weighed.iter().map(|u| u.matter.is_in(&view.body)).collect();
    let titled: f64 = sum_where(weighed, &in_title) / all.max(f64::MIN_POSITIVE);
    let missing = missing(weighed, &in_title, &in_body);
    let all_asked: f64 = asked(weighed).sum();
    let absent = |((unit, titled), bodied): &((&Weighed, &bool), &bool)| {
        unit.matter.asked && !**titled && !**bodied
    };
    let lacking = weighed.iter().zip(&in_title).zip(&in_body).filter(absent);
    let lacking: f64 = lacking.map(|((unit, _), _)| unit.weight).sum();
    let beyond = all - sum_where(weighed, &in_title);
    let passages: Vec<String> = (0..view.sentences.len())
        .map(|at| passage_text(view, at))
        .collect();
    view.sentences
        .iter()
        .zip(&passages)
        .map(|(sentence, passage)| {
            let (mut named, mut covered, mut specific) = (0.0, 0.0, 0.0);
            let (mut near, mut asked) = (0.0, 0.0);
            for ((unit, titled), bodied) in weighed.iter().zip(&in_title).zip(&in_body) {
                let matter = &unit.matter;
                let place = if matter.is_in(&sentence.folded) {
                    0
                } else if matter.is_in(&sentence.heading) {
                    1
                } else if matter.is_in(&sentence.beside) {
                    2
                } else if *titled {
                    3
                } else if matter.is_in(passage) {
                    4
                } else if *bodied {
                    5
                } else {
                    continue;
                };
                named += unit.weight * PLACES.get(place).unwrap_or(&0.0);
                covered += unit.weight * COVERS.get(place).unwrap_or(&0.0);
                if !titled && place < 3 {
                    specific += unit.weight;
                }
                if place < 3 {
                    near += unit.weight;
                }
                if (place < 3 || *titled) && matter.asked {
                    asked += unit.weight;
                }
            }
            let section = sections.contains(&sentence.kind);
            let typed = strict.is_none_or(|aspect| has_type(aspect, sentence))
                && question
                    .measure
                    .is_none_or(|words| has_measure(words, sentence));
            let bonus = if section { SECTION } else { 0.0 };
            Grade {
                score: named / all.max(LEAST) + bonus,
                covered: covered / all.max(f64::MIN_POSITIVE),
                specific: if beyond > 1e-9 {
                    specific / beyond
                } else {
                    1.0
                },
                missing,
                typed,
                section,
                titled,
                near: near / all.max(f64::MIN_POSITIVE),
                asked: asked / all_asked.max(f64::MIN_POSITIVE),
                lacking,
                matter: (all, all_asked),
            }
        })
        .collect()
}

/// Weights of the units in the clauses that ask.
fn asked(weighed: &[Weighed]) -> impl Iterator<Item = f64> {
    let asked = weighed.iter().filter(|unit| unit.matter.asked);
    asked.map(|unit| unit.weight)
}

fn sum_where(weighed: &[Weighed], keep: &[bool]) -> f64 {
    let kept = weighed.iter().zip(keep).filter(|(_, keep)| **keep);
    kept.map(|(unit, _)| unit.weight).sum()
}

/// The folded text of the sentence's passage.
fn passage_text(view: &View, at: usize) -> String {
    let own = view.sentences.get(at).map(|sentence| sentence.passage);
    let same = view.sentences.iter().filter(|s| Some(s.passage) == own);
    same.map(|s| s.folded.as_str())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Characters of the longest run of neighbouring units that neither title nor body has.
fn missing(weighed: &[Weighed], in_title: &[bool], in_body: &[bool]) -> usize {
    let (mut longest, mut now, mut run) = (0, 0, None);
    for ((unit, titled), bodied) in weighed.iter().zip(in_title).zip(in_body) {
        if *titled || *bodied || unit.matter.filler {
            now = 0;
            continue;
        }
        if run != Some(unit.matter.run) {
            now = 0;
        }
        run = Some(unit.matter.run);
        now += if unit.matter.word && !unit.matter.lone {
            2
        } else {
            1
        };
        longest = longest.max(now);
    }
    longest
}

/// Whether a number of the sentence, or the head of its table, has one of the measure words.
fn has_measure(words: &str, sentence: &super::view::SentenceView) -> bool {
    words.split_whitespace().any(|word| {
        let in_text = sentence.folded.match_indices(word).any(|(at, _)| {
            let before = sentence.folded.get(..at).unwrap_or_default();
            let last = before.trim_end().chars().last();
            !word.chars().all(char::is_alphabetic)
                || word.starts_with(['免', '不', '比', '百'])
                || last.is_some_and(|c| {
                    c.is_ascii_digit() || "一二三四五六七八九十百千万亿两半几个余多".contains(c)
                })
        });
        in_text || sentence.header.is_some() && sentence.beside.contains(&format!("({word})"))
    })
}
