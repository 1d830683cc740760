//! Drives the scheduler over the fake runner on a virtual clock, and judges every request.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use super::fake::{FakeRunner, VOCAB, expected};
use super::share::QUANTUM;
use super::{Limits, Scheduler, Submission};
use crate::blocks::{BlockHash, BlockPool, CacheScope};
use crate::runner::{BLOCK_TOKENS, ModelRunner, Wants};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request of the simulation and what became of it.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) tenant: &'static str,
    pub(super) prompt: Vec<u32>,
    pub(super) wanted: usize,
    pub(super) answer: Vec<u32>,
    pub(super) submitted_us: u64,
    pub(super) first_us: Option<u64>,
    pub(super) last_us: u64,
    /// Longest pause between two tokens.
    pub(super) pause_us: u64,
    pub(super) cached: usize,
    /// How often it gave way to a tenant with less.
    pub(super) yielded: usize,
    pub(super) end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Cancelled,
    Expired,
}

pub(super) struct World {
    pub(super) scheduler: Scheduler,
    pub(super) stories: BTreeMap<u64, Story>,
    /// Whether writing requests carry drafts, of which some are wrong.
    pub(super) drafting: bool,
    pub(super) most_rows: usize,
    /// Rows of all steps together.
    pub(super) rows: usize,
    pub(super) steps: u64,
    last_step_us: u64,
    clock: Arc<AtomicU64>,
    runner: FakeRunner,
    seed: u64,
}

pub(super) const LIMITS: Limits = Limits {
    max_running: 6,
    max_chunk: 256,
    target_us: 60_000,
    age_us: 10_000_000,
};

