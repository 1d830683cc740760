//! From what is wanted and what runs to actions and routes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::deployment::Deployment;
use super::port::ReadyReplica;
use super::reconcile::{Action, Failures, ReplicaJob, reconcile};
use super::routes::routes;
use std::collections::BTreeMap;
use zhisuan_core::JobState;

fn desired(replicas: u32) -> BTreeMap<String, Deployment> {
    let one = Deployment {
        name: "d".into(),
        models: vec!["base".into(), "lora".into()],
        replicas,
        max_context: 77,
        ..Deployment::default()
    };
    BTreeMap::from([("d".to_owned(), one)])
}

fn job(job_id: u64, deployment: &str, state: JobState, ready: bool) -> ReplicaJob {
    ReplicaJob {
        job_id,
        deployment: deployment.into(),
        state,
        epoch: 1,
        ready: ready.then(|| ReadyReplica {
            address: format!("10.0.0.{job_id}:1"),
            token: "t".into(),
            epoch: 1,
            context_length: 1000 + job_id as u32,
            models: vec!["base".into()],
        }),
        ready_since_ms: 0,
    }
}

#[test]
fn reconcile_submits_what_is_missing_and_cancels_what_is_too_much() {
    let none = BTreeMap::new();
    let submit = Action::SubmitReplica {
        deployment: "d".into(),
    };
    assert_eq!(
        reconcile(&desired(2), &[], &none, 0),
        [submit.clone(), submit.clone()]
    );
    let live = [
        job(1, "d", JobState::Running, true),
        job(2, "d", JobState::Stopping, true),
    ];
    assert_eq!(reconcile(&desired(2), &live, &none, 0), [submit]);
    let live = [
        job(1, "d", JobState::Queued, false),
        job(2, "d", JobState::Running, true),
        job(3, "gone", JobState::Running, true),
        job(4, "gone", JobState::Stopping, false),
    ];
    let actions = reconcile(&desired(1), &live, &none, 0);
    assert_eq!(
        actions,
        [Action::Cancel { job_id: 3 }, Action::Cancel { job_id: 1 }]
    );
    assert!(reconcile(&desired(2), &live[..2], &none, 0).is_empty());
}

#[test]
fn failures_pause_longer_and_longer() {
    let mut failures = Failures::default();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        failures.add(None, "boom".into(), 1000);
        pauses.push(failures.next_at_ms() - 1000);
    }
    assert_eq!(pauses[..4], [1000, 2000, 4000, 8000]);
    assert_eq!(pauses[11], 300_000);
    let by_name = BTreeMap::from([("d".to_owned(), failures.clone())]);
    assert!(reconcile(&desired(1), &[], &by_name, 1001).is_empty());
    assert_eq!(reconcile(&desired(1), &[], &by_name, 301_000).len(), 1);
    let stable = job(1, "d", JobState::Running, true);
    failures.add(Some(&stable), "boom".into(), 60_000);
    assert_eq!(
        failures.count, 1,
        "a replica that served for a minute starts the count anew"
    );
}

#[test]
fn routes_name_every_model_and_the_replicas_that_answer_for_it() {
    let live = [
        job(1, "d", JobState::Running, true),
        job(2, "d", JobState::Running, true),
        job(3, "d", JobState::Starting, false),
        job(4, "other", JobState::Running, true),
    ];
    let found = routes(&desired(3), &live);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].model.as_str(), found[0].replicas.len()),
        ("base", 2)
    );
    assert_eq!(
        (found[0].context_length, found[0].owned_by.as_str()),
        (1001, "zhisuan")
    );
    assert_eq!(
        (found[1].model.as_str(), found[1].replicas.len()),
        ("lora", 0)
    );
    assert_eq!(found[1].context_length, 77);
}
