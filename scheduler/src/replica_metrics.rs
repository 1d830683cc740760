//! Numbers of the replicas on the scheduler's page for Prometheus, summed by deployment; each
//! worker's own page tells them one by one.

use crate::models::Deployments;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::HashMap;
use zhisuan_proto::v1::ReplicaLoad;

type Read = fn(&[ReplicaLoad]) -> f64;

fn sum(loads: &[ReplicaLoad], of: fn(&ReplicaLoad) -> u32) -> f64 {
    loads.iter().map(|load| f64::from(of(load))).sum()
}

fn most(loads: &[ReplicaLoad], of: fn(&ReplicaLoad) -> u32) -> f64 {
    loads
        .iter()
        .map(|load| f64::from(of(load)))
        .fold(0.0, f64::max)
}

const GAUGES: [(&str, &str, Read); 6] = [
    (
        "zhisuan_scheduler_replicas_reporting",
        "Replicas that answer and have said what they do",
        |loads| loads.len() as f64,
    ),
    (
        "zhisuan_scheduler_replica_requests_running",
        "Requests in the batches of a deployment's replicas",
        |loads| sum(loads, |load| load.running),
    ),
    (
        "zhisuan_scheduler_replica_requests_waiting",
        "Requests that wait for a place in these batches",
        |loads| sum(loads, |load| load.waiting),
    ),
    (
        "zhisuan_scheduler_replica_kv_usage_ratio",
        "Part of the KV blocks in use at the fullest replica",
        |loads| most(loads, |load| load.kv_milli) / 1000.0,
    ),
    (
        "zhisuan_scheduler_replica_tokens_per_second",
        "Answer tokens per second over the last minute",
        |loads| sum(loads, |load| load.tokens_last_minute) / 60.0,
    ),
    (
        "zhisuan_scheduler_replica_first_token_p99_seconds",
        "Time to the first token in the last minute, 99th percentile of the slowest replica",
        |loads| most(loads, |load| load.first_token_p99_ms) / 1000.0,
    ),
];

/// Reads the deployments when somebody looks.
pub(crate) struct ReplicaMetrics {
    deployments: Deployments,
    descriptions: Vec<Desc>,
}

impl ReplicaMetrics {
    pub(crate) fn new(deployments: Deployments) -> Result<Self, prometheus::Error> {
        let describe = |(name, help, _): &(&str, &str, Read)| {
            let labels = vec!["deployment".to_owned()];
            Desc::new(
                (*name).to_owned(),
                (*help).to_owned(),
                labels,
                HashMap::new(),
            )
        };
        Ok(Self {
            deployments,
            descriptions: GAUGES.iter().map(describe).collect::<Result<_, _>>()?,
        })
    }
}

impl Collector for ReplicaMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let loads = self.deployments.loads();
        if loads.is_empty() {
            return Vec::new();
        }
        let family = |(name, help, read): &(&str, &str, Read)| {
            let metric = |(deployment, loads): &(String, Vec<ReplicaLoad>)| {
                let mut label = LabelPair::default();
                label.set_name("deployment".to_owned());
                label.set_value(deployment.clone());
                let mut gauge = Gauge::default();
                gauge.set_value(read(loads));
                let mut metric = Metric::from_label(vec![label]);
                metric.set_gauge(gauge);
                metric
            };
            let mut family = MetricFamily::default();
            family.set_name((*name).to_owned());
            family.set_help((*help).to_owned());
            family.set_field_type(MetricType::GAUGE);
            family.set_metric(loads.iter().map(metric).collect());
            family
        };
        GAUGES.iter().map(family).collect()
    }
}
