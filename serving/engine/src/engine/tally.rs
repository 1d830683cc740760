//! Counters of the loop in the form that others read.

use super::request::{EngineStats, STEP_BOUNDS_MS};
use crate::schedule::{Counters, Scheduler};

/// Adds one step to the counters.
pub(super) fn step(stats: &mut EngineStats, took_us: u64) {
    stats.steps += 1;
    stats.step_us += took_us;
    let bucket = STEP_BOUNDS_MS.partition_point(|bound| bound * 1000 < took_us);
    stats.step_times[bucket] += 1;
}

/// The counters with the present state of the scheduler.
pub(super) fn stats(counted: &EngineStats, scheduler: &Scheduler) -> EngineStats {
    let Counters {
        prefix_hit_tokens,
        preemptions,
        yields: _,
        drafts_proposed,
        drafts_accepted,
    } = scheduler.counters();
    let pool = scheduler.pool();
    EngineStats {
        running: scheduler.running(),
        waiting_by_band: scheduler.waiting_by_band(),
        kv_tokens: scheduler.kv_tokens(),
        kv_blocks_total: pool.total,
        kv_blocks_used: pool.used,
        kv_blocks_cached: pool.cached,
        prefix_hit_tokens,
        preemptions,
        drafts_proposed,
        drafts_accepted,
        ..*counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_in_their_bucket() {
        let mut stats = EngineStats::default();
        for took_us in [10, 1000, 1001, 60_000, 9_000_000] {
            step(&mut stats, took_us);
        }
        assert_eq!((stats.steps, stats.step_us), (5, 9_062_011));
        assert_eq!(stats.step_times, [2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
    }
}
