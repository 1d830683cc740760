//! Names, meanings and labels of all metrics.

/// Name, help, labels.
pub(super) type Family = (&'static str, &'static str, &'static [&'static str]);
/// The same, and the upper bounds of its buckets in seconds.
pub(super) type Histogram = (Family, &'static [f64]);

/// From a cached short prompt to a long one on a CPU.
const TTFT_BUCKETS: &[f64] = &[
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0,
];
const ITL_BUCKETS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
];
const DURATION_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
];

pub(super) const HISTOGRAMS: [Histogram; 4] = [
    (
        (
            "e2e_request_latency_seconds",
            "Time from the head of a request to the last token of its answer.",
            &["model"],
        ),
        DURATION_BUCKETS,
    ),
    (
        (
            "request_queue_time_seconds",
            "Time that a request waited for a place at work.",
            &["model"],
        ),
        DURATION_BUCKETS,
    ),
    (
        (
            "time_to_first_token_seconds",
            "Time from the head of a request to the replica's first token.",
            &["model"],
        ),
        TTFT_BUCKETS,
    ),
    (
        (
            "inter_token_latency_seconds",
            "Time between two tokens of one answer.",
            &["model"],
        ),
        ITL_BUCKETS,
    ),
];

pub(super) const LABELLED_COUNTERS: [Family; 10] = [
    (
        "requests_total",
        "Requests answered, by endpoint and HTTP status.",
        &["endpoint", "status"],
    ),
    (
        "prompt_tokens_total",
        "Prompt tokens handed to the ledger.",
        &["model"],
    ),
    (
        "generation_tokens_total",
        "Completion tokens handed to the ledger.",
        &["model"],
    ),
    (
        "prefix_cache_hit_tokens_total",
        "Prompt tokens that a replica found in its cache.",
        &["model"],
    ),
    (
        "requests_finished_total",
        "Requests by the reason of their end.",
        &["reason"],
    ),
    (
        "requests_refused_total",
        "Requests refused for a limit, a full queue or a deadline.",
        &["code"],
    ),
    (
        "handovers_total",
        "Answers whose replica stopped: another one went on, or they were broken off.",
        &["outcome"],
    ),
    (
        "guard_findings_total",
        "Findings of the content filter.",
        &["rule", "decision", "side"],
    ),
    (
        "tenant_requests_total",
        "Requests by tenant; later tenants than the named ones are \"other\".",
        &["tenant"],
    ),
    (
        "tenant_tokens_total",
        "Prompt and completion tokens by tenant.",
        &["tenant"],
    ),
];

pub(super) const LABELLED_GAUGES: [Family; 2] = [
    (
        "num_requests_running",
        "Requests at work at a replica or another server.",
        &["model"],
    ),
    (
        "num_requests_waiting",
        "Requests that wait for a replica.",
        &["model"],
    ),
];

pub(super) const COUNTERS: [Family; 7] = [
    (
        "audit_failures_total",
        "Times that audit events could not be written.",
        &[],
    ),
    (
        "log_lines_dropped_total",
        "Lines of the access log that were dropped, because the disk was slower.",
        &[],
    ),
    (
        "readers_stalled_total",
        "Answers that ended because their reader stopped reading.",
        &[],
    ),
    (
        "settlement_retries_total",
        "Settlements that had to be sent again.",
        &[],
    ),
    (
        "clients_vanished_total",
        "Answers that ended because the caller went away.",
        &[],
    ),
    (
        "streams_broken_total",
        "Answers that a replica broke off after the first token.",
        &[],
    ),
    (
        "replica_failovers_total",
        "Requests moved to another replica before the first event.",
        &[],
    ),
];

pub(super) const GAUGES: [Family; 3] = [
    ("requests_inflight", "Requests under way.", &[]),
    (
        "settlements_pending",
        "Settlements that the scheduler has not confirmed yet.",
        &[],
    ),
    ("routes_revision", "Revision of the routes in use.", &[]),
];
