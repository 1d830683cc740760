//! Candidates by how likely their best sentences answer, each with whether it does.

use std::sync::Arc;

use super::base::{Base, passage_text};
use super::evidence::{
    FEATURES, Gap, Grade, Reader, View, by_words, features, margin, nearest, short_of,
};
use super::find::{Candidate, Limits, Meaning};
use crate::kb::State;
use crate::retrieve::{ModelFault, Side};

/// What each character that a text lacks takes from its value.
const LACKS: f64 = 0.2;
/// Texts whose nearest sentence the reader reads.
const TEXTS_READ: usize = 6;
/// Of these, texts of which it reads more sentences, and how many more.
const TEXTS_READ_ON: usize = 2;
const READ_ON: usize = 2;

/// What the gate counts for a text beside the reader of words, which knows better how people ask
/// but not so well that all words stand there. The best of five shares by the area between hits and
/// near misses on documents left out; `examples/evaluation/train.py` sets the reader's bar with it.
const GATE_BESIDE: f64 = 0.25;

/// A candidate with the sentence that answers most likely.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ranked<'a> {
    pub(super) candidate: &'a Candidate,
    pub(super) at: usize,
    pub(super) grade: Grade,
    /// How near the sentence that comes nearest by words does.
    pub(super) value: f64,
    /// Log-odds that the sentence answers, above the bar; the least of all where it was not read.
    margin: f64,
    /// Whether it answers.
    pub(super) verdict: Result<(), Gap>,
}

/// A sentence as the reader sees it.
#[derive(Debug, Clone)]
pub(crate) struct Read {
    /// Position of its text among the ranked.
    pub(crate) text: usize,
    /// Position in its view.
    pub(crate) sentence: usize,
    pub(crate) key: SentenceKey,
    pub(crate) features: [f64; FEATURES],
    /// Empty until it is wanted.
    pub(crate) vector: Arc<[f32]>,
}

impl Base {
    /// The candidates, those that answer most likely first, each judged: by meaning where there is
    /// a reader for the model for vectors, by words otherwise.
    pub(super) fn judged<'a>(
        &self,
        candidates: &'a [Candidate],
        limits: &Limits,
        meaning: Option<&Meaning>,
    ) -> Vec<Ranked<'a>> {
        let mut ranked = ranked(candidates, limits);
        let mut read = to_read(&ranked);
        let model = self.dense.as_ref();
        let by_meaning = model.and_then(|(_, model)| Reader::of(&model.name()));
        let by_meaning = meaning.zip(by_meaning);
        let vectored = by_meaning.filter(|_| self.with_vectors(&mut read, limits));
        let (reader, question) = if let Some((meaning, reader)) = vectored {
            (Some(reader), meaning.vector.as_slice())
        } else {
            for one in &mut read {
                one.vector = Arc::from([]);
                one.features = by_words(one.features);
            }
            (Reader::of_words(), [].as_slice())
        };
        let Some(reader) = reader else {
            tracing::error!("the weights of the reader are damaged, nothing is answered");
            return ranked;
        };
        let by_vectors = vectored.is_some();
        let question = reader.look(question);
        let by_gate: Vec<f64> = ranked.iter().map(|one| margin(&one.grade)).collect();
        // Without vectors the gate alone tells of texts that the bank does not know, and of those of
        // another place: questions about it are alike in its name, whatever they are about.
        let known = |one: &Ranked<'_>| {
            by_vectors || !limits.elsewhere && self.bank.knows(one.candidate.version)
        };
        for read in &read {
            let Some(one) = ranked.get_mut(read.text) else {
                continue;
            };
            if !known(one) {
                continue;
            }
            let margin = reader.margin(&question, &read.vector, &read.features);
            let grade = one.candidate.grades.get(read.sentence);
            if let Some(grade) = grade.filter(|_| margin > one.margin) {
                (one.at, one.grade, one.margin) = (read.sentence, *grade, margin);
            }
        }
        for (one, gate) in ranked.iter_mut().zip(by_gate) {
            if !known(one) {
                one.margin = gate;
            } else if !by_vectors {
                one.margin += (GATE_BESIDE * gate).max(0.0);
            }
            let only_place = limits.elsewhere && short_of(&one.grade) == Gap::OtherMatter;
            one.verdict = if one.margin >= 0.0 && !only_place {
                Ok(())
            } else {
                Err(short_of(&one.grade))
            };
        }
        ranked.sort_by(|a, b| b.margin.total_cmp(&a.margin));
        ranked
    }

    /// Gives the sentences their vectors; false where there is no model or it gives none.
    pub(super) fn with_vectors(&self, read: &mut [Read], limits: &Limits) -> bool {
        let Some((_, model)) = self.dense.as_ref().filter(|_| limits.help.may()) else {
            return false;
        };
        let mut unknown = Vec::new();
        for (at, one) in read.iter_mut().enumerate() {
            match self.sentences.get(&one.key) {
                Some(vector) => one.vector = vector,
                None => unknown.push((at, one.key)),
            }
        }
        let texts: Option<Vec<String>> = unknown.iter().map(|(_, key)| self.alone(*key)).collect();
        let Some(texts) = texts else {
            return false;
        };
        if texts.is_empty() {
            return true;
        }
        let vectors = limits.help.told(|| model.embed(&texts, Side::Sentence));
        let vectors = vectors.and_then(|vectors| {
            let odd = || ModelFault("向量模型给的向量与句子数不符".to_owned());
            (vectors.len() == texts.len())
                .then_some(vectors)
                .ok_or_else(odd)
        });
        let Some(vectors) = limits.help.given(vectors, "sentences") else {
            return false;
        };
        for ((at, key), vector) in unknown.into_iter().zip(vectors) {
            let vector: Arc<[f32]> = Arc::from(vector);
            self.sentences.put(key, vector.clone());
            if let Some(one) = read.get_mut(at) {
                one.vector = vector;
            }
        }
        true
    }

    /// A sentence as the model for vectors gets it: with the titles above it and the head of its
    /// table.
    fn alone(&self, (version, passage, start, end): SentenceKey) -> Option<String> {
        let version = self.published.versions.get(version as usize)?;
        let passage = version.passages.get(passage as usize)?;
        let span = start as usize..end as usize;
        let head = passage.table_head.clone().filter(|head| *head != span);
        let spans: Vec<_> = head.into_iter().chain([span]).collect();
        Some(passage_text(version, passage, &spans))
    }
}

