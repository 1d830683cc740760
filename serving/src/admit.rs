//! Bounded admission: a permit per request under way, and an honest time to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Weight of the newest duration in the running mean: one eighth.
const MEAN_SHIFT: u32 = 3;
const MAX_RETRY_AFTER_S: u64 = 60;

/// Hands out permits; cheap to clone.
#[derive(Clone)]
pub(crate) struct Admission {
    permits: Arc<Semaphore>,
    limit: usize,
    mean_ms: Arc<AtomicU64>,
}

/// One request under way; gives its place back when dropped.
pub(crate) struct Permit {
    admission: Admission,
    started: Instant,
    _place: OwnedSemaphorePermit,
}

impl Admission {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(limit)),
            limit,
            mean_ms: Arc::new(AtomicU64::new(1_000)),
        }
    }

    /// A place, or the seconds after which one is likely free.
    pub(crate) fn admit(&self) -> Result<Permit, u64> {
        match Arc::clone(&self.permits).try_acquire_owned() {
            Ok(place) => Ok(Permit {
                admission: self.clone(),
                started: Instant::now(),
                _place: place,
            }),
            Err(_) => Err(self.retry_after_s()),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn inflight(&self) -> usize {
        self.limit.saturating_sub(self.permits.available_permits())
    }

    /// Seconds to name in `Retry-After`.
    pub(crate) fn retry_after_s(&self) -> u64 {
        retry_after_s(self.mean_ms.load(Ordering::Relaxed), self.limit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        // A lost update under a race only makes an estimate a little older.
        let mean = self.admission.mean_ms.load(Ordering::Relaxed);
        self.admission
            .mean_ms
            .store(next_mean(mean, ms), Ordering::Relaxed);
    }
}

fn next_mean(mean_ms: u64, newest_ms: u64) -> u64 {
    let kept = mean_ms - (mean_ms >> MEAN_SHIFT);
    kept.saturating_add(newest_ms >> MEAN_SHIFT)
}

/// When every place is taken, places become free every `mean / limit` (Little's law); a caller
/// that comes back after two such gaps, at least one second, is likely admitted.
fn retry_after_s(mean_ms: u64, limit: usize) -> u64 {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
    (mean_ms.saturating_mul(2) / limit)
        .div_ceil(1_000)
        .clamp(1, MAX_RETRY_AFTER_S)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{Admission, next_mean, retry_after_s};

    #[test]
    fn the_limit_holds_and_places_come_back() {
        let admission = Admission::new(2);
        let first = admission.admit().unwrap_or_else(|_| panic!("a free place"));
        let _second = admission.admit().unwrap_or_else(|_| panic!("a free place"));
        assert_eq!(admission.inflight(), 2);
        let Err(seconds) = admission.admit() else {
            panic!("a third place at a limit of two")
        };
        assert!((1..=60).contains(&seconds));
        drop(first);
        assert!(admission.admit().is_ok());
    }

    #[test]
    fn the_estimate_follows_durations_and_stays_in_bounds() {
        assert_eq!(retry_after_s(0, 4), 1);
        assert_eq!(retry_after_s(20_000, 4), 10);
        assert_eq!(retry_after_s(u64::MAX, 0), 60);
        let settled = (0..100).fold(1_000, |mean, _| next_mean(mean, 8_000));
        assert!((7_900..=8_008).contains(&settled), "{settled}");
    }
}
