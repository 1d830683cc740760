//! A job in the shape of a batch. Pure.

use super::batch_of;
use crate::openai::files::Tally;
use serde_json::{Value, json};
use zhisuan_proto::v1::{Job, JobState};

/// What is known of a batch beyond its job.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) tally: Option<Tally>,
    /// Id of the file of good lines.
    pub(super) output: Option<String>,
    /// Id of the file of bad lines.
    pub(super) errors: Option<String>,
}

/// Seconds of a time that is known; 0 stands for one that is not.
fn seconds(at_ms: i64) -> Value {
    if at_ms == 0 {
        Value::Null
    } else {
        json!(at_ms.div_euclid(1_000))
    }
}

fn status(job: &Job) -> &'static str {
    match job.state() {
        JobState::Unspecified | JobState::Queued | JobState::Starting | JobState::Running => {
            "in_progress"
        }
        JobState::Stopping => "cancelling",
        JobState::Succeeded => "completed",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::TimedOut => "expired",
    }
}

/// Lines that were answered and all lines, from "line 3/10".
fn progress(job: &Job) -> Option<(u64, u64)> {
    let (done, total) = job.progress.strip_prefix("line ")?.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

pub(super) fn card(job: &Job, outcome: &Outcome) -> Value {
    let status = status(job);
    let ended = |word: &str| {
        if status == word {
            seconds(job.ended_at_ms)
        } else {
            Value::Null
        }
    };
    let spec = job.spec.clone().unwrap_or_default();
    let work = batch_of(job).cloned().unwrap_or_default();
    let input = match work.source_sha256.as_str() {
        "" => &work.input_sha256,
        source => source,
    };
    let endpoint = match work.endpoint.as_str() {
        "" => "/v1/chat/completions",
        told => told,
    };
    let (done, total) = progress(job).unwrap_or_default();
    let counts = match &outcome.tally {
        Some(tally) => json!({
            "total": total.max(tally.good + tally.bad),
            "completed": tally.good,
            "failed": tally.bad,
        }),
        None => json!({"total": total, "completed": done, "failed": 0}),
    };
    let reason = job.reason.as_ref().filter(|_| status == "failed");
    let errors = reason.map(|reason| {
        json!({"object": "list", "data": [{
            "code": reason.code, "message": reason.text_en, "line": null, "param": null,
        }]})
    });
    let expires_at_ms = job
        .submitted_at_ms
        .saturating_add_unsigned(spec.time_limit_ms);
    json!({
        "id": format!("batch_{}", job.id),
        "object": "batch",
        "endpoint": endpoint,
        "model": work.model,
        "errors": errors,
        "input_file_id": format!("file-{input}"),
        "completion_window": format!("{}h", spec.time_limit_ms / 3_600_000),
        "status": status,
        "output_file_id": outcome.output,
        "error_file_id": outcome.errors,
        "created_at": seconds(job.submitted_at_ms),
        "in_progress_at": seconds(job.started_at_ms),
        "expires_at": seconds(expires_at_ms),
        "finalizing_at": null,
        "completed_at": ended("completed"),
        "failed_at": ended("failed"),
        "expired_at": ended("expired"),
        "cancelling_at": null,
        "cancelled_at": ended("cancelled"),
        "request_counts": counts,
        "metadata": null,
        // Beyond the official fields: the ledger's own numbers.
        "job_id": job.id,
        "held_micro": job.held_micro,
        "charged_micro": job.charged_micro,
    })
}

#[cfg(test)]
mod tests {
    use super::{Outcome, card};
    use crate::openai::files::Tally;
    use serde_json::{Value, json};
    use zhisuan_proto::v1::job_spec::Work;
    use zhisuan_proto::v1::{BatchWork, Job, JobSpec, JobState, Reason};

    fn job(state: JobState) -> Job {
        let work = Work::Batch(BatchWork {
            model: "m".to_owned(),
            input_sha256: "ab".to_owned(),
            ..BatchWork::default()
        });
        Job {
            id: 7,
            state: state.into(),
            spec: Some(JobSpec {
                time_limit_ms: 7_200_000,
                work: Some(work),
                ..JobSpec::default()
            }),
            submitted_at_ms: 1_000_000,
            ended_at_ms: 2_000_999,
            progress: "line 3/10".to_owned(),
            charged_micro: 5,
            ..Job::default()
        }
    }

    #[test]
    fn states_of_a_job_are_states_of_a_batch() {
        let cases = [
            (JobState::Queued, "in_progress", ""),
            (JobState::Stopping, "cancelling", ""),
            (JobState::Succeeded, "completed", "completed_at"),
            (JobState::Failed, "failed", "failed_at"),
            (JobState::Cancelled, "cancelled", "cancelled_at"),
            (JobState::TimedOut, "expired", "expired_at"),
        ];
        for (state, status, at) in cases {
            let card = card(&job(state), &Outcome::default());
            assert_eq!(card["status"], status);
            for name in ["completed_at", "failed_at", "cancelled_at", "expired_at"] {
                let expected = if name == at {
                    json!(2_000)
                } else {
                    Value::Null
                };
                assert_eq!(card[name], expected, "{state:?} {name}");
            }
        }
    }

    #[test]
    fn counts_come_from_the_output_once_there_is_one() {
        let running = card(&job(JobState::Running), &Outcome::default());
        assert_eq!(
            running["request_counts"],
            json!({"total": 10, "completed": 3, "failed": 0})
        );
        assert_eq!(
            (&running["completion_window"], &running["expires_at"]),
            (&json!("2h"), &json!(8_200))
        );
        let outcome = Outcome {
            tally: Some(Tally {
                good: 8,
                bad: 2,
                ..Tally::default()
            }),
            ..Outcome::default()
        };
        let mut failed = job(JobState::Failed);
        failed.reason = Some(Reason {
            code: "ZS-BATCH-INPUT".to_owned(),
            text_en: "no good line".to_owned(),
            ..Reason::default()
        });
        let failed = card(&failed, &outcome);
        assert_eq!(
            failed["request_counts"],
            json!({"total": 10, "completed": 8, "failed": 2})
        );
        assert_eq!(failed["errors"]["data"][0]["code"], "ZS-BATCH-INPUT");
        assert_eq!(failed["charged_micro"], 5);
    }
}