/// Version, passage, first byte and end of a sentence.
pub(super) type SentenceKey = (u32, u32, u32, u32);

/// The key of a sentence of a view of a version.
pub(super) fn key(version: usize, view: &View, at: usize) -> Option<SentenceKey> {
    let sentence = view.sentences.get(at)?;
    let (start, end) = (sentence.span.start as u32, sentence.span.end as u32);
    Some((version as u32, sentence.passage as u32, start, end))
}

/// The sentences that are judged: of each of the nearest texts the one that comes nearest by
/// words, of the first ones some more, and those that answer questions like this one.
pub(super) fn to_read(ranked: &[Ranked<'_>]) -> Vec<Read> {
    let best = ranked.first().map_or(0.0, |one| one.value);
    let mut read = Vec::new();
    for (text, one) in ranked.iter().take(TEXTS_READ).enumerate() {
        let more = if text < TEXTS_READ_ON { READ_ON } else { 0 };
        let mut wanted = vec![one.at];
        for other in others(one)
            .take(more)
            .chain(asked_so(one.candidate).take(READ_ON))
        {
            if !wanted.contains(&other) {
                wanted.push(other);
            }
        }
        let candidate = one.candidate;
        read.extend(wanted.into_iter().filter_map(|sentence| {
            let grade = candidate.grades.get(sentence)?;
            let value = one.value + grade.score - one.grade.score;
            Some(Read {
                text,
                sentence,
                key: key(candidate.version, &candidate.view, sentence)?,
                features: features(grade, (value, best), candidate.likes.get(sentence)?),
                vector: Arc::from([]),
            })
        }));
    }
    read
}

/// The sentences of a text that answer questions of the bank like this one, the more alike first.
fn asked_so(candidate: &Candidate) -> impl Iterator<Item = usize> {
    let likes = candidate.likes.iter().enumerate();
    let mut alike: Vec<(usize, f32)> = likes
        .map(|(at, likes)| (at, likes.own()))
        .filter(|(_, own)| *own > 0.0)
        .collect();
    alike.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    alike.into_iter().map(|(at, _)| at)
}

/// The sentence of a text that questions like this one are asked of most, where none states the
/// asked kind of fact: people ask for a time where a text tells a condition.
fn most_asked(candidate: &Candidate) -> Option<(usize, Grade)> {
    let at = asked_so(candidate).next()?;
    Some((at, *candidate.grades.get(at)?))
}

/// The other sentences of a text that state the asked kind of fact, the nearer first.
fn others(one: &Ranked<'_>) -> impl Iterator<Item = usize> {
    let grades = one.candidate.grades.iter().enumerate();
    let mut typed: Vec<(usize, f64)> = grades
        .filter(|(at, grade)| *at != one.at && grade.typed)
        .map(|(at, grade)| (at, grade.score))
        .collect();
    typed.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    typed.into_iter().map(|(at, _)| at)
}

/// The candidates by how near their best sentences come, the nearest first, not read yet.
pub(super) fn ranked<'a>(candidates: &'a [Candidate], limits: &Limits) -> Vec<Ranked<'a>> {
    let alone = candidates
        .iter()
        .filter(|one| !has_successor(one, candidates));
    let mut ranked: Vec<Ranked<'a>> = alone
        .filter_map(|candidate| {
            let (at, grade) = nearest(&candidate.grades).or_else(|| most_asked(candidate))?;
            let value = grade.score * limits.factor(candidate.state) + 0.1 * candidate.prior
                - LACKS * grade.missing.min(3) as f64;
            Some(Ranked {
                candidate,
                at,
                grade,
                value,
                margin: f64::NEG_INFINITY,
                verdict: Err(short_of(&grade)),
            })
        })
        .collect();
    ranked.sort_by(|a, b| b.value.total_cmp(&a.value));
    ranked
}

/// Whether a text that does not hold stands beside one of nearly the same title that does: what
/// the old one says is not the answer then.
fn has_successor(one: &Candidate, all: &[Candidate]) -> bool {
    if one.state.holds() || one.state == State::Draft {
        return false;
    }
    let parts = crate::retrieve::terms(&one.view.title);
    let pairs: Vec<_> = parts
        .iter()
        .filter(|term| term.text.chars().nth(1).is_some())
        .collect();
    all.iter().filter(|other| other.state.holds()).any(|other| {
        let shared = pairs
            .iter()
            .filter(|term| other.view.title.contains(term.text));
        shared.count() * 10 >= pairs.len() * 7
    })
}
