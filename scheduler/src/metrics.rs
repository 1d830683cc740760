//! Every metric of the scheduler, with its unit, in one place.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Registry, TextEncoder};

/// Handles to the metrics; clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) events: IntCounter,
    pub(crate) refused: IntCounter,
    pub(crate) placed: IntCounter,
    pub(crate) waiting_jobs: IntGauge,
    pub(crate) live_jobs: IntGauge,
    pub(crate) workers: IntGauge,
    pub(crate) commit_seconds: Histogram,
    pub(crate) commit_events: Histogram,
    pub(crate) plan_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let histogram =
            |name: &str, help: &str, buckets: Vec<f64>| -> Result<Histogram, prometheus::Error> {
                let histogram =
                    Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
                registry.register(Box::new(histogram.clone()))?;
                Ok(histogram)
            };
        let fast = || prometheus::exponential_buckets(0.000_1, 2.0, 16);
        Ok(Self {
            events: counter("zhisuan_scheduler_events_total", "Events applied")?,
            refused: counter("zhisuan_scheduler_refused_total", "Events refused")?,
            placed: counter("zhisuan_scheduler_placements_total", "Jobs placed")?,
            waiting_jobs: gauge("zhisuan_scheduler_waiting_jobs", "Jobs that wait")?,
            live_jobs: gauge("zhisuan_scheduler_live_jobs", "Jobs that have not ended")?,
            workers: gauge("zhisuan_scheduler_workers", "Workers with an open session")?,
            commit_seconds: histogram(
                "zhisuan_scheduler_commit_seconds",
                "Time of a group commit",
                fast()?,
            )?,
            commit_events: histogram(
                "zhisuan_scheduler_commit_events",
                "Events that shared a commit",
                prometheus::exponential_buckets(1.0, 2.0, 14)?,
            )?,
            plan_seconds: histogram(
                "zhisuan_scheduler_plan_seconds",
                "Time of a planning pass",
                fast()?,
            )?,
            registry,
        })
    }

    /// Shows what another part counts, too.
    pub(crate) fn add(&self, more: Box<dyn Collector>) -> Result<(), prometheus::Error> {
        self.registry.register(more)
    }

    pub(crate) fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}
