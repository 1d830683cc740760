//! The evidence for one question: the best candidate, if it passes the gate, and what texts in
//! force say otherwise.

use jiff::civil::Date;
use serde::Serialize;

use super::base::Base;
use super::cite::verified;
use super::evidence::{Gap, SentenceView, select, weigh};
use super::find::Limits;
use super::help::Help;
use super::question::{Question, agree};
use super::rank::{Ranked, ranked, to_read};
use super::record::{Asked, Citation, Conflict, Sentence, Side};
use crate::kb::{State, Statement, Version, matter};
use crate::retrieve::fold;

/// A text that passed the gate counts as another meaning of the question when it is this near to
/// the best one.
const ANOTHER_MEANING: f64 = 0.85;
/// A question with more matter than this, in characters, is not too short to be plain.
const SHORT_MATTER: usize = 5;

/// What one question, or a part of one, came to.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) sentences: Vec<Sentence>,
    pub(super) conflicts: Vec<Conflict>,
    /// The best sentence covers everything that is asked.
    pub(super) whole: bool,
}

/// What the reader sees of a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// Document of the best candidate.
    pub(crate) document: String,
    /// Of the question; none without a model for vectors.
    pub(crate) vector: Option<Vec<f32>>,
    /// What the reader reads, text by text.
    pub(crate) sentences: Vec<SeenSentence>,
}

/// A sentence that the reader reads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SeenSentence {
    /// Rank of its text.
    pub(crate) text: usize,
    pub(crate) document: String,
    /// Folded.
    pub(crate) sentence: String,
    pub(crate) features: Vec<f64>,
    /// Empty where an earlier question of the run told it.
    pub(crate) vector: Vec<f32>,
    /// Names it among all of its base.
    pub(crate) key: (u32, u32, u32, u32),
}

