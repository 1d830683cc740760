//! From a question to the passages that may answer it, graded.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;

use super::bank::{Alike, Likes};
use super::base::Base;
use super::evidence::{Grade, View, Weighed, grade, scope};
use super::help::Help;
use super::question::{Named, Question};
use super::rank::key;
use super::record::Asked;
use crate::kb::{State, Version};
use crate::retrieve::{Cosines, ModelFault, Side, fold, fuse};

/// Passages taken from the words' index.
const LEXICAL: usize = 80;
/// Passages taken from the vectors.
const DENSE: usize = 50;
/// What the nearest passage by vectors adds to its sentences, in shares of the whole matter.
const MEANING: f64 = 0.4;
/// What the passages of the question bank count when lists are fused, each against the others.
const BANK: f32 = 1.0;
/// What the nearest question of the bank adds to the sentence that answers it, in shares of the
/// whole matter.
const ASKED_SO: f64 = 0.6;
/// Texts, or parts of long texts, that are graded.
const GRADED: usize = 12;
/// A passage with its score, by positions in the base.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) version: usize,
    pub(super) passage: usize,
    pub(super) state: State,
    pub(super) score: f32,
}

/// A text, or part of one, with the grades of its sentences.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) version: usize,
    pub(super) state: State,
    /// Retrieval score of its best passage, in shares of the best of all.
    pub(super) prior: f64,
    pub(super) view: View,
    pub(super) grades: Vec<Grade>,
    /// What the question bank says of each sentence.
    pub(super) likes: Vec<Likes>,
}

/// A question's vector, and how near every passage is to it.
#[derive(Debug)]
pub(super) struct Meaning {
    pub(super) vector: Vec<f32>,
    pub(super) cosines: Cosines,
}

/// What was looked up for a question.
#[derive(Debug)]
pub(super) struct LookedUp {
    pub(super) meaning: Option<Meaning>,
    /// Passages by rank.
    pub(super) found: Vec<Found>,
    pub(super) candidates: Vec<Candidate>,
}

/// What limits the texts that may answer.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) day: Date,
    /// The place whose rules are asked for, folded.
    pub(super) place: Option<String>,
    /// Of each version its state, if it may answer.
    states: Arc<[Option<State>]>,
    /// That is not the base's own.
    pub(super) elsewhere: bool,
    /// The question asks for a draft by name.
    pub(super) draft: bool,
    /// Whether models help to find.
    pub(super) help: Help,
}

impl Limits {
    /// The state of a version, if it may answer.
    pub(super) fn state_of(&self, version: usize) -> Option<State> {
        self.states.get(version).copied().flatten()
    }

    /// How far a text that is not law on the day falls behind one that is.
    pub(super) fn factor(&self, state: State) -> f64 {
        match state {
            State::InForce | State::Unstated => 1.0,
            State::Draft if self.draft => 1.1,
            State::Draft => 0.8,
            State::NotYet | State::Superseded | State::Repealed | State::Quarantined => 0.75,
        }
    }
}

impl Base {
    /// What limits the texts that may answer a question, which names a place of the base or none.
    pub(super) fn limits_of(
        &self,
        asked: &Asked,
        question: &Question,
        named: Option<&Named>,
        help: Help,
    ) -> Limits {
        let day = question.as_of.unwrap_or(asked.as_of);
        let home = self.home_on(day);
        let given = asked.place.as_deref().map(fold);
        let place = match named {
            Some(Named::Here(place)) => Some(place.clone()),
            _ => given.or_else(|| home.clone()),
        };
        let draft = ["草案", "征求意见", "拟定", "修订稿", "意见稿"];
        Limits {
            day,
            elsewhere: home.is_some() && place != home,
            states: self.states_on(day, place.as_deref()),
            place,
            draft: draft.iter().any(|word| question.folded.contains(word)),
            help,
        }
    }

