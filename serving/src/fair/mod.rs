//! Places for requests at work, shared fairly between tenants.

mod queue;
#[cfg(test)]
mod tests;

pub(crate) use queue::{Ask, Bounds, DEFAULT_WEIGHT, Full};

use queue::{Outcome, Queue};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Weight of the newest duration in the running mean: one eighth.
const MEAN_SHIFT: u32 = 3;
const MAX_RETRY_AFTER_S: u64 = 600;

/// Why no place was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) why: Why,
    /// When a place is likely free.
    pub(crate) retry_after_s: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Full(Full),
    /// It waited as long as it may.
    Deadline,
}

struct State {
    queue: Queue,
    doors: HashMap<u64, (Ask, oneshot::Sender<Place>)>,
    /// Running mean of the time that a request holds its place.
    mean_ms: u64,
}

struct Inner {
    state: Mutex<State>,
    began: Instant,
}

/// Hands out places; cheap to clone.
#[derive(Clone)]
pub(crate) struct Places(Arc<Inner>);

/// A place in use. Dropping it gives it to the next.
pub(crate) struct Place {
    places: Places,
    ask: Ask,
    since: Instant,
    tokens: u64,
}

impl Place {
    /// The tokens that were really taken.
    pub(crate) fn used(&mut self, tokens: u64) {
        self.tokens = tokens;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.places.free(&self.ask, self.tokens, ms);
    }
}

/// Leaves the queue when its request gives up.
struct Waiter<'a> {
    places: &'a Places,
    tenant: Box<str>,
    number: u64,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut state = self.places.lock();
        if state.queue.leave(&self.tenant, self.number) {
            state.doors.remove(&self.number);
        }
    }
}

impl Places {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                queue: Queue::new(bounds),
                doors: HashMap::new(),
                mean_ms: 1_000,
            }),
            began: Instant::now(),
        }))
    }

    /// A place, at once or within `patience`.
    pub(crate) async fn take(&self, ask: Ask, patience: Duration) -> Result<Place, Refused> {
        let (waiter, door) = {
            let mut state = self.lock();
            match state.queue.offer(ask.clone(), self.now_ms()) {
                Outcome::Runs => return Ok(self.place(ask)),
                Outcome::Full(full) => return Err(state.refused(&ask.tenant, Why::Full(full))),
                Outcome::Waits(number) => {
                    let (sender, door) = oneshot::channel();
                    let tenant = ask.tenant.clone();
                    state.doors.insert(number, (ask, sender));
                    let waiter = Waiter {
                        places: self,
                        tenant,
                        number,
                    };
                    (waiter, door)
                }
            }
        };
        // A place that was sent and not received frees itself: it is dropped with the channel.
        if let Ok(Ok(place)) = tokio::time::timeout(patience, door).await {
            return Ok(place);
        }
        let refused = self.lock().refused(&waiter.tenant, Why::Deadline);
        Err(refused)
    }

    pub(crate) fn running(&self) -> usize {
        self.lock().queue.running()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().queue.waiting()
    }

    /// Seconds for `Retry-After` of a tenant that would come now.
    pub(crate) fn retry_after_s(&self, tenant: &str) -> u64 {
        self.lock().retry_after_s(tenant)
    }

    fn place(&self, ask: Ask) -> Place {
        Place {
            places: self.clone(),
            tokens: ask.tokens,
            ask,
            since: Instant::now(),
        }
    }

    fn free(&self, ask: &Ask, tokens: u64, ms: u64) {
        let mut opened = Vec::new();
        {
            let mut state = self.lock();
            state.mean_ms = next_mean(state.mean_ms, ms);
            state.queue.finish(ask, tokens);
            while let Some(number) = state.queue.next(self.now_ms()) {
                opened.extend(state.doors.remove(&number));
            }
        }
        // Outside the lock: a refused place is dropped here, and frees itself through it.
        for (ask, door) in opened {
            drop(door.send(self.place(ask)));
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change of the state is complete before anything can panic.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn retry_after_s(&self, tenant: &str) -> u64 {
        self.queue
            .expected_wait_ms(tenant, self.mean_ms)
            .div_ceil(1_000)
            .clamp(1, MAX_RETRY_AFTER_S)
    }

    fn refused(&self, tenant: &str, why: Why) -> Refused {
        Refused {
            why,
            retry_after_s: self.retry_after_s(tenant),
        }
    }
}

fn next_mean(mean_ms: u64, newest_ms: u64) -> u64 {
    let kept = mean_ms - (mean_ms >> MEAN_SHIFT);
    kept.saturating_add(newest_ms >> MEAN_SHIFT)
}

#[cfg(test)]
mod shell_tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{Ask, Bounds, Places, Why, next_mean};
    use std::time::Duration;

    fn ask(tenant: &str) -> Ask {
        Ask {
            tenant: tenant.into(),
            weight: 100,
            band: 0,
            tokens: 10,
        }
    }

    #[tokio::test]
    async fn a_freed_place_goes_to_who_waits_and_never_to_who_gave_up() {
        let places = Places::new(Bounds {
            places: 1,
            waiting: 2,
            waiting_per_tenant: 2,
        });
        let long = Duration::from_mins(1);
        let first = places.take(ask("a"), long).await.ok().unwrap();
        let impatient = places.take(ask("a"), Duration::from_millis(1)).await;
        let Err(refused) = impatient else {
            panic!("the place was taken")
        };
        assert_eq!(refused.why, Why::Deadline);
        assert!(refused.retry_after_s >= 1);
        assert_eq!(places.waiting(), 0, "who gave up does not wait");
        let waiting = tokio::spawn({
            let places = places.clone();
            async move { places.take(ask("b"), long).await.is_ok() }
        });
        while places.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(first);
        assert!(waiting.await.unwrap());
        assert_eq!((places.running(), places.waiting()), (0, 0));
    }

    #[test]
    fn the_mean_follows_durations() {
        let settled = (0..100).fold(1_000, |mean, _| next_mean(mean, 8_000));
        assert!((7_900..=8_008).contains(&settled), "{settled}");
    }
}
