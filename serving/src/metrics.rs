//! Numbers of the gateway for Prometheus. Labels are bounded: models are those of the routes, and
//! no tenant is named, because the page needs no key.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use std::time::Duration;

/// Seconds; from a cached short prompt to a long one on a CPU.
const TTFT_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];
const ITL_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
];
const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];

/// Every metric of the gateway; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    time_to_first_token: HistogramVec,
    inter_token_latency: HistogramVec,
    prompt_tokens: IntCounterVec,
    completion_tokens: IntCounterVec,
    pub(crate) requests_inflight: IntGauge,
    pub(crate) settlements_pending: IntGauge,
    pub(crate) settle_retries: IntCounter,
    pub(crate) clients_vanished: IntCounter,
    pub(crate) streams_broken: IntCounter,
    pub(crate) replica_failovers: IntCounter,
    pub(crate) routes_revision: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Make(&registry);
        Ok(Self {
            requests: made.counters(
                "requests_total",
                "Requests answered, by endpoint and HTTP status.",
                &["endpoint", "status"],
            )?,
            duration: made.histograms(
                "request_duration_seconds",
                "Time from the head of a request to the last token of its answer.",
                &["model"],
                DURATION_BUCKETS,
            )?,
            time_to_first_token: made.histograms(
                "time_to_first_token_seconds",
                "Time from the head of a request to the replica's first token.",
                &["model"],
                TTFT_BUCKETS,
            )?,
            inter_token_latency: made.histograms(
                "inter_token_latency_seconds",
                "Time between two tokens of one answer.",
                &["model"],
                ITL_BUCKETS,
            )?,
            prompt_tokens: made.counters(
                "prompt_tokens_total",
                "Prompt tokens handed to the ledger.",
                &["model"],
            )?,
            completion_tokens: made.counters(
                "completion_tokens_total",
                "Completion tokens handed to the ledger.",
                &["model"],
            )?,
            requests_inflight: made.gauge("requests_inflight", "Requests under way.")?,
            settlements_pending: made.gauge(
                "settlements_pending",
                "Settlements that the scheduler has not confirmed yet.",
            )?,
            settle_retries: made.counter(
                "settlement_retries_total",
                "Settlements that had to be sent again.",
            )?,
            clients_vanished: made.counter(
                "clients_vanished_total",
                "Answers that ended because the caller went away.",
            )?,
            streams_broken: made.counter(
                "streams_broken_total",
                "Answers that a replica broke off after the first token.",
            )?,
            replica_failovers: made.counter(
                "replica_failovers_total",
                "Requests moved to another replica before the first event.",
            )?,
            routes_revision: made.gauge("routes_revision", "Revision of the routes in use.")?,
            registry,
        })
    }

    pub(crate) fn request(&self, endpoint: &str, status: u16) {
        self.requests
            .with_label_values(&[endpoint, status.to_string().as_str()])
            .inc();
    }

    pub(crate) fn finished(&self, model: &str, after: Duration) {
        self.duration
            .with_label_values(&[model])
            .observe(after.as_secs_f64());
    }

    pub(crate) fn first_token(&self, model: &str, after: Duration) {
        self.time_to_first_token
            .with_label_values(&[model])
            .observe(after.as_secs_f64());
    }

    pub(crate) fn next_token(&self, model: &str, after: Duration) {
        self.inter_token_latency
            .with_label_values(&[model])
            .observe(after.as_secs_f64());
    }

    pub(crate) fn tokens(&self, model: &str, prompt: u64, completion: u64) {
        self.prompt_tokens
            .with_label_values(&[model])
            .inc_by(prompt);
        self.completion_tokens
            .with_label_values(&[model])
            .inc_by(completion);
    }

    /// The text exposition format, version 0.0.4.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Makes and registers metrics under the gateway's prefix.
struct Make<'a>(&'a Registry);

impl Make<'_> {
    fn options(name: &str, help: &str) -> Opts {
        Opts::new(format!("zhisuan_gateway_{name}"), help)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let made = IntCounterVec::new(Self::options(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let made = IntCounter::with_opts(Self::options(name, help))?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let made = IntGauge::with_opts(Self::options(name, help))?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::from(Self::options(name, help)).buckets(buckets.to_vec());
        let made = HistogramVec::new(options, labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }
}
