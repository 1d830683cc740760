//! The plan of one step.

use super::entry::{Entry, blocks_for};
use super::{LEAST_CHUNK, Limits, Scheduler, StepLoad};
use crate::blocks::BlockHash;
use crate::model::lora::Adapter;
use crate::runner::{BLOCK_TOKENS, FlatBatch, Span, Wants};
use std::collections::HashSet;
use std::sync::Arc;

/// Most tokens of one writing request in a step: a grammar may force many at once.
const MOST_DECODE: usize = 32;
/// Most drafted tokens of a step, all requests together.
const MOST_DRAFTS: usize = 64;
/// While nobody writes, a step may take this many times the inter-token target.
const IDLE_STRETCH: u64 = 4;
/// A chunk while nobody writes is at least this long, whatever the cost model thinks.
const IDLE_CHUNK: usize = 128;

/// A request's part of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Work {
    pub(crate) id: u64,
    /// Position of its first row.
    pub(crate) start: usize,
    /// Its next final tokens.
    pub(crate) rows: usize,
    /// Drafted tokens after those.
    pub(crate) drafts: usize,
    /// No final token is left to compute after this: the next one can be chosen.
    pub(crate) completes: bool,
}

/// A request whose time in the queue is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) id: u64,
    pub(crate) waited_us: u64,
}

/// What the next step does.
#[derive(Debug, Clone, Default)]
pub(crate) struct StepPlan {
    pub(crate) work: Vec<Work>,
    /// Already removed.
    pub(crate) expired: Vec<Expired>,
    pub(crate) load: StepLoad,
}

/// A plan in the making.
#[derive(Default)]
pub(super) struct Step {
    pub(super) work: Vec<Work>,
    /// Contents that this step completes: who needs one of them waits for it instead of
    /// computing it twice.
    coming: HashSet<BlockHash>,
    /// Prompt tokens that still fit.
    pub(super) budget: usize,
}

impl Step {
    fn has(&self, id: u64) -> bool {
        self.work.iter().any(|w| w.id == id)
    }

    fn load(&self) -> StepLoad {
        self.work.iter().fold(StepLoad::default(), |sum, work| {
            sum.plus(StepLoad::span(work.start, work.rows + work.drafts))
        })
    }

    /// Takes a request's part out again.
    pub(super) fn drop(&mut self, id: u64) {
        self.work.retain(|w| w.id != id);
    }

    fn push(&mut self, entry: &Entry, rows: usize, drafts: usize) {
        let full = (entry.computed + rows) / BLOCK_TOKENS;
        let named = full.min(entry.chain().len());
        let from = (entry.computed / BLOCK_TOKENS).min(named);
        self.coming.extend(&entry.chain()[from..named]);
        self.work.push(Work {
            id: entry.id,
            start: entry.computed,
            rows,
            drafts,
            completes: rows == entry.open(),
        });
    }

    /// Whether this step computes what the entry needs next.
    pub(super) fn brings(&self, hash: Option<BlockHash>) -> bool {
        hash.is_some_and(|hash| self.coming.contains(&hash))
    }
}

impl Scheduler {
    /// Decides the next step. Its `work` is empty only when no request is left.
    pub(crate) fn plan(&mut self, now_us: u64) -> StepPlan {
        self.pool.expire_pins(now_us);
        let expired = self.expire(now_us);
        let mut step = Step::default();
        self.plan_decodes(&mut step);
        step.budget = self.chunk(&step);
        self.take_turns(now_us, &mut step);
        debug_assert_eq!(self.check(), Ok(()));
        StepPlan {
            load: step.load(),
            work: step.work,
            expired,
        }
    }

    /// The rows of a plan. `part` says with which adapter a request runs and what it wants.
    pub(crate) fn flat_batch(
        &self,
        plan: &StepPlan,
        mut part: impl FnMut(&Work) -> (Option<Arc<Adapter>>, Wants),
    ) -> FlatBatch {
        let mut batch = FlatBatch::default();
        for work in &plan.work {
            let Some(entry) = self.running.iter().find(|e| e.id == work.id) else {
                continue;
            };
            let from = batch.tokens.len();
            let new = &entry.tokens[entry.computed..][..work.rows];
            batch.tokens.extend_from_slice(new);
            batch.tokens.extend_from_slice(&entry.drafts[..work.drafts]);
            let (adapter, wants) = part(work);
            batch.spans.push(Span {
                rows: from..batch.tokens.len(),
                start: entry.computed,
                blocks: Self::table(entry, work.rows + work.drafts).into(),
                adapter,
                wants,
            });
        }
        batch
    }

