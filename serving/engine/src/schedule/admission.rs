//! Which waiting request runs next, and whether its blocks are there.

use super::Scheduler;
use super::entry::{Entry, blocks_for};
use super::plan::Step;

/// What a waiting request needs of the pool.
struct Need {
    /// Blocks that leave the free ones: new ones, and cached ones that it takes over.
    blocks: usize,
    /// Blocks whose content is there.
    found: usize,
}

impl Scheduler {
    /// Admits while the step has budget and there are places and blocks. The first in order
    /// is never passed over for lack of blocks, so that long prompts do not starve; only who
    /// needs what this very step computes steps aside.
    pub(super) fn admit(&mut self, now_us: u64, step: &mut Step) {
        let mut aside: Vec<u64> = Vec::new();
        while step.budget > 0 && self.running.len() < self.limits.max_running {
            let Some(at) = self.first_waiting(now_us, &aside) else {
                return;
            };
            let entry = &self.waiting[at];
            let need = self.need(entry);
            if step.brings(entry.reusable().get(need.found).copied()) {
                aside.push(entry.id);
                continue;
            }
            let watermark = self.running.len();
            if !self.running.is_empty()
                && need.blocks + self.reserved() + watermark > self.pool.available()
            {
                return;
            }
            let entry = self.waiting.remove(at);
            let at = self.start(entry, now_us);
            self.plan_prefill(at, step);
        }
    }

    /// Order: band after ageing, who lost its place before, the tenant that paid least,
    /// arrival.
    fn first_waiting(&self, now_us: u64, aside: &[u64]) -> Option<usize> {
        let order = |e: &Entry| {
            let band =
                self.fair
                    .aged_band(&e.tenant, e.band, e.arrived_us, now_us, self.limits.age_us);
            (
                band,
                e.preempted == 0,
                self.fair.counter(&e.tenant),
                e.arrival,
            )
        };
        let candidates = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, e)| !aside.contains(&e.id));
        candidates.min_by_key(|(_, e)| order(e)).map(|(at, _)| at)
    }

    fn need(&self, entry: &Entry) -> Need {
        let mut found = 0;
        let mut held = 0;
        for hash in entry.reusable() {
            let Some(free) = self.pool.peek(*hash) else {
                break;
            };
            found += 1;
            held += usize::from(!free);
        }
        Need {
            blocks: blocks_for(entry.tokens.len() + 1) - held,
            found,
        }
    }

    /// Blocks that running prompts will still take.
    fn reserved(&self) -> usize {
        let prompts = self.running.iter().filter(|e| !e.decoding);
        prompts
            .map(|e| blocks_for(e.tokens.len() + 1).saturating_sub(e.blocks.len()))
            .sum()
    }

    /// Puts a request among the running ones with all that the cache has of it.
    fn start(&mut self, mut entry: Entry, now_us: u64) -> usize {
        let found = entry.reuse(&mut self.pool);
        self.counters.prefix_hit_tokens += found as u64;
        if entry.preempted == 0 {
            // What is computed again after a preemption is not the tenant's fault.
            self.fair.charge_input(&entry.tenant, entry.open());
        }
        entry.deadline_us = None;
        self.admissions += 1;
        entry.admitted = self.admissions;
        self.fair.admitted(&entry.tenant, entry.band, now_us);
        let at = self.running.partition_point(|e| e.band <= entry.band);
        self.running.insert(at, entry);
        at
    }
}
