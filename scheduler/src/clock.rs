//! The only clock of the scheduler. It never goes back, so events are in order of time too.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use zhisuan_core::Millis;

/// A clock that starts no earlier than the last event.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    last: AtomicI64,
}

impl Clock {
    pub(crate) fn not_before(at: Millis) -> Self {
        Self {
            last: AtomicI64::new(at.0),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let wall = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Millis(self.last.fetch_max(wall, Ordering::AcqRel).max(wall))
    }
}
