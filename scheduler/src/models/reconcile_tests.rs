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
use super::routes::{Sight, routes};
use std::collections::{BTreeMap, BTreeSet};
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

/// Without anything that follows demand.
fn plan(
    desired: &BTreeMap<String, Deployment>,
    live: &[ReplicaJob],
    failures: &BTreeMap<String, Failures>,
    now_ms: i64,
) -> Vec<Action> {
    reconcile(desired, &BTreeMap::new(), live, failures, now_ms)
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
            models: vec!["base".into(), "lora".into()],
            abilities: Vec::new(),
        }),
        ready_since_ms: 0,
        leaving_since_ms: None,
        told_at_ms: 0,
    }
}

fn without_lora(mut job: ReplicaJob) -> ReplicaJob {
    job.ready.as_mut().unwrap().models.truncate(1);
    job
}

#[test]
fn reconcile_submits_what_is_missing_and_cancels_what_is_too_much() {
    let none = BTreeMap::new();
    let submit = Action::SubmitReplica {
        deployment: "d".into(),
    };
    assert_eq!(
        plan(&desired(2), &[], &none, 0),
        [submit.clone(), submit.clone()]
    );
    let live = [
        job(1, "d", JobState::Running, true),
        job(2, "d", JobState::Stopping, true),
    ];
    assert_eq!(plan(&desired(2), &live, &none, 0), [submit]);
    let live = [
        job(1, "d", JobState::Queued, false),
        job(2, "d", JobState::Running, true),
        job(3, "gone", JobState::Running, true),
        job(4, "gone", JobState::Stopping, false),
    ];
    let actions = plan(&desired(1), &live, &none, 0);
    assert_eq!(
        actions,
        [Action::Cancel { job_id: 3 }, Action::Cancel { job_id: 1 }]
    );
    assert!(plan(&desired(2), &live[..2], &none, 0).is_empty());
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
    assert!(plan(&desired(1), &[], &by_name, 1001).is_empty());
    assert_eq!(plan(&desired(1), &[], &by_name, 301_000).len(), 1);
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
        without_lora(job(1, "d", JobState::Running, true)),
        without_lora(job(2, "d", JobState::Running, true)),
        job(3, "d", JobState::Starting, false),
        job(4, "other", JobState::Running, true),
    ];
    let desired = desired(3);
    let none = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    let found = routes(&Sight {
        desired: &desired,
        backends: &none.0,
        traffic: &none.1,
        live: &live,
        failing: &none.2,
    });
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

#[test]
fn one_too_many_leaves_the_routes_before_it_is_stopped() {
    let none = BTreeMap::new();
    let mut live = [
        job(1, "d", JobState::Running, true),
        job(2, "d", JobState::Running, true),
    ];
    let desired = desired(1);
    let leave = [Action::Leave { job_id: 2 }];
    assert_eq!(plan(&desired, &live, &none, 5_000), leave);
    live[1].leaving_since_ms = Some(5_000);
    live[1].ready = None;
    assert!(plan(&desired, &live, &none, 5_500).is_empty());
    let cancel = [Action::Cancel { job_id: 2 }];
    assert_eq!(plan(&desired, &live, &none, 6_000), cancel);
}

#[test]
fn a_replica_that_is_behind_is_told_now_and_again() {
    let none = BTreeMap::new();
    let mut live = [without_lora(job(1, "d", JobState::Running, true))];
    let tell = [Action::Tell {
        job_id: 1,
        deployment: "d".into(),
    }];
    let desired = desired(1);
    assert_eq!(plan(&desired, &live, &none, 100_000), tell);
    live[0].told_at_ms = 100_000;
    assert!(plan(&desired, &live, &none, 129_000).is_empty());
    assert_eq!(plan(&desired, &live, &none, 130_000), tell);
    let live = [job(1, "d", JobState::Running, true)];
    assert!(plan(&desired, &live, &none, 200_000).is_empty());
}
