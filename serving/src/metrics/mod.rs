//! Numbers of the gateway for Prometheus, named as the field names them. Labels are bounded: models
//! are those of the routes, and no tenant is named unless the operator asks for it, because the
//! page needs no key.

mod families;
mod make;

use crate::trail::Record;
use dashmap::DashSet;
use make::Make;
use prometheus::{
    HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// Every metric of the gateway; cheap to clone.
#[derive(Clone)]
pub(crate) struct Metrics(Arc<Held>);

/// The metrics themselves.
pub(crate) struct Held {
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
    handovers: IntCounterVec,
    findings: IntCounterVec,
    tenant_requests: IntCounterVec,
    tenant_tokens: IntCounterVec,
    tenants: DashSet<Box<str>>,
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

impl Deref for Metrics {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl Metrics {
    /// `most_tenants` are named on the page; 0 names none.
    pub(crate) fn new(most_tenants: usize) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let made = Make(&registry);
        let [
            e2e_latency,
            queue_time,
            time_to_first_token,
            inter_token_latency,
        ] = made.histograms(families::HISTOGRAMS)?;
        let [
            requests,
            prompt_tokens,
            generation_tokens,
            cached_tokens,
            finished,
            refused,
            handovers,
            findings,
            tenant_requests,
            tenant_tokens,
        ] = made.labelled_counters(families::LABELLED_COUNTERS)?;
        let [running, waiting] = made.labelled_gauges(families::LABELLED_GAUGES)?;
        let [
            audit_failures,
            log_lines_dropped,
            readers_stalled,
            settle_retries,
            clients_vanished,
            streams_broken,
            replica_failovers,
        ] = made.counters(families::COUNTERS)?;
        let [requests_inflight, settlements_pending, routes_revision] =
            made.gauges(families::GAUGES)?;
        Ok(Self(Arc::new(Held {
            registry,
            e2e_latency,
            queue_time,
            time_to_first_token,
            inter_token_latency,
            requests,
            prompt_tokens,
            generation_tokens,
            cached_tokens,
            finished,
            refused,
            handovers,
            findings,
            tenant_requests,
            tenant_tokens,
            tenants: DashSet::default(),
            most_tenants,
            running,
            waiting,
            audit_failures,
            log_lines_dropped,
            readers_stalled,
            settle_retries,
            clients_vanished,
            streams_broken,
            replica_failovers,
            requests_inflight,
            settlements_pending,
            routes_revision,
        })))
    }

    pub(crate) fn request(&self, endpoint: &str, status: u16) {
        self.requests
            .with_label_values(&[endpoint, status.to_string().as_str()])
            .inc();
    }

    /// An answer's replica stopped.
    pub(crate) fn handed_over(&self, went_on: bool) {
        let outcome = if went_on { "continued" } else { "broken" };
        self.handovers.with_label_values(&[outcome]).inc();
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