impl World {
    pub(super) fn new(limits: Limits, blocks: usize, pin_quota: usize, seed: u64) -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        Self {
            scheduler: Scheduler::new(limits, BlockPool::new(blocks, pin_quota)),
            stories: BTreeMap::new(),
            drafting: false,
            most_rows: 0,
            rows: 0,
            steps: 0,
            last_step_us: 0,
            runner: FakeRunner::new(blocks, Arc::clone(&clock)),
            clock,
            seed,
        }
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.load(Ordering::Relaxed)
    }

    pub(super) fn last_step_us(&self) -> u64 {
        self.last_step_us
    }

    /// SplitMix64, below `bound`.
    pub(super) fn random(&mut self, bound: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    pub(super) fn tokens(&mut self, count: usize) -> Vec<u32> {
        (0..count).map(|_| self.random(VOCAB) as u32).collect()
    }

    pub(super) fn submit(&mut self, tenant: &'static str, prompt: Vec<u32>, wanted: usize) -> u64 {
        self.submit_with(tenant, prompt, wanted, |_| {})
    }

    pub(super) fn submit_with(
        &mut self,
        tenant: &'static str,
        prompt: Vec<u32>,
        wanted: usize,
        change: impl FnOnce(&mut Submission),
    ) -> u64 {
        let id = self.stories.len() as u64;
        let scope = CacheScope {
            model: "fake",
            salt: tenant,
            adapter: None,
        };
        let mut submission = Submission {
            id,
            tenant: tenant.into(),
            band: 1,
            tokens: prompt.clone(),
            root: Some(BlockHash::root(&scope)),
            arrived_us: self.now(),
            deadline_us: None,
            pin_us: 0,
            resumed: None,
        };
        change(&mut submission);
        let now = self.now();
        assert!(self.scheduler.submit(submission));
        let story = Story {
            tenant,
            prompt,
            wanted,
            answer: Vec::new(),
            submitted_us: now,
            first_us: None,
            last_us: now,
            pause_us: 0,
            cached: 0,
            yielded: 0,
            end: None,
        };
        self.stories.insert(id, story);
        id
    }

    pub(super) fn cancel(&mut self, id: u64) {
        if self.scheduler.remove(id).is_some() {
            self.end(id, End::Cancelled);
        }
    }

    fn end(&mut self, id: u64, how: End) {
        let story = self.stories.get_mut(&id).unwrap();
        assert_eq!(story.end, None, "request {id} ended twice");
        story.end = Some(how);
        assert!(
            self.scheduler.get(id).is_none(),
            "request {id} ended and is still there"
        );
    }

    /// One step; `false` when nothing was left to do.
    pub(super) fn step(&mut self) -> bool {
        self.draft();
        let plan = self.scheduler.plan(self.now());
        for expired in &plan.expired {
            self.end(expired.id, End::Expired);
        }
        if plan.work.is_empty() {
            assert!(
                self.scheduler.ids().is_empty(),
                "an idle step with requests left"
            );
            return false;
        }
        let batch = self.scheduler.flat_batch(&plan, |work| {
            let rows = 1 + work.drafts;
            let masks = Vec::new();
            let wants = if work.completes {
                Wants::Logits { rows, masks }
            } else {
                Wants::Nothing
            };
            (None, wants)
        });
        assert_eq!(batch.tokens.len(), plan.load.tokens);
        self.most_rows = self.most_rows.max(batch.tokens.len());
        self.rows += batch.tokens.len();
        self.steps += 1;
        let before = self.now();
        let output = self.runner.run(&batch).unwrap();
        self.last_step_us = self.now() - before;
        self.scheduler.observe(plan.load, self.last_step_us);
        let mut rows = output.logits.chunks_exact(VOCAB);
        for (work, span) in plan.work.iter().zip(&batch.spans) {
            let mut chosen = Vec::new();
            if work.completes {
                let drafts = &batch.tokens[span.rows.end - work.drafts..span.rows.end];
                let asked = rows.by_ref().take(1 + work.drafts);
                let rows: Vec<u32> = asked.map(best).collect();
                let right = drafts.iter().zip(&rows).take_while(|(d, r)| d == r).count();
                chosen = rows[..=right].to_vec();
                self.scheduler.count_drafts(work.drafts, right);
            }
            self.settle(work.id, work.rows, &chosen);
        }
        true
    }

    /// Tells the story on; ends it when the answer is long enough.
    fn settle(&mut self, id: u64, rows: usize, chosen: &[u32]) {
        let now = self.now();
        let story = self.stories.get_mut(&id).unwrap();
        let room = story.wanted - story.answer.len();
        let taken = &chosen[..chosen.len().min(room)];
        story.answer.extend_from_slice(taken);
        if !taken.is_empty() {
            if story.first_us.is_some() {
                story.pause_us = story.pause_us.max(now - story.last_us);
            }
            story.first_us.get_or_insert(now);
            story.last_us = now;
        }
        if story.answer.len() == story.wanted {
            let entry = self.scheduler.get(id).unwrap();
            (story.cached, story.yielded) = (entry.cached(), entry.yielded as usize);
            self.scheduler.remove(id).unwrap();
            self.end(id, End::Finished);
        } else {
            let right = chosen.len().saturating_sub(1);
            self.scheduler.advance(id, rows + right, chosen, now);
        }
    }

    /// Drafts for all: a right beginning, then perhaps a wrong token.
    fn draft(&mut self) {
        if !self.drafting {
            return;
        }
        for id in self.scheduler.ids() {
            let story = &self.stories[&id];
            let (from, room) = (story.answer.len(), story.wanted - story.answer.len());
            let mut drafts = expected(&story.prompt, story.wanted)[from..from + room - 1].to_vec();
            drafts.truncate(self.random(5));
            if self.random(2) == 0
                && let Some(last) = drafts.last_mut()
            {
                *last = (*last + 1) % VOCAB as u32;
            }
            self.scheduler.draft(id, drafts);
        }
    }

    /// Runs to the end and judges: every request ended once, every token is the one that the
    /// fake model gives alone, no block is held.
    pub(super) fn finish(&mut self) {
        while self.step() {}
        self.judge();
    }

    pub(super) fn judge(&self) {
        for (id, story) in &self.stories {
            assert!(story.end.is_some(), "request {id} never ended");
            let right = expected(&story.prompt, story.wanted);
            assert_eq!(story.answer, right[..story.answer.len()], "request {id}");
            let tokens = story.prompt.len() + story.answer.len();
            assert!(
                story.yielded * QUANTUM <= tokens,
                "request {id} gave way {} times in {tokens} tokens",
                story.yielded
            );
            assert_eq!(
                story.end == Some(End::Finished),
                story.answer.len() == story.wanted
            );
        }
        assert_eq!(
            (self.scheduler.running(), self.scheduler.kv_tokens()),
            (0, 0)
        );
        self.scheduler.check().unwrap();
    }

    /// Time to the first token of a finished request.
    pub(super) fn wait_us(&self, id: u64) -> u64 {
        let story = &self.stories[&id];
        story.first_us.unwrap() - story.submitted_us
    }

    /// Tokens of the longest prompt and answer that the pool takes.
    pub(super) fn longest(&self) -> usize {
        self.scheduler.capacity().min(20 * BLOCK_TOKENS)
    }
}

/// The token that the fake model names.
fn best(row: &[f32]) -> u32 {
    row.iter().position(|value| *value > 0.0).unwrap() as u32
}
