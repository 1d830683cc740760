//! What the questions that a question is like say of a sentence; pure.

use super::{Entry, SentenceKey};
use crate::retrieve::best;

/// Questions of the bank that are looked at, the nearest ones.
const LOOKED_AT: usize = 60;
/// How much less like a question may be until its share of the votes falls to a third.
const BY_WORDS: f32 = 0.05;
const BY_MEANING: f32 = 0.04;
/// Numbers of [`Likes::numbers`].
pub(crate) const LIKES: usize = 10;

/// What the nearest questions of the bank say of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Like {
    /// How alike the nearest one is that the sentence answers, from nought to one.
    pub(crate) own: f32,
    /// Of those that other sentences answer.
    other: f32,
    /// Of those that no text answers.
    nothing: f32,
    /// Share of the votes of those that the sentence answers.
    own_share: f32,
    /// Share of the votes of those that no text answers.
    nothing_share: f32,
}

/// The same by words and by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Likes {
    pub(crate) words: Like,
    /// Nought without vectors.
    pub(crate) meaning: Like,
}

/// The nearest questions of the bank, best first.
#[derive(Debug, Default)]
struct Nearest(Vec<Near>);

/// A question of the bank with what it says now.
#[derive(Debug)]
struct Near {
    score: f32,
    /// Of all votes.
    share: f32,
    /// Sentences that hold its quote.
    sentences: Vec<SentenceKey>,
    answers: bool,
}

/// What a question is like.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    words: Nearest,
    meaning: Nearest,
}

impl Nearest {
    /// By scores, of those questions with a sentence in a version that may answer.
    fn of(
        scores: &[f32],
        entries: &[Entry],
        may_answer: &impl Fn(u32) -> bool,
        third_below: f32,
    ) -> Self {
        let counts = |at: u32| {
            let entry = entries.get(at as usize);
            entry.is_some_and(|entry| entry.sentences.iter().any(|s| may_answer(s.0)))
        };
        let nearest = best(scores, LOOKED_AT, counts).into_iter();
        let nearest = nearest.take_while(|(_, score)| *score > 0.0);
        let nearest = nearest.filter_map(|(at, score)| {
            let entry = entries.get(at as usize)?;
            let sentences = entry.sentences.iter();
            Some(Near {
                score,
                share: 0.0,
                sentences: sentences.filter(|s| may_answer(s.0)).copied().collect(),
                answers: entry.answers,
            })
        });
        let mut nearest: Vec<Near> = nearest.collect();
        let best = nearest.first().map_or(0.0, |near| near.score);
        for near in &mut nearest {
            near.share = ((near.score - best) / third_below).exp();
        }
        let all: f32 = nearest.iter().map(|near| near.share).sum();
        for near in &mut nearest {
            near.share /= all;
        }
        Self(nearest)
    }

    fn like(&self, sentence: SentenceKey) -> Like {
        let mut like = Like::default();
        for near in &self.0 {
            let most = if !near.answers {
                like.nothing_share += near.share;
                &mut like.nothing
            } else if near.sentences.contains(&sentence) {
                like.own_share += near.share;
                &mut like.own
            } else {
                &mut like.other
            };
            *most = most.max(near.score);
        }
        like
    }

    /// Versions and passages of the sentences that answer, best first, each once.
    fn passages(&self) -> Vec<(u32, u32)> {
        let mut found: Vec<(u32, u32)> = Vec::new();
        let answered = self.0.iter().filter(|near| near.answers);
        for (version, passage, ..) in answered.flat_map(|near| &near.sentences) {
            if !found.contains(&(*version, *passage)) {
                found.push((*version, *passage));
            }
        }
        found
    }
}

impl Alike {
    /// By how alike the question is to each entry, by words and, where there are vectors, by
    /// meaning.
    pub(super) fn of_scores(
        entries: &[Entry],
        words: &[f32],
        meaning: Option<&[f32]>,
        may_answer: impl Fn(u32) -> bool,
    ) -> Self {
        Self {
            words: Nearest::of(words, entries, &may_answer, BY_WORDS),
            meaning: meaning.map_or_else(Nearest::default, |scores| {
                Nearest::of(scores, entries, &may_answer, BY_MEANING)
            }),
        }
    }

    /// What it says of a sentence.
    pub(crate) fn of(&self, sentence: SentenceKey) -> Likes {
        Likes {
            words: self.words.like(sentence),
            meaning: self.meaning.like(sentence),
        }
    }

    /// Versions and passages of the sentences that answer the nearest questions, best first; by
    /// words and by meaning.
    pub(crate) fn passages(&self) -> [Vec<(u32, u32)>; 2] {
        [self.words.passages(), self.meaning.passages()]
    }
}

impl Like {
    fn numbers(self) -> [f32; 5] {
        let Self {
            own,
            other,
            nothing,
            own_share,
            nothing_share,
        } = self;
        [own, other, nothing, own_share, nothing_share]
    }
}

impl Likes {
    /// What the evidence gate gets: by words, then by meaning.
    pub(crate) fn numbers(&self) -> [f64; LIKES] {
        let mut all = [0.0; LIKES];
        let both = [self.words, self.meaning];
        let numbers = both.into_iter().flat_map(Like::numbers);
        for (slot, number) in all.iter_mut().zip(numbers) {
            *slot = f64::from(number);
        }
        all
    }

    /// How alike the nearest question is that the sentence answers.
    pub(crate) fn own(&self) -> f32 {
        self.words.own.max(self.meaning.own)
    }
}
