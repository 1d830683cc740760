//! Numbers of the gateway for Prometheus, named as the field names them. Labels are bounded: models
//! are those of the routes, and no tenant is named unless the operator asks for it, because the
//! page needs no key.

use crate::trail::Record;
use dashmap::DashSet;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use std::sync::Arc;
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
    e2e_latency: HistogramVec,
    queue_time: HistogramVec,
    time_to_first_token: HistogramVec,
    inter_token_latency: HistogramVec,
    prompt_tokens: IntCounterVec,
    generation_tokens: IntCounterVec,
    cached_tokens: IntCounterVec,
    finished: IntCounterVec,
    refused: IntCounterVec,
    findings: IntCounterVec,
    tenant_requests: IntCounterVec,
    tenant_tokens: IntCounterVec,
    tenants: Arc<DashSet<Box<str>>>,
    /// Tenants that are named; later ones are "other".
    most_tenants: usize,
    pub(crate) running: IntGaugeVec,
    pub(crate) waiting: IntGaugeVec,
    pub(crate) requests_inflight: IntGauge,
    pub(crate) readers_stalled: IntCounter,
    pub(crate) log_lines_dropped: IntCounter,
    pub(crate) audit_failures: IntCounter,
    pub(crate) settlements_pending: IntGauge,
    pub(crate) settle_retries: IntCounter,
    pub(crate) clients_vanished: IntCounter,
    pub(crate) streams_broken: IntCounter,
    pub(crate) replica_failovers: IntCounter,
    pub(crate) routes_revision: IntGauge,
}

impl Metrics {
    /// `most_tenants` are named on the page; 0 names none.
    pub(crate) fn new(most_tenants: usize) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Make(&registry);
        Ok(Self {
            requests: made.counters(
                "requests_total",
                "Requests answered, by endpoint and HTTP status.",
                &["endpoint", "status"],
            )?,
            e2e_latency: made.histograms(
                "e2e_request_latency_seconds",
                "Time from the head of a request to the last token of its answer.",
                &["model"],
                DURATION_BUCKETS,
            )?,
            queue_time: made.histograms(
                "request_queue_time_seconds",
                "Time that a request waited for a place at work.",
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
            generation_tokens: made.counters(
                "generation_tokens_total",
                "Completion tokens handed to the ledger.",
                &["model"],
            )?,
            cached_tokens: made.counters(
                "prefix_cache_hit_tokens_total",
                "Prompt tokens that a replica found in its cache.",
                &["model"],
            )?,
            finished: made.counters(
                "requests_finished_total",
                "Requests by the reason of their end.",
                &["reason"],
            )?,
            refused: made.counters(
                "requests_refused_total",
                "Requests refused for a limit, a full queue or a deadline.",
                &["code"],
            )?,
            findings: made.counters(
                "guard_findings_total",
                "Findings of the content filter.",
                &["rule", "decision", "side"],
            )?,
            tenant_requests: made.counters(
                "tenant_requests_total",
                "Requests by tenant; later tenants than the named ones are \"other\".",
                &["tenant"],
            )?,
            tenant_tokens: made.counters(
                "tenant_tokens_total",
                "Prompt and completion tokens by tenant.",
                &["tenant"],
            )?,
            tenants: Arc::default(),
            most_tenants,
            running: made.gauges(
                "num_requests_running",
                "Requests at work at a replica or another server.",
                &["model"],
            )?,
            waiting: made.gauges(
                "num_requests_waiting",
                "Requests that wait for a replica.",
                &["model"],
            )?,
            audit_failures: made.counter(
                "audit_failures_total",
                "Times that audit events could not be written.",
            )?,
            log_lines_dropped: made.counter(
                "log_lines_dropped_total",
                "Lines of the access log that were dropped, because the disk was slower.",
            )?,
            readers_stalled: made.counter(
                "readers_stalled_total",
                "Answers that ended because their reader stopped reading.",
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

    pub(crate) fn queued(&self, model: &str, time: Duration) {
        self.queue_time
            .with_label_values(&[model])
            .observe(time.as_secs_f64());
    }

    /// A request ended, with everything that is known of it.
    pub(crate) fn closed(&self, record: &Record) {
        if record.tenant.is_empty() {
            return;
        }
        if matches!(record.status, 429 | 503) {
            self.refused
                .with_label_values(&[record.reason.as_str()])
                .inc();
        }
        self.finished
            .with_label_values(&[record.reason.as_str()])
            .inc();
        if record.cached_tokens > 0 {
            self.cached_tokens
                .with_label_values(&[record.model.as_str()])
                .inc_by(record.cached_tokens);
        }
        for found in &record.findings {
            self.findings
                .with_label_values(&[found.rule, found.decision, found.side])
                .inc_by(u64::from(found.count));
        }
        if let Some(tenant) = self.tenant(&record.tenant) {
            self.tenant_requests.with_label_values(&[tenant]).inc();
            self.tenant_tokens.with_label_values(&[tenant]).inc_by(
                record
                    .prompt_tokens
                    .saturating_add(record.completion_tokens),
            );
        }
    }

    /// The label of a tenant; `None` where tenants are not named.
    fn tenant<'a>(&self, tenant: &'a str) -> Option<&'a str> {
        if self.most_tenants == 0 {
            return None;
        }
        if self.tenants.contains(tenant) {
            return Some(tenant);
        }
        // Two that come at once may both be named: one label more than asked for.
        if self.tenants.len() >= self.most_tenants {
            return Some("other");
        }
        self.tenants.insert(tenant.into());
        Some(tenant)
    }

    pub(crate) fn finished(&self, model: &str, after: Duration) {
        self.e2e_latency
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
        self.generation_tokens
            .with_label_values(&[model])
            .inc_by(completion);
    }

    /// The text exposition format, version 0.0.4.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Counts in a gauge for as long as it lives.
pub(crate) struct Counted(IntGauge);

impl Counted {
    pub(crate) fn new(gauge: IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
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

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        let made = IntGaugeVec::new(Self::options(name, help), labels)?;
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
