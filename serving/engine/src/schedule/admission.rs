//! Which waiting request runs next, and whether its blocks are there.

use super::Scheduler;
use super::entry::{Entry, blocks_for};
use super::plan::Step;

/// What a waiting request needs of the pool.
pub(super) struct Need {
    /// Blocks that leave the free ones: new ones, and cached ones that it takes over.
    pub(super) blocks: usize,
    /// Blocks whose content is there.
    pub(super) found: usize,
}

impl Scheduler {
    /// Prompts get chunks while the step has budget: those that run and those that wait take
    /// turns by band, then by what their tenant has paid.
    pub(super) fn take_turns(&mut self, now_us: u64, step: &mut Step) {
        let mut had: Vec<u64> = Vec::new();
        let mut aside: Vec<u64> = Vec::new();
        let mut shut = false;
        while step.budget > 0 {
            let open = self.first_open(&had);
            let waiting = if shut {
                None
            } else {
                self.next_admission(now_us, &aside)
            };
            let waits_first = waiting.filter(|at| {
                let entry = &self.waiting[*at];
                let turn = (
                    self.aged_band(entry, now_us),
                    self.fair.counter(&entry.tenant),
                );
                open.is_none_or(|open| turn < self.turn(open))
            });
            let id = match (waits_first, open) {
                (Some(at), _) => {
                    let entry = &self.waiting[at];
                    let (id, found) = (entry.id, self.need(entry).found);
                    // Who needs what this very step computes waits for it.
                    if step.brings(entry.reusable().get(found).copied()) {
                        aside.push(id);
                        continue;
                    }
                    if !self.make_room(at, step) {
                        shut = true;
                        continue;
                    }
                    let entry = self.waiting.remove(at);
                    let at = self.start(entry, now_us);
                    self.plan_prefill(at, step);
                    id
                }
                (None, Some(at)) => {
                    let found = self.running[at].reuse(&mut self.pool);
                    self.counters.prefix_hit_tokens += found as u64;
                    let id = self.running[at].id;
                    self.plan_prefill(at, step);
                    id
                }
                (None, None) => return,
            };
            had.push(id);
        }
    }

    /// When a running request's prompt has its turn: what it paid for and has not had yet does
    /// not count against it.
    fn turn(&self, at: usize) -> (i64, u64) {
        let entry = &self.running[at];
        let paid = self.fair.counter(&entry.tenant);
        (
            entry.rank as i64,
            paid.saturating_sub(entry.unread() as u64),
        )
    }

    /// The running prompt whose turn is next: of the tenant whose turn it is, the one that came
    /// first, so that prompts of one tenant end one after another and not all at the last.
    fn first_open(&self, had: &[u64]) -> Option<usize> {
        let open = |at: &usize| {
            let entry = &self.running[*at];
            !entry.decoding && !had.contains(&entry.id)
        };
        let running = || (0..self.running.len()).filter(open);
        let next = running().min_by_key(|at| (self.turn(*at), self.running[*at].admitted))?;
        let next = &self.running[next];
        let same = |at: &usize| {
            let entry = &self.running[*at];
            entry.tenant == next.tenant && entry.rank == next.rank
        };
        running()
            .filter(same)
            .min_by_key(|at| self.running[*at].admitted)
    }

    /// Who is admitted next: the first in order, or where that one finds no room the first to
    /// whom a place is due. The first in order is never passed over for lack of room by others,
    /// so that long prompts do not starve.
    fn next_admission(&self, now_us: u64, aside: &[u64]) -> Option<usize> {
        // Order: band after ageing, who lost its place before, the tenant that paid least and
        // has least, who gave way to another tenant, arrival.
        let shares = self.shares();
        let order = |at: &usize| {
            let entry = &self.waiting[*at];
            let paid = self.fair.counter(&entry.tenant);
            let places = shares.of(&entry.tenant);
            let band = self.aged_band(entry, now_us);
            let first = (band, !entry.displaced(), paid, places);
            (first, entry.yielded == 0, entry.arrival)
        };
        let may = |at: &usize| !aside.contains(&self.waiting[*at].id);
        let first = (0..self.waiting.len()).filter(may).min_by_key(order)?;
        let yields = |e: &Entry| e.rank > self.waiting[first].band;
        if self.fits(first) || self.running.last().is_some_and(yields) {
            return Some(first);
        }
        let due = |at: &usize| self.due(*at, &shares).is_some();
        let claims = (0..self.waiting.len()).filter(may).filter(due);
        claims.min_by_key(order)
    }

    /// Makes room for the waiting request at `at`: from those of a less urgent band, then from a
    /// tenant that has more than its share.
    fn make_room(&mut self, at: usize, step: &mut Step) -> bool {
        while !self.fits(at) {
            let band = self.waiting[at].band;
            let last = self.running.last().filter(|e| e.rank > band);
            let from = if let Some(last) = last {
                step.drop(last.id);
                self.running.len() - 1
            } else if let Some(from) = self.due(at, &self.shares()) {
                let entry = &mut self.running[from];
                entry.yielded += 1;
                step.drop(entry.id);
                self.counters.yields += 1;
                from
            } else {
                return false;
            };
            self.preempt(from);
        }
        true
    }

    fn aged_band(&self, e: &Entry, now_us: u64) -> i64 {
        let age_us = self.limits.age_us;
        self.fair
            .aged_band(&e.tenant, e.band, e.arrived_us, now_us, age_us)
    }

    /// Whether there is a place and are blocks for the request at `at`, with one more block for
    /// each that runs. Who is alone always fits.
    pub(super) fn fits(&self, at: usize) -> bool {
        let running = self.running.len();
        let blocks = self.need(&self.waiting[at]).blocks + self.reserved() + running;
        running == 0 || (running < self.limits.max_running && blocks <= self.pool.available())
    }

    pub(super) fn need(&self, entry: &Entry) -> Need {
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
    pub(super) fn reserved(&self) -> usize {
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
        entry.admit(self.admissions);
        self.fair.admitted(&entry.tenant, entry.band, now_us);
        let at = self.running.partition_point(|e| e.rank <= entry.rank);
        self.running.insert(at, entry);
        at
    }
}

#[cfg(test)]
mod tests {
    use crate::schedule::simulation::{LIMITS, World};

    #[test]
    fn what_is_read_again_was_had_before() {
        let mut world = World::new(LIMITS, 800, 0, 1);
        let prompt = world.tokens(2_000);
        world.submit_with("fake", prompt, 1, |s| s.root = None);
        for _ in 0..4 {
            world.step();
        }
        let had = world.scheduler.kv_tokens();
        let turn = world.scheduler.turn(0);
        assert_eq!(turn, (1, had as u64));
        world.scheduler.preempt(0);
        world.step();
        // Back at its beginning, and its tenant has had no less.
        assert!((1..had).contains(&world.scheduler.kv_tokens()));
        assert_eq!(world.scheduler.turn(0), turn);
        world.finish();
    }
}