    /// Drops waiting requests whose time is over.
    fn expire(&mut self, now_us: u64) -> Vec<Expired> {
        let late = |e: &Entry| e.deadline_us.is_some_and(|deadline| deadline <= now_us);
        let mut expired = Vec::new();
        for entry in self.waiting.extract_if(.., |e| late(e)) {
            self.fair.close(&entry.tenant);
            expired.push(Expired {
                id: entry.id,
                waited_us: now_us.saturating_sub(entry.arrived_us),
            });
        }
        expired
    }

    /// Every writing request gets its tokens; who finds no block gives way itself.
    fn plan_decodes(&mut self, step: &mut Step) {
        let mut at = 0;
        while let Some(entry) = self.running.get(at) {
            let (decoding, rows) = (entry.decoding, entry.open().min(MOST_DECODE));
            if decoding && !self.grow(at, rows, step) {
                self.preempt(at);
                continue;
            }
            if decoding {
                let drafts = self.fit_drafts(at, rows, step);
                step.push(&self.running[at], rows, drafts);
            }
            at += 1;
        }
    }

    /// How many drafts fit; nobody gives way for a guess.
    fn fit_drafts(&mut self, at: usize, rows: usize, step: &Step) -> usize {
        let entry = &mut self.running[at];
        if rows < entry.open() {
            return 0;
        }
        let planned: usize = step.work.iter().map(|w| w.drafts).sum();
        let mut drafts = entry.drafts.len().min(MOST_DRAFTS.saturating_sub(planned));
        while entry.blocks.len() < blocks_for(entry.computed + rows + drafts) {
            match self.pool.take() {
                Some(block) => entry.blocks.push(block),
                None => drafts = entry.blocks.len() * BLOCK_TOKENS - entry.computed - rows,
            }
        }
        drafts
    }

    /// Prompt tokens of this step.
    fn chunk(&self, step: &Step) -> usize {
        let first = self.running.iter().find(|e| !e.decoding);
        let start = first.map_or(0, |e| e.computed);
        let Limits {
            max_chunk,
            target_us,
            ..
        } = self.limits;
        let (target, least) = if step.work.is_empty() {
            (target_us * IDLE_STRETCH, IDLE_CHUNK)
        } else {
            (target_us, LEAST_CHUNK)
        };
        self.cost
            .largest_chunk(step.load(), start, target as f64, max_chunk)
            .max(least.min(max_chunk))
    }

    /// Gives a running prompt its chunk, if blocks allow.
    pub(super) fn plan_prefill(&mut self, at: usize, step: &mut Step) {
        let entry = &self.running[at];
        if step.brings(entry.next_reusable()) {
            return;
        }
        let mut rows = entry.open().min(step.budget);
        if rows < entry.open() {
            // Chunks end at a block's end, where the next request could go on, unless much of
            // the step would be left unused.
            let over = (entry.computed + rows) % BLOCK_TOKENS;
            rows -= if over * 8 <= rows { over } else { 0 };
        }
        if self.grow(at, rows, step) {
            step.push(&self.running[at], rows, 0);
            step.budget -= rows;
        }
    }

    /// Makes room for `rows` more tokens: free blocks first, then those of the last in rank.
    fn grow(&mut self, at: usize, rows: usize, step: &mut Step) -> bool {
        let wanted = blocks_for(self.running[at].computed + rows);
        while self.running[at].blocks.len() < wanted {
            if let Some(block) = self.pool.take() {
                self.running[at].blocks.push(block);
                continue;
            }
            let Some(victim) = self.victim(at, step) else {
                // The first in rank goes on whatever it takes.
                if at == 0 && self.pool.unpin() {
                    continue;
                }
                return false;
            };
            step.drop(self.running[victim].id);
            self.preempt(victim);
        }
        true
    }

    /// Who gives way to the request at `at`: the last in rank behind it. Who has its part of
    /// this step already keeps it within the same band.
    fn victim(&self, at: usize, step: &Step) -> Option<usize> {
        let rank = self.running[at].rank;
        (at + 1..self.running.len()).rev().find(|other| {
            let other = &self.running[*other];
            !other.blocks.is_empty() && (other.rank > rank || !step.has(other.id))
        })
    }

    /// Takes a request's place and blocks; it waits to be computed again. What was cached of it stays
    /// findable, so coming back is cheap.
    pub(super) fn preempt(&mut self, at: usize) {
        let mut entry = self.running.remove(at);
        entry.release(&mut self.pool);
        entry.preempted += 1;
        self.counters.preemptions += 1;
        tracing::debug!(request = entry.id, tokens = entry.tokens.len(), "preempted");
        self.waiting.push(entry);
    }
}
