//! Effects as one line of text each.

use super::world::World;
use std::fmt::Write as _;
use zhisuan_core::ledger::{EntryKind, Source, Transaction};
use zhisuan_core::{DeviceSlice, Effect, Job, JobId, Reason, TaskRef, Verdict};

impl World {
    pub(super) fn line(&self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::Submitted {
                jobs,
                held_micro,
                repeated,
            } => {
                let names: Vec<String> = jobs.iter().map(|id| self.name(*id)).collect();
                let again = if *repeated { " again" } else { "" };
                format!("submitted{again} {}, holds {held_micro}", names.join(" "))
            }
            Effect::JobChanged(id) => {
                let job = self.state.jobs().get(id)?;
                let (held, charged) = (job.held_micro, job.charged_micro);
                let state = word(&job.state);
                format!("{} {state}, held {held}, charged {charged}", self.name(*id))
            }
            Effect::JobEnded(job) => Self::ended(job),
            Effect::Assign { task, node, slices } => {
                format!("assign {} to {node}{}", self.task(*task), places(slices))
            }
            Effect::Stop { task, node, reason } => {
                format!("stop {} on {node}: {reason}", self.task(*task))
            }
            Effect::Posted(posted) => self.booking(posted),
            Effect::NodeChanged(name) => match self.state.nodes().get(name) {
                Some(node) => format!("node {name} {}", word(&node.state)),
                None => format!("node {name} forgotten"),
            },
            Effect::TenantAdded(name) => format!("tenant {name}"),
            Effect::PricesPublished(version) => format!("prices version {version}"),
            Effect::Authorized {
                request,
                held_micro,
                price_version,
            } => format!("request {request} holds {held_micro} at prices {price_version}"),
            Effect::Settled {
                request,
                charged_micro,
            } => format!("request {request} charged {charged_micro}"),
            Effect::Overclaimed {
                task,
                claimed_ms,
                passed_ms,
            } => format!(
                "overclaimed {}: {claimed_ms} ms claimed, {passed_ms} ms passed",
                self.task(*task)
            ),
        })
    }

    fn ended(job: &Job) -> String {
        let verdict = job.attempts.last().and_then(|last| last.verdict.as_ref());
        let why = match verdict {
            Some(Verdict::Failed {
                exit_code,
                code,
                message,
            }) => format!(" ({code} {exit_code}: {message})"),
            Some(Verdict::Lost { node }) => format!(" (lost {node})"),
            Some(Verdict::Returned { node }) => format!(" (returned by {node})"),
            Some(Verdict::OutOfBalance) => " (out of balance)".to_owned(),
            _ => String::new(),
        };
        let tries = job.attempts.len();
        let (state, charged) = (word(&job.state), job.charged_micro);
        format!(
            "{} {state}{why} after {tries} tries, charged {charged}",
            job.spec.name
        )
    }

    fn booking(&self, posted: &Transaction) -> String {
        let about = match &posted.source {
            Source::Account { reference } => format!("reference {reference}"),
            Source::Job { job } => self.name(*job),
            Source::Task { job, attempt, task } => format!("{} {attempt}/{task}", self.name(*job)),
            Source::Request { request, .. } => format!("request {request}"),
        };
        let (kind, amount) = (word(&posted.kind), posted.amount_micro);
        let mut line = format!("book {kind} {amount} of {}, {about}", posted.tenant);
        if let Some(charge) = &posted.charge {
            let (sku, price, version) = (&charge.sku, charge.price_micro, charge.price_version);
            let what = if charge.quantity_milli > 0 {
                format!(
                    "{} milli for {} ms",
                    charge.quantity_milli, charge.duration_ms
                )
            } else {
                format!("{} tokens", charge.quantity)
            };
            let _ = write!(line, ", {sku} {what} at {price} (v{version})");
        }
        if posted.kind == EntryKind::Reversal {
            line.push_str(", taken back");
        }
        line
    }

    fn task(&self, task: TaskRef) -> String {
        let (attempt, index, epoch) = (task.attempt, task.task, task.epoch);
        format!("{} {attempt}/{index} epoch {epoch}", self.name(task.job))
    }

    pub(super) fn name(&self, id: JobId) -> String {
        self.names
            .get(&id)
            .cloned()
            .unwrap_or_else(|| format!("job-{id}"))
    }
}

/// A reason as its code and numbers.
pub(super) fn reason(reason: &Reason) -> String {
    let numbers = serde_json::to_value(reason).unwrap();
    let numbers: Vec<String> = numbers
        .as_object()
        .unwrap()
        .iter()
        .filter(|(key, _)| *key != "code")
        .map(|(key, value)| format!("{key} {}", value.to_string().trim_matches('"')))
        .collect();
    format!("{} {}", reason.code(), numbers.join(", "))
        .trim_end()
        .to_owned()
}

/// The name of a unit variant as it is stored.
pub(super) fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_string(value).unwrap();
    json.trim_matches('"').to_owned()
}

fn places(slices: &[DeviceSlice]) -> String {
    let slices: Vec<String> = slices
        .iter()
        .map(|slice| format!("{}:{}/{}", slice.index, slice.milli, slice.memory_mib))
        .collect();
    if slices.is_empty() {
        String::new()
    } else {
        format!(" devices {}", slices.join(" "))
    }
}