impl Base {
    /// What the reader sees of a question. For training it.
    pub(crate) fn seen(&self, asked: &Asked, mend: bool) -> Option<Seen> {
        let question = self.read(&asked.question, asked, mend);
        let limits = self.limits(asked, &question, Help::welcome(None)).ok()?;
        let weighed = weigh(&question.matters, &self.index);
        let looked = self.look_up(&question, &weighed, &limits);
        let ranked = ranked(&looked.candidates, &limits);
        let best = ranked.first()?;
        let document = |one: &Ranked<'_>| {
            let version = self.published.versions.get(one.candidate.version)?;
            Some(version.id.document.clone())
        };
        let mut read = to_read(&ranked);
        self.with_vectors(&mut read, &limits);
        let sentences = read.into_iter().map(|read| {
            let one = ranked.get(read.text)?;
            let sentence = one.candidate.view.sentences.get(read.sentence)?;
            Some(SeenSentence {
                text: read.text,
                document: document(one)?,
                sentence: sentence.folded.clone(),
                features: read.features.to_vec(),
                vector: read.vector.to_vec(),
                key: read.key,
            })
        });
        Some(Seen {
            document: document(best)?,
            vector: looked.meaning.map(|meaning| meaning.vector),
            sentences: sentences.collect::<Option<_>>()?,
        })
    }

    /// The evidence for one question within its limits; the nearest texts where there is none.
    pub(super) fn evidence(
        &self,
        question: &Question,
        limits: &Limits,
    ) -> Result<Found, (Gap, Vec<Citation>)> {
        let weighed = weigh(&question.matters, &self.index);
        if weighed.is_empty() {
            return Err((Gap::NoMatter, Vec::new()));
        }
        let looked = self.look_up(question, &weighed, limits);
        let found = &looked.found;
        let ranked = self.judged(&looked.candidates, limits, looked.meaning.as_ref());
        let Some(best) = ranked.first().copied() else {
            return Err((Gap::OtherMatter, self.nearest(found, limits.day)));
        };
        if let Err(gap) = best.verdict {
            return Err((gap, self.nearest(found, limits.day)));
        }
        let passes = |one: &&Ranked<'_>| one.verdict.is_ok();
        let passed: Vec<Ranked<'_>> = ranked.iter().filter(passes).copied().collect();
        if limits.place.is_none()
            && let Some(places) = self.several_places(&ranked, &passed, limits.day)
        {
            return Err((Gap::Places, places));
        }
        let meanings = meanings(question, &passed);
        if meanings.len() > 1 {
            let texts = meanings
                .iter()
                .filter_map(|at| self.published.versions.get(*at));
            let named = texts.map(|version| Citation::of(version, &[], 0..0, limits.day));
            return Err((Gap::Ambiguous, named.collect()));
        }
        let sentences = self.shown(question, &best, limits);
        if sentences.is_empty() {
            return Err((Gap::Changed, self.nearest(found, limits.day)));
        }
        Ok(Found {
            sentences,
            conflicts: self.conflicts(&best, &passed, limits),
            whole: best.grade.missing == 0,
        })
    }

    /// Texts that would answer a question that names no place, when their places differ: one text
    /// for each place.
    fn several_places(
        &self,
        ranked: &[Ranked<'_>],
        passed: &[Ranked<'_>],
        day: Date,
    ) -> Option<Vec<Citation>> {
        let best = passed.first()?;
        // What is like it in the bank may be asked of another place than its words name.
        let by_words = ranked.iter().max_by(|a, b| a.value.total_cmp(&b.value));
        let near = by_words.into_iter().chain(passed).filter(|one| {
            one.value >= ANOTHER_MEANING * best.value
                && one.candidate.version != best.candidate.version
        });
        let mut named: Vec<&str> = Vec::new();
        let mut texts = Vec::new();
        for one in std::iter::once(best).chain(near) {
            let version = self.published.versions.get(one.candidate.version)?;
            let Some(place) = version.head.place.as_deref() else {
                continue;
            };
            if !named.iter().any(|known| agree(&fold(known), &fold(place))) {
                named.push(place);
                texts.push(version);
            }
        }
        let named = texts
            .iter()
            .map(|version| Citation::of(version, &[], 0..0, day));
        (texts.len() > 1).then(|| named.collect())
    }

    fn shown(&self, question: &Question, best: &Ranked<'_>, limits: &Limits) -> Vec<Sentence> {
        let Some(version) = self.published.versions.get(best.candidate.version) else {
            return Vec::new();
        };
        let candidate = best.candidate;
        let chosen = select(question, &candidate.view, &candidate.grades, best.at);
        verified(version, limits.day, &chosen)
    }

    /// What texts in force say otherwise than the best sentence.
    fn conflicts(
        &self,
        best: &Ranked<'_>,
        passed: &[Ranked<'_>],
        limits: &Limits,
    ) -> Vec<Conflict> {
        let Some(own) = best.candidate.view.sentences.get(best.at) else {
            return Vec::new();
        };
        if !best.candidate.state.holds() {
            return Vec::new();
        }
        let others = passed.iter().filter(|other| {
            other.candidate.version != best.candidate.version && other.candidate.state.holds()
        });
        let versions = &self.published.versions;
        let stated = |version: &Version, sentence: &SentenceView| {
            Statement::of(version.text.get(sentence.span.clone())?)
        };
        let mine = versions.get(best.candidate.version);
        let Some((mine, mine_stated)) = mine.and_then(|mine| Some((mine, stated(mine, own)?)))
        else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for theirs in others {
            let sentences = &theirs.candidate.view.sentences;
            let Some(theirs) = versions.get(theirs.candidate.version) else {
                continue;
            };
            let same = matter(&mine.head.title) == matter(&theirs.head.title);
            let against = sentences.iter().find_map(|sentence| {
                let theirs = stated(theirs, sentence)?;
                let (left, right) = mine_stated.against(&theirs, same)?;
                Some((sentence, left.to_owned(), right.to_owned()))
            });
            let Some((sentence, left, right)) = against else {
                continue;
            };
            let side = |value: String, version, sentence| {
                let cited = verified(version, limits.day, &[sentence]);
                let citation = cited.into_iter().flat_map(|s| s.citations).next()?;
                Some(Side { value, citation })
            };
            if let (Some(one), Some(two)) = (side(left, mine, own), side(right, theirs, sentence)) {
                found.push(Conflict {
                    about: one.citation.path.last().cloned().unwrap_or_default(),
                    sides: vec![one, two],
                });
            }
        }
        found
    }
}

/// Versions of different documents that a short question may mean, when no title names its matter.
fn meanings(question: &Question, passed: &[Ranked<'_>]) -> Vec<usize> {
    let Some(best) = passed.first() else {
        return Vec::new();
    };
    if !question.general && (best.grade.titled > 0.0 || question.size() > SHORT_MATTER) {
        return vec![best.candidate.version];
    }
    let mut found: Vec<usize> = Vec::new();
    for one in passed {
        let near = question.general
            || one.value >= ANOTHER_MEANING * best.value && one.grade.titled <= 0.0;
        let holds = one.candidate.state.holds() || one.candidate.state == State::Draft;
        if near && holds && !found.contains(&one.candidate.version) {
            found.push(one.candidate.version);
        }
    }
    found
}
