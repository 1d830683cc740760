//! Answers given before, kept with the base that they came from: another base has another cache.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::record::Answer;

/// Most answers kept.
const CAPACITY: usize = 2048;

/// The latest answers by a digest of all that they depend on beside the base, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct AnswerCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<String, Arc<Answer>>,
    order: VecDeque<String>,
}

impl AnswerCache {
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Answer>> {
        self.lock().answers.get(key).cloned()
    }

    pub(crate) fn put(&self, key: &str, answer: &Answer) {
        let key = key.to_owned();
        let mut kept = self.lock();
        if kept
            .answers
            .insert(key.clone(), Arc::new(answer.clone()))
            .is_none()
        {
            kept.order.push_back(key);
        }
        while kept.order.len() > CAPACITY {
            if let Some(oldest) = kept.order.pop_front() {
                kept.answers.remove(&oldest);
            }
        }
    }

    /// The map is whole between any two of its calls, so a poisoned lock is used on.
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
