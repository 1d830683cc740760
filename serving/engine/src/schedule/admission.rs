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
    /// Admits while the step has budget and there are places and blocks; a request of a more
    /// urgent band takes them from the last in rank. The first in order is never passed over
    /// for lack of blocks, so that long prompts do not starve; only who needs what this very
    /// step computes steps aside.
    pub(super) fn admit(&mut self, now_us: u64, step: &mut Step) {
        let mut aside: Vec<u64> = Vec::new();
        while step.budget > 0 {
            let Some(at) = self.first_waiting(now_us, &aside) else {
                return;
            };
            let entry = &self.waiting[at];
            let found = self.need(entry).found;
            if step.brings(entry.reusable().get(found).copied()) {
                aside.push(entry.id);
                continue;
            }
            while !self.fits(at) {
                let band = self.waiting[at].band;
                let Some(last) = self.running.last().filter(|e| e.rank > band) else {
                    return;
                };
                step.drop(last.id);
                self.preempt(self.running.len() - 1);
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
            let band = self.aged_band(e, now_us);
            let paid = self.fair.counter(&e.tenant);
            (band, e.preempted == 0, paid, e.arrival)
        };
        let candidates = self
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, e)| !aside.contains(&e.id));
        candidates.min_by_key(|(_, e)| order(e)).map(|(at, _)| at)
    }

    fn aged_band(&self, e: &Entry, now_us: u64) -> i64 {
        let age_us = self.limits.age_us;
        self.fair
            .aged_band(&e.tenant, e.band, e.arrived_us, now_us, age_us)
    }

    /// Whether there is a place and are blocks for the request at `at`, with one more block for
    /// each that runs. Who is alone always fits.
    fn fits(&self, at: usize) -> bool {
        let running = self.running.len();
        let blocks = self.need(&self.waiting[at]).blocks + self.reserved() + running;
        running == 0 || (running < self.limits.max_running && blocks <= self.pool.available())
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
        // What waited its way up keeps its rank: it is not pushed out by the next in haste.
        let aged = usize::try_from(self.aged_band(&entry, now_us)).unwrap_or(0);
        entry.rank = aged.min(entry.band);
        self.admissions += 1;
        entry.admitted = self.admissions;
        self.fair.admitted(&entry.tenant, entry.band, now_us);
        let at = self.running.partition_point(|e| e.rank <= entry.rank);
        self.running.insert(at, entry);
        at
    }
}
