//! Pure: who runs next when the gateway's places are taken.
//!
//! Weighted fair queueing by tokens (Sheng et al., Fairness in Serving Large Language Models, 2024):
//! every tenant has a counter of tokens by weight, the waiting tenant with the lowest runs next, and
//! a tenant that comes back from idleness is lifted to the others, so that it cannot save up time.

use std::collections::{BTreeMap, VecDeque};

/// A waiting request rises by one band in this time, so that none starves.
const AGEING_MS: u64 = 5_000;
/// Fixed point of the counters: tokens by weight.
const SCALE: u128 = 10_000;
pub(crate) const DEFAULT_WEIGHT: u32 = 100;

/// What may run and wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) places: usize,
    pub(crate) waiting: usize,
    pub(crate) waiting_per_tenant: usize,
}

/// A request that wants a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) tenant: Box<str>,
    /// 1 to 10000.
    pub(crate) weight: u32,
    /// 0 is the most urgent.
    pub(crate) band: u32,
    /// Tokens that it will likely take.
    pub(crate) tokens: u64,
}

/// What became of an ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Runs,
    /// The number to look for among those that [`Queue::next`] lets run.
    Waits(u64),
    Full(Full),
}

/// Which bound is reached, and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    All(usize),
    Tenant(usize),
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    ask: Ask,
    since_ms: u64,
}

#[derive(Debug, Default)]
struct Lane {
    /// Tokens by weight that this tenant had.
    counter: u128,
    weight: u32,
    running: usize,
    /// In order of arrival.
    waiting: VecDeque<Waiting>,
}

/// The places of one gateway.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    lanes: BTreeMap<Box<str>, Lane>,
    running: usize,
    waiting: usize,
    next_number: u64,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            lanes: BTreeMap::new(),
            running: 0,
            waiting: 0,
            next_number: 0,
        }
    }

    /// Takes a place, or waits for one, or is refused.
    pub(crate) fn offer(&mut self, ask: Ask, now_ms: u64) -> Outcome {
        let runs = self.waiting == 0 && self.running < self.bounds.places;
        let mine = self
            .lanes
            .get(&ask.tenant)
            .map_or(0, |lane| lane.waiting.len());
        if !runs && self.waiting >= self.bounds.waiting {
            return Outcome::Full(Full::All(self.waiting));
        }
        if !runs && mine >= self.bounds.waiting_per_tenant {
            return Outcome::Full(Full::Tenant(mine));
        }
        let floor = self.floor();
        let lane = self.lanes.entry(ask.tenant.clone()).or_default();
        lane.weight = ask.weight.clamp(1, 10_000);
        if lane.running == 0 && lane.waiting.is_empty() {
            lane.counter = lane.counter.max(floor);
        }
        if runs {
            lane.start(&ask);
            self.running += 1;
            return Outcome::Runs;
        }
        let number = self.next_number;
        self.next_number += 1;
        lane.waiting.push_back(Waiting {
            number,
            ask,
            since_ms: now_ms,
        });
        self.waiting += 1;
        Outcome::Waits(number)
    }

    /// The number of the waiting request that takes the free place, if there are both.
    pub(crate) fn next(&mut self, now_ms: u64) -> Option<u64> {
        if self.running >= self.bounds.places {
            return None;
        }
        let (_, tenant, index) = self
            .lanes
            .iter()
            .filter_map(|(tenant, lane)| {
                let (index, band, number) = lane.foremost(now_ms)?;
                Some(((band, lane.counter, number), tenant, index))
            })
            .min_by_key(|(rank, _, _)| *rank)?;
        let tenant = tenant.clone();
        let lane = self.lanes.get_mut(&tenant)?;
        let waiting = lane.waiting.remove(index)?;
        lane.start(&waiting.ask);
        self.waiting -= 1;
        self.running += 1;
        Some(waiting.number)
    }

    /// A request that ran gives its place back; its counter is put right.
    pub(crate) fn finish(&mut self, ask: &Ask, actual_tokens: u64) {
        self.running = self.running.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(&ask.tenant) {
            lane.running = lane.running.saturating_sub(1);
            let (before, after) = (lane.price(ask.tokens), lane.price(actual_tokens));
            lane.counter = lane.counter.saturating_sub(before).saturating_add(after);
        }
        self.forget_idle();
    }

    /// A waiting request gave up. False when it does not wait (any more).
    pub(crate) fn leave(&mut self, tenant: &str, number: u64) -> bool {
        let Some(lane) = self.lanes.get_mut(tenant) else {
            return false;
        };
        let before = lane.waiting.len();
        lane.waiting.retain(|waiting| waiting.number != number);
        let left = before - lane.waiting.len();
        self.waiting -= left;
        self.forget_idle();
        left > 0
    }

    pub(crate) fn running(&self) -> usize {
        self.running
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Milliseconds until a request that comes now would likely get a place: those of its tenant
    /// that wait before it, served at the tenant's share of the places.
    pub(crate) fn expected_wait_ms(&self, tenant: &str, mean_service_ms: u64) -> u64 {
        let active = |lane: &&Lane| !lane.waiting.is_empty() || lane.running > 0;
        let mine = self.lanes.get(tenant);
        let weight = mine.map_or(DEFAULT_WEIGHT, |lane| lane.weight).max(1);
        let others: u64 = self
            .lanes
            .iter()
            .filter(|(name, lane)| ***name != *tenant && active(lane))
            .map(|(_, lane)| u64::from(lane.weight))
            .sum();
        let ahead = mine.map_or(0, |lane| lane.waiting.len()) as u64 + 1;
        let places = (self.bounds.places as u64).max(1);
        // ahead * mean / (places * weight / all), in an order that neither overflows nor truncates.
        let all = u128::from(others) + u128::from(weight);
        let ms = u128::from(ahead) * u128::from(mean_service_ms) * all
            / (u128::from(places) * u128::from(weight));
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    /// Where a tenant that comes back from idleness begins: the lowest counter in use.
    fn floor(&self) -> u128 {
        self.lanes
            .values()
            .filter(|lane| lane.running > 0 || !lane.waiting.is_empty())
            .map(|lane| lane.counter)
            .min()
            .unwrap_or(0)
    }

    /// With nobody active every counter means nothing; until then an idle one is kept only while
    /// it is above the floor, that is while its tenant owes time to the others.
    fn forget_idle(&mut self) {
        let floor = self.floor();
        let busy = self.running > 0 || self.waiting > 0;
        self.lanes.retain(|_, lane| {
            lane.running > 0 || !lane.waiting.is_empty() || (busy && lane.counter > floor)
        });
    }
}

impl Lane {
    fn price(&self, tokens: u64) -> u128 {
        u128::from(tokens) * SCALE / u128::from(self.weight.max(1))
    }

    fn start(&mut self, ask: &Ask) {
        self.counter = self.counter.saturating_add(self.price(ask.tokens));
        self.running += 1;
    }

    /// Place, band after ageing, and number of the request that this tenant would run next.
    fn foremost(&self, now_ms: u64) -> Option<(usize, u32, u64)> {
        self.waiting
            .iter()
            .enumerate()
            .map(|(index, waiting)| {
                let risen = now_ms.saturating_sub(waiting.since_ms) / AGEING_MS;
                let band = u64::from(waiting.ask.band).saturating_sub(risen);
                (
                    index,
                    u32::try_from(band).unwrap_or(u32::MAX),
                    waiting.number,
                )
            })
            .min_by_key(|&(_, band, number)| (band, number))
    }
}
