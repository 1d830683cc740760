//! Where the records of ended requests go: metrics, one line in the access log, one audit event,
//! one span.

use crate::audit::Audit;
use crate::lines::Lines;
use crate::metrics::Metrics;
use crate::trace;
use crate::trail::Record;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes records down; cheap to clone.
#[derive(Clone)]
pub(crate) struct Book {
    pub(crate) metrics: Metrics,
    pub(crate) access_log: Option<Lines>,
    pub(crate) audit: Option<Audit>,
}

impl Book {
    /// The request is over, and everything that is known of it is in the record.
    pub(crate) fn close(&self, record: &mut Record) {
        if record.reason.is_empty() {
            reason_of(record).clone_into(&mut record.reason);
        }
        self.metrics.closed(record);
        if let Some(audit) = self.audit.as_ref().filter(|_| !record.key_id.is_empty()) {
            audit.push(record);
        }
        if record.trace.is_exported() {
            let attributes = trace::attributes(record);
            let failed = record.status >= 500 || !record.delivered;
            record.trace.end(attributes, failed);
        }
        let by_machines = matches!(record.endpoint, "healthz" | "metrics");
        if let Some(log) = self.access_log.as_ref().filter(|_| !by_machines)
            && !log.push(access_line(record).to_string())
        {
            self.metrics.log_lines_dropped.inc();
        }
    }
}

/// Why a request ended that nobody gave a reason for.
fn reason_of(record: &Record) -> &'static str {
    match (record.status, record.delivered) {
        (_, true) => "ok",
        // The handler was dropped, or the reader of its answer went away.
        _ => "client_gone",
    }
}

/// One line of the access log: who, what, how long, how it ended; never content.
fn access_line(record: &Record) -> Value {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    json!({
        "at_ms": now_ms,
        "id": record.id,
        "caller_id": record.caller_id,
        "trace": record.trace.trace_id(),
        "endpoint": record.endpoint,
        "status": record.status,
        "reason": record.reason,
        "key": record.key_id,
        "tenant": record.tenant,
        "model": record.model,
        "deployment": record.route.deployment,
        "replica": record.replica,
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "cached_tokens": record.cached_tokens,
        "estimated": record.estimated,
        "findings": record.findings.iter().map(|found| u64::from(found.count)).sum::<u64>(),
        "queue_ms": millis(record.queued),
        "ttft_ms": record.first_token.map(millis),
        "duration_ms": millis(record.started.elapsed()),
    })
}

/// Milliseconds with three places.
fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::{access_line, reason_of};
    use crate::trace::Tracing;
    use crate::trail::Record;
    use std::time::Instant;

    #[test]
    fn a_line_says_who_and_how_and_a_missing_reason_is_found() {
        let trace = Tracing::default().begin("chat", None);
        let id = "chatcmpl-1".to_owned();
        let mut record = Record::new(id, "chat_completions", Instant::now(), trace);
        "hospital".clone_into(&mut record.tenant);
        assert_eq!(reason_of(&record), "client_gone");
        record.status = 200;
        record.delivered = true;
        assert_eq!(reason_of(&record), "ok");
        let line = access_line(&record);
        assert_eq!(line["tenant"], "hospital");
        assert_eq!(line["ttft_ms"], serde_json::Value::Null);
        assert!(line["duration_ms"].is_number());
    }
}
