//! Which sequences run in the next step, and how many tokens of each. Pure: no model,
//! no clock. Decodes come first, so that running answers never wait for a long prompt;
//! prompts share what is left of the step's budget in order of arrival.

use std::collections::VecDeque;

/// Bounds of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Sequences that run together.
    pub max_running: usize,
    /// Requests that may wait; more are refused.
    pub max_waiting: usize,
    /// Prompt tokens in one step when nobody decodes.
    pub chunk_idle: usize,
    /// Prompt tokens in one step while others decode: bounds their pause between tokens.
    pub chunk_busy: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self {
            max_running: 8,
            max_waiting: 64,
            chunk_idle: 256,
            chunk_busy: 64,
        }
    }
}

/// A part of one sequence for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// The sequence.
    pub id: u64,
    /// Its next `tokens` uncomputed tokens run.
    pub tokens: usize,
    /// After this step nothing is left to compute: the next token can be sampled.
    pub completes: bool,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u64,
    /// Tokens not computed yet.
    open: usize,
    /// The prompt is computed; `open` is the one token sampled last.
    decoding: bool,
}

/// Waiting and running sequences.
#[derive(Debug)]
pub struct Batch {
    limits: BatchLimits,
    waiting: VecDeque<Entry>,
    running: Vec<Entry>,
}

impl Batch {
    /// An empty batch.
    pub fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            running: Vec::new(),
        }
    }

    /// Adds a sequence with a prompt of `tokens`; `false` when the waiting line is full.
    pub fn submit(&mut self, id: u64, tokens: usize) -> bool {
        if self.waiting.len() >= self.limits.max_waiting {
            return false;
        }
        self.waiting.push_back(Entry {
            id,
            open: tokens,
            decoding: false,
        });
        true
    }

    /// Removes a sequence wherever it is; its slot is free at the next plan.
    pub fn remove(&mut self, id: u64) {
        self.waiting.retain(|e| e.id != id);
        self.running.retain(|e| e.id != id);
    }

    /// Records that a sampled token was added to a sequence whose work had completed.
    pub fn extend(&mut self, id: u64) {
        if let Some(entry) = self.running.iter_mut().find(|e| e.id == id) {
            entry.open += 1;
            entry.decoding = true;
        }
    }

    /// Admits waiting sequences and hands out the work of one step, marking it as done.
    pub fn plan(&mut self) -> Vec<Work> {
        while self.running.len() < self.limits.max_running
            && let Some(entry) = self.waiting.pop_front()
        {
            self.running.push(entry);
        }
        let mut work = Vec::with_capacity(self.running.len());
        for entry in self.running.iter_mut().filter(|e| e.decoding && e.open > 0) {
            work.push(Work {
                id: entry.id,
                tokens: entry.open,
                completes: true,
            });
            entry.open = 0;
        }
        let mut budget = if work.is_empty() {
            self.limits.chunk_idle
        } else {
            self.limits.chunk_busy
        };
        for entry in self
            .running
            .iter_mut()
            .filter(|e| !e.decoding && e.open > 0)
        {
            if budget == 0 {
                break;
            }
            let tokens = entry.open.min(budget);
            budget -= tokens;
            entry.open -= tokens;
            work.push(Work {
                id: entry.id,
                tokens,
                completes: entry.open == 0,
            });
        }
        work
    }

    /// Sequences that run.
    pub fn running(&self) -> usize {
        self.running.len()
    }

    /// Sequences that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Every sequence, running first.
    pub fn ids(&self) -> Vec<u64> {
        self.running
            .iter()
            .chain(&self.waiting)
            .map(|e| e.id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(max_running: usize, max_waiting: usize) -> Batch {
        Batch::new(BatchLimits {
            max_running,
            max_waiting,
            chunk_idle: 10,
            chunk_busy: 4,
        })
    }

    fn work(id: u64, tokens: usize, completes: bool) -> Work {
        Work {
            id,
            tokens,
            completes,
        }
    }

    #[test]
    fn prompts_share_the_budget_in_order() {
        let mut batch = batch(3, 9);
        assert!(
            batch.submit(1, 6) && batch.submit(2, 6) && batch.submit(3, 1) && batch.submit(4, 1)
        );
        assert_eq!(batch.plan(), [work(1, 6, true), work(2, 4, false)]);
        batch.extend(1);
        assert_eq!(
            batch.plan(),
            [work(1, 1, true), work(2, 2, true), work(3, 1, true)]
        );
        assert_eq!((batch.running(), batch.waiting()), (3, 1));
    }

    #[test]
    fn decodes_come_first_and_cap_the_chunk() {
        let mut batch = batch(2, 9);
        assert!(batch.submit(1, 1));
        assert_eq!(batch.plan(), [work(1, 1, true)]);
        batch.extend(1);
        assert!(batch.submit(2, 100));
        assert_eq!(batch.plan(), [work(1, 1, true), work(2, 4, false)]);
    }

    #[test]
    fn the_waiting_line_is_bounded() {
        let mut batch = batch(1, 2);
        assert!(batch.submit(1, 1) && batch.submit(2, 1));
        assert!(!batch.submit(3, 1));
        batch.plan();
        assert!(batch.submit(3, 1));
        assert_eq!(batch.ids(), [1, 2, 3]);
    }

    #[test]
    fn removal_frees_the_slot() {
        let mut batch = batch(1, 2);
        assert!(batch.submit(1, 1) && batch.submit(2, 3));
        batch.plan();
        batch.remove(1);
        assert_eq!(batch.plan(), [work(2, 3, true)]);
        batch.remove(2);
        assert!(batch.plan().is_empty());
    }
}