    /// Passages for a question, and the best texts with all their sentences graded.
    pub(super) fn look_up(
        &self,
        question: &Question,
        weighed: &[Weighed],
        limits: &Limits,
    ) -> LookedUp {
        let meaning = self.meaning(question, limits);
        let alike = self.alike(question, limits, meaning.as_ref());
        let mut found = self.ranked(question, limits, meaning.as_ref(), &alike);
        self.rerank(question, limits, &mut found);
        let candidates = self.candidates(question, weighed, &found, meaning.as_ref(), &alike);
        LookedUp {
            meaning,
            found,
            candidates,
        }
    }

    /// What the question is like in the bank, of what may answer it.
    pub(super) fn alike(
        &self,
        question: &Question,
        limits: &Limits,
        meaning: Option<&Meaning>,
    ) -> Alike {
        if self.bank.is_empty() {
            return Alike::default();
        }
        let vector = meaning.map(|meaning| meaning.vector.as_slice());
        self.bank.alike(&question.folded, vector, |version| {
            limits.state_of(version as usize).is_some()
        })
    }

    /// Passages by rank: words and vectors fused, of texts for the place, and of each document
    /// only the version that holds on the day where one does.
    pub(super) fn ranked(
        &self,
        question: &Question,
        limits: &Limits,
        meaning: Option<&Meaning>,
        alike: &Alike,
    ) -> Vec<Found> {
        let lexical = match self.index.top(&question.terms, LEXICAL) {
            Ok(top) => top,
            Err(fault) => {
                tracing::error!(%fault, "search failed");
                Vec::new()
            }
        };
        let banked = alike.passages().map(|passages| self.as_list(&passages));
        let dense = meaning.map(|meaning| meaning.cosines.top(DENSE));
        let mut lists: Vec<(&[(u32, f32)], f32)> = vec![(&lexical, 1.0)];
        lists.extend(dense.iter().map(|dense| (dense.as_slice(), 1.0)));
        let known = banked.iter().filter(|list| !list.is_empty());
        lists.extend(known.map(|list| (list.as_slice(), BANK)));
        let fused = if lists.len() > 1 {
            fuse(&lists)
        } else {
            lexical
        };
        let mut titles: HashMap<usize, f64> = HashMap::new();
        let mut found: Vec<Found> = fused
            .into_iter()
            .filter_map(|(entry, score)| {
                let (at, passage) = *self.entries.get(entry as usize)?;
                let (at, passage) = (at as usize, passage as usize);
                let version = self.published.versions.get(at)?;
                let state = limits.state_of(at)?;
                let share = *titles
                    .entry(at)
                    .or_insert_with(|| share_of_title(question, version));
                let factor = (1.0 + share) * limits.factor(state);
                Some(Found {
                    version: at,
                    passage,
                    state,
                    score: score * factor as f32,
                })
            })
            .collect();
        found.sort_by(|a, b| {
            let order = b.score.total_cmp(&a.score);
            order.then_with(|| (a.version, a.passage).cmp(&(b.version, b.passage)))
        });
        found
    }

    /// Passages as a ranked list of entries of the index.
    fn as_list(&self, passages: &[(u32, u32)]) -> Vec<(u32, f32)> {
        let entry = |(version, passage): &(u32, u32)| {
            let start = *self.starts.get(*version as usize)?;
            Some((u32::try_from(start).ok()? + passage, 0.0))
        };
        passages.iter().filter_map(entry).collect()
    }

    /// What a question means to the model for vectors; none without one.
    pub(super) fn meaning(&self, question: &Question, limits: &Limits) -> Option<Meaning> {
        let (dense, embedder) = self.dense.as_ref().filter(|_| limits.help.may())?;
        let text = std::slice::from_ref(&question.folded);
        let rows = limits.help.told(|| embedder.embed(text, Side::Query));
        let meaning = rows.and_then(|mut rows| {
            let vector = rows.pop().unwrap_or_default();
            let cosines = dense.cosines(&vector);
            let odd = || ModelFault("问句的向量与段落的向量宽度不同".to_owned());
            Ok(Meaning {
                cosines: cosines.ok_or_else(odd)?,
                vector,
            })
        });
        limits.help.given(meaning, "question")
    }

