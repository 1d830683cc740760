//! Time that a task used, cumulative, by a monotonic clock that the caller reads.

/// From the start of the work to its end; preparing (fetching models) is free.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    started_ms: Option<u64>,
    ended_ms: Option<u64>,
}

impl Usage {
    /// The work runs from now on. A second start changes nothing.
    pub(crate) fn start(&mut self, now_ms: u64) {
        self.started_ms.get_or_insert(now_ms);
    }

    /// The work has ended. A second end changes nothing.
    pub(crate) fn end(&mut self, now_ms: u64) {
        self.ended_ms.get_or_insert(now_ms);
    }

    /// Milliseconds used so far; never falls while `now_ms` does not.
    pub(crate) fn used_ms(&self, now_ms: u64) -> u64 {
        let Some(started) = self.started_ms else {
            return 0;
        };
        self.ended_ms.unwrap_or(now_ms).saturating_sub(started)
    }
}
