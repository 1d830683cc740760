//! What the questions that a question is like say of a sentence; pure.

use super::{Entry, SentenceKey};

/// Questions of the bank that are looked at, of those that some text answers.
const LOOKED_AT: usize = 40;

/// How alike the question is to the nearest of the bank, from nought to one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Like {
    /// Of those that the sentence answers.
    pub(crate) own: f32,
    /// Of those that other sentences answer.
    pub(crate) other: f32,
    /// Of those that no text answers.
    pub(crate) nothing: f32,
}

/// The same by words and by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Likes {
    pub(crate) words: Like,
    /// Nought without vectors.
    pub(crate) meaning: Like,
}

/// The nearest questions of the bank.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    /// Those that some text answers, best first.
    answered: Vec<(Vec<SentenceKey>, f32)>,
    nothing: f32,
}

/// What a question is like.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    words: Nearest,
    meaning: Option<Nearest>,
}

/// The nearest by their scores, of those with a sentence in a version that may answer.
pub(super) fn nearest(
    scores: &[f32],
    entries: &[Entry],
    may_answer: &impl Fn(u32) -> bool,
) -> Nearest {
    let mut ranked: Vec<(&Entry, f32)> = entries.iter().zip(scores.iter().copied()).collect();
    ranked.retain(|(_, score)| *score > 0.0);
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut found = Nearest::default();
    for (entry, score) in ranked {
        let sentences = entry.sentences.iter();
        let sentences: Vec<SentenceKey> = sentences.filter(|s| may_answer(s.0)).copied().collect();
        if sentences.is_empty() {
            continue;
        }
        if !entry.answers {
            found.nothing = found.nothing.max(score);
        } else if found.answered.len() < LOOKED_AT {
            found.answered.push((sentences, score));
        }
    }
    found
}

impl Nearest {
    fn like(&self, sentence: SentenceKey) -> Like {
        let first = |own: bool| {
            let mut answered = self.answered.iter();
            let found = answered.find(|(all, _)| all.contains(&sentence) == own);
            found.map_or(0.0, |(_, score)| *score)
        };
        Like {
            own: first(true),
            other: first(false),
            nothing: self.nothing,
        }
    }
}

impl Alike {
    pub(super) fn new(words: Nearest, meaning: Option<Nearest>) -> Self {
        Self { words, meaning }
    }

    /// What it says of a sentence.
    pub(crate) fn of(&self, sentence: SentenceKey) -> Likes {
        Likes {
            words: self.words.like(sentence),
            meaning: self
                .meaning
                .as_ref()
                .map_or_else(Like::default, |own| own.like(sentence)),
        }
    }

    /// Versions and passages of the sentences that answer the nearest questions, best first, each
    /// once; by meaning and by words.
    pub(crate) fn passages(&self) -> [Vec<(u32, u32)>; 2] {
        let list = |nearest: &Nearest| {
            let mut found: Vec<(u32, u32)> = Vec::new();
            let answered = nearest.answered.iter().flat_map(|(all, _)| all);
            for (version, passage, ..) in answered {
                if !found.contains(&(*version, *passage)) {
                    found.push((*version, *passage));
                }
            }
            found
        };
        let meaning = self.meaning.as_ref().map(list);
        [meaning.unwrap_or_default(), list(&self.words)]
    }
}

/// Numbers of [`Likes::numbers`].
pub(crate) const LIKES: usize = 6;

impl Likes {
    /// Own, other and nothing by words, then by meaning.
    pub(crate) fn numbers(&self) -> [f64; LIKES] {
        let Self { words, meaning } = self;
        [
            words.own,
            words.other,
            words.nothing,
            meaning.own,
            meaning.other,
            meaning.nothing,
        ]
        .map(f64::from)
    }
}
