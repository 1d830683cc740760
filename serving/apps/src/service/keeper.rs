//! Where answers and what people say of them are kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use thiserror::Error;

use crate::answer::Answer;

/// Most answers that [`Memory`] keeps.
const CAPACITY: usize = 4096;
/// Longest words of a citizen, in characters.
const MAX_WORDS: usize = 500;

/// Why something was not kept, for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct KeepFault(pub String);

/// What somebody found an answer to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It helped.
    Helpful,
    /// It did not.
    Unhelpful,
    /// A person shall take over.
    Person,
}

/// What somebody says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Id of the answer.
    pub answer: String,
    /// What they found.
    pub verdict: Verdict,
    /// Stable reason; empty for none.
    pub reason: String,
    /// In their words.
    pub words: String,
}

impl Opinion {
    /// Refuses words that are too many.
    pub(super) fn check(&self) -> Result<(), KeepFault> {
        if self.words.chars().count() > MAX_WORDS {
            return Err(KeepFault(format!(
                "补充说明最多 {MAX_WORDS} 个字，请缩短后再提交"
            )));
        }
        Ok(())
    }
}

/// Keeps answers and opinions. Calls block.
pub trait Keeper: Send + Sync {
    /// Keeps an answer before it is told.
    fn keep(&self, answer: &Answer) -> Result<(), KeepFault>;
    /// An answer that was kept.
    fn kept(&self, id: &str) -> Option<Answer>;
    /// Keeps an opinion; a low one becomes work for the staff.
    fn say(&self, opinion: &Opinion) -> Result<(), KeepFault>;
}

/// Keeps the latest answers for as long as the process lives.
#[derive(Debug, Default)]
pub struct Memory {
    answers: Mutex<VecDeque<Answer>>,
}

impl Memory {
    /// Each call leaves the list whole, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper for Memory {
    fn keep(&self, answer: &Answer) -> Result<(), KeepFault> {
        let mut answers = self.lock();
        if answers.iter().all(|known| known.id != answer.id) {
            answers.push_back(answer.clone());
        }
        if answers.len() > CAPACITY {
            answers.pop_front();
        }
        Ok(())
    }

    fn kept(&self, id: &str) -> Option<Answer> {
        self.lock().iter().find(|answer| answer.id == id).cloned()
    }

    fn say(&self, opinion: &Opinion) -> Result<(), KeepFault> {
        opinion.check()?;
        match self.kept(&opinion.answer) {
            Some(answer) => {
                tracing::info!(answer = %answer.id, verdict = ?opinion.verdict, "opinion");
                Ok(())
            }
            None => Err(KeepFault(
                "没有这份回答，可能已过保存期限，请重新提问".to_owned(),
            )),
        }
    }
}
