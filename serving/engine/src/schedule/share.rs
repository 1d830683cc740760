//! Whose place is due to whom when all are taken: fair share between the tenants of one band.
//!
//! A tenant that has at least two places more than another one gives one up to it, unless that
//! one has paid clearly more; the shares are then no further apart the other way round. One that
//! has the only place of both gives it up, once its answer has begun, to a tenant that has not
//! paid more: they take turns.
//! Who gave way must have advanced by a quantum since it had its place: so nobody is pushed out
//! twice for the same tokens, and each request gives way at most once for every [`QUANTUM`] of
//! its tokens. What it loses is at most a block: the rest is still cached, as long as the pool
//! does not need it. A request of which nothing stays cached would lose all, so it keeps its
//! place; one tenant's prompts are read one after another, so that one of them soon ends.

use super::Scheduler;
use super::entry::Entry;
use std::collections::HashMap;
use std::sync::Arc;

/// New tokens of a request between two times that it gives way.
pub(super) const QUANTUM: usize = 64;

/// How many requests run of each tenant.
pub(super) struct Shares(HashMap<Arc<str>, usize>);

/// Who has fewer places may have paid this much more: a prompt is paid for at once, and what
/// others get in its time is paid for bit by bit.
const ALLOWANCE: u64 = 1024;

impl Shares {
    pub(super) fn of(&self, tenant: &str) -> usize {
        self.0.get(tenant).copied().unwrap_or(0)
    }
}

impl Scheduler {
    pub(super) fn shares(&self) -> Shares {
        let mut shares = HashMap::new();
        for entry in &self.running {
            *shares.entry(Arc::clone(&entry.tenant)).or_default() += 1;
        }
        Shares(shares)
    }

    /// The running request whose place is due to the waiting one at `at`: of the tenant with the
    /// most places (then of the one that paid most), who gave way least often, the youngest.
    pub(super) fn due(&self, at: usize, shares: &Shares) -> Option<usize> {
        let waiting = &self.waiting[at];
        let mine = shares.of(&waiting.tenant);
        let paid = self.fair.counter(&waiting.tenant);
        let gives = |other: &Entry| {
            let theirs = shares.of(&other.tenant);
            let theirs_paid = self.fair.counter(&other.tenant);
            other.stays_cached()
                && other.band == waiting.band
                && other.tenant != waiting.tenant
                && (theirs >= mine + 2 && theirs_paid + ALLOWANCE >= paid
                    || mine == 0 && theirs_paid >= paid && other.decoding)
                && other.advanced() >= QUANTUM
        };
        let order = |from: &usize| {
            let other = &self.running[*from];
            let tenant = shares.of(&other.tenant);
            let tenant = (tenant, self.fair.counter(&other.tenant));
            (tenant, std::cmp::Reverse(other.yielded), other.admitted)
        };
        (0..self.running.len())
            .filter(|from| gives(&self.running[*from]) && self.fits_instead(at, *from))
            .max_by_key(order)
    }

    /// Whether the waiting request at `at` fits once the running one at `from` is gone.
    fn fits_instead(&self, at: usize, from: usize) -> bool {
        let rest = self.running.len() - 1;
        let free = self.pool.available() + self.pool.held_once(&self.running[from].blocks);
        rest == 0 || self.need(&self.waiting[at]).blocks + self.reserved() + rest <= free
    }
}
