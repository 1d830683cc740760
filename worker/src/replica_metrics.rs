//! Numbers of the replicas for Prometheus, read from their engines when somebody looks.

use crate::replica::ReplicaTable;
use crate::served::Served;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricType;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily};
use std::collections::HashMap;
use zhisuan_engine::{BANDS, EngineStats, STEP_BOUNDS_MS};

const STEPS: &str = "zhisuan_replica_step_seconds";
const STEPS_HELP: &str = "Time of a step of the engine";
const WAITING: &str = "zhisuan_replica_requests_waiting";
const WAITING_HELP: &str = "Requests that wait for a place in the batch, by band of priority";

type Read = fn(&EngineStats) -> f64;

/// Name, help, whether it only grows, and where it stands.
const PLAIN: [(&str, &str, MetricType, Read); 14] = [
    (
        "zhisuan_replica_requests_running",
        "Requests in the batch",
        MetricType::GAUGE,
        |stats| stats.running as f64,
    ),
    (
        "zhisuan_replica_kv_usage_ratio",
        "Part of the KV blocks that running requests or pins hold",
        MetricType::GAUGE,
        |stats| stats.kv_blocks_used as f64 / stats.kv_blocks_total.max(1) as f64,
    ),
    (
        "zhisuan_replica_kv_blocks",
        "KV blocks in all",
        MetricType::GAUGE,
        |stats| stats.kv_blocks_total as f64,
    ),
    (
        "zhisuan_replica_kv_blocks_cached",
        "KV blocks that nobody holds but a later prompt may reuse",
        MetricType::GAUGE,
        |stats| stats.kv_blocks_cached as f64,
    ),
    (
        "zhisuan_replica_prompt_tokens_total",
        "Prompt tokens taken in",
        MetricType::COUNTER,
        |stats| stats.tokens_in as f64,
    ),
    (
        "zhisuan_replica_prefix_hit_tokens_total",
        "Prompt tokens that were found in the cache",
        MetricType::COUNTER,
        |stats| stats.prefix_hit_tokens as f64,
    ),
    (
        "zhisuan_replica_generation_tokens_total",
        "Answer tokens delivered",
        MetricType::COUNTER,
        |stats| stats.tokens_out as f64,
    ),
    (
        "zhisuan_replica_requests_ended_total",
        "Requests ended, in any way",
        MetricType::COUNTER,
        |stats| stats.finished as f64,
    ),
    (
        "zhisuan_replica_requests_refused_total",
        "Requests refused because a queue was full",
        MetricType::COUNTER,
        |stats| stats.refused as f64,
    ),
    (
        "zhisuan_replica_preemptions_total",
        "Times a running request gave its blocks back",
        MetricType::COUNTER,
        |stats| stats.preemptions as f64,
    ),
    (
        "zhisuan_replica_draft_tokens_total",
        "Drafted tokens that were verified",
        MetricType::COUNTER,
        |stats| stats.drafts_proposed as f64,
    ),
    (
        "zhisuan_replica_draft_tokens_accepted_total",
        "Drafted tokens that the model would have chosen itself",
        MetricType::COUNTER,
        |stats| stats.drafts_accepted as f64,
    ),
    (
        "zhisuan_replica_kv_tokens",
        "Tokens whose keys and values running requests hold",
        MetricType::GAUGE,
        |stats| stats.kv_tokens as f64,
    ),
    (
        "zhisuan_replica_steps_total",
        "Steps of the engine",
        MetricType::COUNTER,
        |stats| stats.steps as f64,
    ),
];

/// Reads the replicas that are open now.
pub(crate) struct ReplicaMetrics {
    table: ReplicaTable,
    descriptions: Vec<Desc>,
}

impl ReplicaMetrics {
    pub(crate) fn new(table: ReplicaTable) -> Result<Self, prometheus::Error> {
        let labels = vec!["deployment".to_owned(), "job".to_owned()];
        let describe = |name: &str, help: &str| {
            Desc::new(
                name.to_owned(),
                help.to_owned(),
                labels.clone(),
                HashMap::new(),
            )
        };
        let plain = PLAIN.iter().map(|(name, help, ..)| describe(name, help));
        let more = [describe(STEPS, STEPS_HELP), describe(WAITING, WAITING_HELP)];
        Ok(Self {
            table,
            descriptions: plain.chain(more).collect::<Result<_, _>>()?,
        })
    }
}

impl Collector for ReplicaMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let seen: Vec<(Vec<LabelPair>, EngineStats)> = self
            .table
            .all()
            .iter()
            .map(|served| (labels(served), served.engine.stats()))
            .collect();
        if seen.is_empty() {
            return Vec::new();
        }
        let plain = PLAIN.iter().map(|(name, help, kind, read)| {
            let one = |(labels, stats): &(Vec<LabelPair>, EngineStats)| {
                number(labels.clone(), *kind, read(stats))
            };
            family(name, help, *kind, seen.iter().map(one).collect())
        });
        let steps = seen.iter().map(|(labels, stats)| {
            let mut metric = Metric::from_label(labels.clone());
            metric.set_histogram(step_times(stats));
            metric
        });
        let waiting = seen.iter().flat_map(|(labels, stats)| {
            (0..BANDS).map(|band| {
                let mut labels = labels.clone();
                labels.push(label("band", &band.to_string()));
                let count = stats.waiting_by_band.get(band).copied().unwrap_or(0);
                number(labels, MetricType::GAUGE, count as f64)
            })
        });
        let more = [
            family(STEPS, STEPS_HELP, MetricType::HISTOGRAM, steps.collect()),
            family(WAITING, WAITING_HELP, MetricType::GAUGE, waiting.collect()),
        ];
        plain.chain(more).collect()
    }
}

fn labels(served: &Served) -> Vec<LabelPair> {
    vec![
        label("deployment", &served.deployment),
        label("job", &served.job_id.to_string()),
    ]
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn number(labels: Vec<LabelPair>, kind: MetricType, value: f64) -> Metric {
    let mut metric = Metric::from_label(labels);
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

/// The engine counts each bucket for itself; Prometheus wants them cumulative.
fn step_times(stats: &EngineStats) -> Histogram {
    let mut sum = 0;
    let bounds = STEP_BOUNDS_MS.iter().zip(&stats.step_times);
    let buckets = bounds.map(|(bound_ms, count)| {
        sum += count;
        let mut bucket = Bucket::default();
        bucket.set_cumulative_count(sum);
        bucket.set_upper_bound(*bound_ms as f64 / 1000.0);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(stats.step_times.iter().sum());
    histogram.set_sample_sum(stats.step_us as f64 / 1e6);
    histogram
}

#[cfg(test)]
mod tests {
    use super::{Bucket, step_times};
    use zhisuan_engine::EngineStats;

    #[test]
    fn step_times_become_cumulative() {
        let mut stats = EngineStats {
            step_us: 2_500_000,
            ..EngineStats::default()
        };
        stats.step_times = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4];
        let histogram = step_times(&stats);
        let counts: Vec<u64> = histogram
            .get_bucket()
            .iter()
            .map(Bucket::cumulative_count)
            .collect();
        assert_eq!(counts.get(..3), Some(&[1, 3, 3][..]));
        assert_eq!(histogram.get_sample_count(), 7);
        assert!((histogram.get_sample_sum() - 2.5).abs() < f64::EPSILON);
    }
}
