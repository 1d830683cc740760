//! How far each sentence of a view names what a question is about.

use super::kinds::{asked_section, has_type, is_strict};
use super::view::{SentenceView, View};
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
        .map(|u| u.matter.is_in(&view.title) || u.matter.is_in(&view.place))
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
    let whole = all.max(f64::MIN_POSITIVE);
    let sentences = view.sentences.iter().enumerate();
    let grades = sentences.map(|(at, sentence)| {
        let named = Named::of(
            weighed,
            (&in_title, &in_body),
            sentence,
            &passage_text(view, at),
        );
        let section = sections.contains(&sentence.kind);
        let typed = strict.is_none_or(|aspect| has_type(aspect, sentence))
            && question
                .measure
                .is_none_or(|words| has_measure(words, sentence));
        let bonus = if section { SECTION } else { 0.0 };
        let specific = named.specific / beyond;
        Grade {
            score: named.ranked / all.max(LEAST) + bonus,
            covered: named.covered / whole,
            specific: if beyond > 1e-9 { specific } else { 1.0 },
            missing,
            typed,
            section,
            titled,
            near: named.near / whole,
            asked: named.asked / all_asked.max(f64::MIN_POSITIVE),
            lacking,
            matter: (all, all_asked),
        }
    });
    grades.collect()
}

/// Weights of the units that a sentence names with its surroundings.
#[derive(Default)]
struct Named {
    ranked: f64,
    covered: f64,
    /// In or beside the sentence.
    near: f64,
    /// Of those, the ones that the title does not name.
    specific: f64,
    /// In or beside the sentence or in the title, of the clauses that ask.
    asked: f64,
}

impl Named {
    /// `title` and `body` say of each unit whether they name it.
    fn of(
        weighed: &[Weighed],
        (title, body): (&[bool], &[bool]),
        sentence: &SentenceView,
        passage: &str,
    ) -> Self {
        let mut named = Self::default();
        for ((unit, titled), bodied) in weighed.iter().zip(title).zip(body) {
            let matter = &unit.matter;
            let stands = [
                matter.is_in(&sentence.folded),
                matter.is_in(&sentence.heading),
                matter.is_in(&sentence.beside),
                *titled,
                matter.is_in(passage),
                *bodied,
            ];
            let Some(place) = stands.iter().position(|stands| *stands) else {
                continue;
            };
            let is_near = place < 3;
            let counted = |counts: bool| if counts { unit.weight } else { 0.0 };
            named.ranked += unit.weight * PLACES.get(place).unwrap_or(&0.0);
            named.covered += unit.weight * COVERS.get(place).unwrap_or(&0.0);
            named.near += counted(is_near);
            named.specific += counted(is_near && !titled);
            named.asked += counted((is_near || *titled) && matter.asked);
        }
        named
    }
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
fn has_measure(words: &str, sentence: &SentenceView) -> bool {
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
