//! Audit events of the lines of a batch: one when a line is queued, one when its answer is handed
//! out. The two have one id, and the label of the answer names it.

use super::Endpoint;
use crate::app::App;
use crate::envelope::is_id;
use crate::trail::{Finding, Record, Trail};
use sha2::Sha256;
use std::time::Instant;

/// What is kept of a line until its job has a number.
pub(super) struct Note {
    pub(super) number: u64,
    pub(super) custom_id: String,
    pub(super) request: Sha256,
    pub(super) findings: Vec<Finding>,
}

/// The id of a line's events.
pub(crate) fn id(job: u64, number: u64) -> String {
    format!("batch_{job}-{number}")
}

/// Writes the events of lines that were queued.
pub(super) async fn queued(
    app: &App,
    trail: &Trail,
    endpoint: Endpoint,
    model: &str,
    job: u64,
    notes: Vec<Note>,
) {
    for note in notes {
        let mut record = of_line(
            trail,
            id(job, note.number),
            endpoint.name(),
            &note.custom_id,
        );
        model.clone_into(&mut record.model);
        "queued".clone_into(&mut record.reason);
        record.prompt = note.request;
        record.findings = note.findings;
        write(app, &record).await;
    }
}

/// A record of a line by whoever makes this request.
pub(crate) fn of_line(
    trail: &Trail,
    id: String,
    endpoint: &'static str,
    custom_id: &str,
) -> Record {
    let (trace, key_id, tenant) = trail.with(|record| {
        let (key_id, tenant) = (record.key_id.clone(), record.tenant.clone());
        (record.trace.alike(), key_id, tenant)
    });
    let mut record = Record::new(id, endpoint, Instant::now(), trace);
    if is_id(custom_id) {
        custom_id.clone_into(&mut record.caller_id);
    }
    record.status = 200;
    record.key_id = key_id;
    record.tenant = tenant;
    record
}

pub(crate) async fn write(app: &App, record: &Record) {
    if let Some(audit) = &app.book.audit {
        audit.push_in_turn(record).await;
    }
}
