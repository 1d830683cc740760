//! Submissions that are refused: which field, which code, and nothing changed.

use crate::scripted::{Script, ScriptedWorker, register};
use crate::support::{Centre, command, refusal, submit};
use std::time::Duration;
use zhisuan_proto::v1::{self, job_spec::Work};
use zhisuan_scheduler::Role;

/// A spec, the code of its refusal, and the field (empty where none is at fault).
type Bad = (v1::JobSpec, &'static str, &'static str);

fn with(change: impl FnOnce(&mut v1::JobSpec)) -> v1::JobSpec {
    let mut spec = command("bad");
    change(&mut spec);
    spec
}

fn resources(resources: v1::Resources) -> v1::JobSpec {
    with(|spec| spec.resources = Some(resources))
}

fn bad_fields() -> Vec<Bad> {
    let many = v1::Resources {
        devices: 9_999,
        ..v1::Resources::default()
    };
    let wide = v1::Resources {
        cpu_milli: 8_000,
        ..v1::Resources::default()
    };
    let no_devices = v1::Resources {
        device_memory_mib: 1,
        ..v1::Resources::default()
    };
    vec![
        (with(|spec| spec.name.clear()), "ZS-FIELD", "specs[0].name"),
        (
            with(|spec| spec.priority = 101),
            "ZS-FIELD",
            "specs[0].priority",
        ),
        (
            with(|spec| spec.tasks = 5_000),
            "ZS-FIELD",
            "specs[0].tasks",
        ),
        (
            with(|spec| spec.max_attempts = 11),
            "ZS-FIELD",
            "specs[0].max_attempts",
        ),
        (
            with(|spec| spec.max_cost_micro = -1),
            "ZS-FIELD",
            "specs[0].max_cost_micro",
        ),
        (
            with(|spec| spec.max_cost_micro = 1),
            "ZS-BUDGET",
            "spec.max_cost_micro",
        ),
        (
            with(|spec| spec.time_limit_ms = u64::MAX),
            "ZS-FIELD",
            "specs[0].time_limit_ms",
        ),
        (resources(many), "ZS-FIELD", "specs[0].resources.devices"),
        (
            resources(no_devices),
            "ZS-FIELD",
            "specs[0].resources.devices",
        ),
        (resources(wide), "ZS-JOB-NEVER", ""),
    ]
}

fn bad_work() -> Vec<Bad> {
    let work = |work| with(|spec| spec.work = Some(work));
    let batch = |model: &str| v1::BatchWork {
        model: model.to_owned(),
        input_sha256: "0".repeat(64),
        max_tokens: 1,
        ..v1::BatchWork::default()
    };
    let train = v1::TrainWork {
        base_model: "smollm2-135m-instruct".to_owned(),
        output_model: "mine".to_owned(),
        dataset_sha256: "0".repeat(64),
        ..v1::TrainWork::default()
    };
    let known = batch("smollm2-135m-instruct");
    vec![
        (with(|spec| spec.work = None), "ZS-FIELD", "specs[0].work"),
        (
            work(Work::Batch(batch("no-such-model"))),
            "ZS-MODEL-UNKNOWN",
            "",
        ),
        (work(Work::Batch(known)), "ZS-ARTIFACT-UNKNOWN", ""),
        (work(Work::Train(train)), "ZS-ARTIFACT-UNKNOWN", ""),
        (
            work(Work::Serve(v1::ServeWork::default())),
            "ZS-FIELD",
            "spec.work",
        ),
        (
            work(Work::Command(v1::CommandWork::default())),
            "ZS-FIELD",
            "specs[0].command.argv",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn they_name_the_field_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut centre = Centre::start(folder.path()).await;
    let mut acme = centre.tenant("acme", 10).await;
    let mut poor = centre.tenant("poor", 0).await;
    let key = centre.handle.internal_key(Role::Worker);
    let _worker = ScriptedWorker::start(centre.url.clone(), key, register("n1"), Script::Hold);
    until_registered(&mut centre).await;
    for (spec, code, field) in bad_fields().into_iter().chain(bad_work()) {
        let status = acme
            .jobs
            .submit(submit(vec![spec.clone()]))
            .await
            .unwrap_err();
        let (found, at) = refusal(&status);
        assert_eq!(found, code, "{spec:?}: {status}");
        assert!(field.is_empty() || at == field, "{at} is not {field}");
    }
    let unpaid = poor.jobs.submit(submit(vec![command("no money")])).await;
    assert_eq!(refusal(&unpaid.unwrap_err()).0, "ZS-BALANCE");
    // One bad job keeps the good one beside it out too.
    let pair = vec![command("good"), with(|spec| spec.name.clear())];
    let status = acme.jobs.submit(submit(pair)).await.unwrap_err();
    assert_eq!(refusal(&status).1, "specs[1].name");
    let listed = acme
        .jobs
        .list(v1::ListJobsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!((listed.total, listed.jobs.len()), (0, 0));
    let account = acme
        .billing
        .get_account(v1::GetAccountRequest::default())
        .await
        .unwrap();
    assert_eq!(account.into_inner().held_micro, 0);
    centre.handle.shutdown().await;
}

async fn until_registered(centre: &mut Centre) {
    for _ in 0..200 {
        let nodes = centre
            .operator
            .nodes
            .list(v1::ListNodesRequest {})
            .await
            .unwrap();
        if !nodes.into_inner().nodes.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no worker registered");
}