    /// The best texts, or parts of long ones, with all their sentences graded.
    fn candidates(
        &self,
        question: &Question,
        weighed: &[Weighed],
        found: &[Found],
        meaning: Option<&Meaning>,
        alike: &Alike,
    ) -> Vec<Candidate> {
        let best = found
            .first()
            .map_or(1.0, |found| found.score)
            .max(f32::MIN_POSITIVE);
        let mut seen: Vec<(usize, Range<usize>)> = Vec::new();
        let mut candidates = Vec::new();
        for one in found {
            let known = |(at, range): &(usize, Range<usize>)| {
                *at == one.version && range.contains(&one.passage)
            };
            let Some(version) = self.published.versions.get(one.version) else {
                continue;
            };
            if seen.iter().any(known) {
                continue;
            }
            if seen.len() == GRADED {
                break;
            }
            let range = scope(version, one.passage);
            seen.push((one.version, range.clone()));
            let view = View::new(version, range);
            let mut grades = grade(question, weighed, &view);
            if let Some(meaning) = meaning {
                let start = self.starts.get(one.version).copied().unwrap_or_default();
                for (grade, sentence) in grades.iter_mut().zip(&view.sentences) {
                    let near = meaning.cosines.nearness(start + sentence.passage);
                    grade.score += MEANING * f64::from(near);
                }
            }
            let likes: Vec<Likes> = (0..view.sentences.len())
                .map(|at| key(one.version, &view, at).map_or_else(Likes::default, |k| alike.of(k)))
                .collect();
            for (grade, likes) in grades.iter_mut().zip(&likes) {
                grade.score += ASKED_SO * f64::from(likes.own());
            }
            candidates.push(Candidate {
                likes,
                version: one.version,
                state: one.state,
                prior: f64::from(one.score / best),
                grades,
                view,
            });
        }
        candidates
    }
}

/// Passages by the evidence in them: the found ones and their graded neighbours.
pub(super) fn by_evidence(
    found: &[Found],
    candidates: &[Candidate],
    limits: &Limits,
) -> Vec<Found> {
    let best = found
        .first()
        .map_or(1.0, |found| found.score)
        .max(f32::MIN_POSITIVE);
    let mut evidence: HashMap<(usize, usize), (f64, State)> = HashMap::new();
    for candidate in candidates {
        for (sentence, grade) in candidate.view.sentences.iter().zip(&candidate.grades) {
            let typed = if grade.typed { 0.15 } else { 0.0 };
            let own =
                (grade.score + typed) * limits.factor(candidate.state) + 0.2 * candidate.prior;
            let known = evidence
                .entry((candidate.version, sentence.passage))
                .or_insert((own, candidate.state));
            known.0 = known.0.max(own);
        }
    }
    for one in found {
        let own = f64::from(one.score / best);
        let known = evidence
            .entry((one.version, one.passage))
            .or_insert((0.0, one.state));
        known.0 += 0.2 * own;
    }
    let mut ranked: Vec<Found> = evidence
        .into_iter()
        .map(|((version, passage), (score, state))| Found {
            version,
            passage,
            state,
            score: score as f32,
        })
        .collect();
    ranked.sort_by(|a, b| {
        let order = b.score.total_cmp(&a.score);
        order.then_with(|| (a.version, a.passage).cmp(&(b.version, b.passage)))
    });
    ranked
}

/// Share of a question's units that a version's title names.
pub(super) fn share_of_title(question: &Question, version: &Version) -> f64 {
    let title = fold(&version.head.title);
    let named = question.matters.iter().filter(|m| m.is_in(&title)).count();
    named as f64 / question.matters.len().max(1) as f64
}
