//! Who runs in the next step, and how many tokens of each. Pure: no model and no clock; the
//! time is an argument, in microseconds since any fixed moment.
//!
//! One loop with a token budget: every running answer gets its token first, then prompts take
//! turns, those that run and those that wait, by band and by what their tenant has paid. The
//! chunk is the largest that the fitted cost model keeps within the inter-token target. Where
//! all places are taken, a tenant with more of them than another gives one up (`share`).

mod admission;
mod cost;
mod door;
mod entry;
mod fair;
mod plan;
mod share;

pub(crate) use cost::{CostModel, StepLoad};
pub(crate) use door::{Door, DoorLimits, Refusal};
pub(crate) use entry::{Entry, Resumed, Submission};
pub(crate) use plan::{Expired, StepPlan, Work};

use crate::blocks::{BlockPool, PoolCounts};
use crate::engine::request::BANDS;
use crate::runner::{BLOCK_TOKENS, BlockId};
use fair::FairShare;

#[cfg(test)]
mod fairness;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod simulation;

/// Bounds of the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Sequences that run together.
    pub(crate) max_running: usize,
    /// Most prompt tokens of a step.
    pub(crate) max_chunk: usize,
    /// Target for a step while answers are written.
    pub(crate) target_us: u64,
    /// A line that nobody serves for so long moves up by a band.
    pub(crate) age_us: u64,
}

/// Least prompt tokens of a step, so that prompts always advance.
pub(crate) const LEAST_CHUNK: usize = 32;

/// Counters since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    pub(crate) prefix_hit_tokens: u64,
    pub(crate) preemptions: u64,
    /// Of these, those for a tenant with a smaller share.
    pub(crate) yields: u64,
    pub(crate) drafts_proposed: u64,
    pub(crate) drafts_accepted: u64,
}

/// Owner of all requests and of the bookkeeping of the KV pool.
#[derive(Debug)]
pub(crate) struct Scheduler {
    limits: Limits,
    pool: BlockPool,
    cost: CostModel,
    fair: FairShare,
    waiting: Vec<Entry>,
    /// By rank, then order of admission. The last gives way first.
    running: Vec<Entry>,
    arrivals: u64,
    admissions: u64,
    counters: Counters,
}

impl Scheduler {
    pub(crate) fn new(limits: Limits, pool: BlockPool) -> Self {
        Self {
            limits,
            pool,
            cost: CostModel::default(),
            fair: FairShare::default(),
            waiting: Vec::new(),
            running: Vec::new(),
            arrivals: 0,
            admissions: 0,
            counters: Counters::default(),
        }
    }

    /// The same without requests and with a blank pool; what was learned and counted stays.
    pub(crate) fn fresh(&self) -> Self {
        Self {
            cost: self.cost.clone(),
            counters: self.counters,
            ..Self::new(self.limits, self.pool.fresh())
        }
    }

    /// Tokens of the longest sequence that fits into the pool alone.
    pub(crate) fn capacity(&self) -> usize {
        (self.pool.counts().total * BLOCK_TOKENS).saturating_sub(1)
    }

    /// Takes a request; `false`, and nothing happens, when it could never run.
    pub(crate) fn submit(&mut self, submission: Submission) -> bool {
        let tokens = submission.tokens.len();
        if tokens == 0 || tokens > self.capacity() || submission.band >= BANDS {
            return false;
        }
        self.fair.open(&submission.tenant);
        self.arrivals += 1;
        self.waiting.push(Entry::new(submission, self.arrivals));
        true
    }

    /// Ends a request wherever it is; its blocks are free at once. `None` if it is unknown.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Entry> {
        let mut entry = if let Some(at) = self.running.iter().position(|e| e.id == id) {
            self.running.remove(at)
        } else {
            let at = self.waiting.iter().position(|e| e.id == id)?;
            self.waiting.remove(at)
        };
        entry.release(&mut self.pool);
        self.fair.close(&entry.tenant);
        Some(entry)
    }

    /// Takes over the outcome of a request's part of a step: `computed` rows hold final
    /// tokens (of drafts only those that were right), and `chosen` follow them.
    pub(crate) fn advance(&mut self, id: u64, computed: usize, chosen: &[u32], now_us: u64) {
        let Some(entry) = self.running.iter_mut().find(|e| e.id == id) else {
            return;
        };
        let prompt_was_open = entry.computed < entry.prompt;
        entry.extend(chosen);
        entry.compute(computed, &mut self.pool);
        entry.drafts.clear();
        entry.decoding |= !chosen.is_empty();
        debug_assert!(entry.computed <= entry.tokens.len());
        if prompt_was_open && entry.computed >= entry.prompt && entry.pin_us > 0 {
            let full = (entry.prompt / BLOCK_TOKENS).min(entry.chain().len());
            let until = now_us.saturating_add(entry.pin_us);
            self.pool.pin(&entry.chain()[..full], until);
        }
        self.fair.charge_output(&entry.tenant, chosen.len());
    }

    /// Guesses for the tokens after those of a writing request; they live for one step.
    pub(crate) fn draft(&mut self, id: u64, drafts: Vec<u32>) {
        if let Some(entry) = self.running.iter_mut().find(|e| e.id == id && e.decoding) {
            entry.drafts = drafts;
        }
    }

    /// Counts verified drafts.
    pub(crate) fn count_drafts(&mut self, proposed: usize, accepted: usize) {
        self.counters.drafts_proposed += proposed as u64;
        self.counters.drafts_accepted += accepted as u64;
    }

    /// Learns what a step cost.
    pub(crate) fn observe(&mut self, load: StepLoad, took_us: u64) {
        self.cost.observe(load, took_us);
    }

    pub(crate) fn cost(&self) -> &CostModel {
        &self.cost
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn pool(&self) -> PoolCounts {
        self.pool.counts()
    }

    /// A request that runs or waits.
    pub(crate) fn get(&self, id: u64) -> Option<&Entry> {
        self.running
            .iter()
            .chain(&self.waiting)
            .find(|e| e.id == id)
    }

    /// Whether the request writes.
    pub(crate) fn is_decoding(&self, id: u64) -> bool {
        self.running.iter().any(|e| e.id == id && e.decoding)
    }

    pub(crate) fn running(&self) -> usize {
        self.running.len()
    }

    /// Waiting requests of each band.
    pub(crate) fn waiting_by_band(&self) -> [usize; BANDS] {
        let mut counts = [0; BANDS];
        for entry in &self.waiting {
            counts[entry.band] += 1;
        }
        counts
    }

    /// Tokens whose keys and values running requests hold.
    pub(crate) fn kv_tokens(&self) -> usize {
        self.running.iter().map(|e| e.computed).sum()
    }

    /// Every request, running first.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.running
            .iter()
            .chain(&self.waiting)
            .map(|e| e.id)
            .collect()
    }

    /// What must always hold; runs after every plan in debug builds.
    pub(crate) fn check(&self) -> Result<(), String> {
        let held = self.running.iter().flat_map(|e| e.blocks.iter().copied());
        self.pool.check(held)?;
        if let Some(e) = self.waiting.iter().find(|e| !e.blocks.is_empty()) {
            return Err(format!("request {} waits and holds blocks", e.id));
        }
        let short = |e: &&Entry| e.blocks.len() * BLOCK_TOKENS < e.computed;
        if let Some(e) = self.running.iter().find(short) {
            return Err(format!("request {} has fewer blocks than tokens", e.id));
        }
        if self.running.len() > self.limits.max_running {
            return Err(format!("{} requests run", self.running.len()));
        }
        let rank = |e: &Entry| (e.rank, e.admitted);
        if !self.running.is_sorted_by_key(rank) {
            return Err("running requests are out of order".to_owned());
        }
        Ok(())
    }

    /// What the next step costs without drafts, how many tokens it gives, and what one more
    /// row costs; in microseconds.
    pub(crate) fn decode_costs(&self) -> (f64, usize, f64) {
        let decoding = self.running.iter().filter(|e| e.decoding);
        let (mut load, mut count) = (StepLoad::default(), 0);
        for entry in decoding {
            load = load.plus(entry.load(1));
            count += 1;
        }
        let mean = load.reads / load.tokens.max(1);
        let step = self.cost.predict_us(load);
        let more = self.cost.predict_us(load.plus(StepLoad::span(mean, 1)));
        (step, count, more - step)
    }

    /// A copy of the block table of a running request.
    fn table(entry: &Entry, rows: usize) -> Vec<BlockId> {
        let used = entry::blocks_for(entry.computed + rows);
        entry.blocks[..used.min(entry.blocks.len())].to_vec()
    }
}
