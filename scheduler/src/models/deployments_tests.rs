//! Deployments from request to routes, on a fake scheduler.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::testing::{QWEN, acme, ask, bench, boss, news, ready};
use super::{Deployments, ReplicaUpdate};
use crate::access::testing::{code, request};
use futures::StreamExt as _;
use zhisuan_core::JobState;
use zhisuan_proto::v1::models_server::Models as _;
use zhisuan_proto::v1::{
    self, DeployRequest, ListDeploymentsRequest, UndeployRequest, WatchRoutesRequest,
};

#[tokio::test]
async fn from_deploy_to_routes_and_back() {
    let bench = bench();
    let made = bench
        .service
        .deploy(request(ask(2), &boss()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (made.state.as_str(), made.job_ids.as_slice()),
        ("starting", &[1][..])
    );
    bench.deployments.reconcile_once().await;
    bench.deployments.reconcile_once().await;
    assert_eq!(
        bench.jobs.submitted.lock().unwrap().len(),
        2,
        "no replica twice"
    );
    assert_eq!(bench.jobs.submitted.lock().unwrap()[1].0, "centre");

    let mut watch = bench
        .service
        .watch_routes(request(WatchRoutesRequest {}, &boss()))
        .await
        .unwrap()
        .into_inner();
    let first = watch.next().await.unwrap().unwrap();
    assert!(first.routes[0].replicas.is_empty());
    bench.deployments.seen(news(1, JobState::Running, 5));
    bench.deployments.ready(1, ready(4));
    bench.deployments.ready(1, ready(5));
    let next = watch.next().await.unwrap().unwrap();
    assert!(next.revision > first.revision);
    assert_eq!(
        (
            next.routes[0].replicas.len(),
            next.routes[0].replicas[0].epoch
        ),
        (1, 5)
    );
    let listed = bench.deployments.list(Some("acme"));
    assert_eq!((listed[0].state.as_str(), listed[0].ready), ("degraded", 1));

    // Its node is lost: the attempt is over, and so is the route to it.
    bench.deployments.seen(news(1, JobState::Queued, 5));
    assert!(
        watch.next().await.unwrap().unwrap().routes[0]
            .replicas
            .is_empty()
    );
    bench.drain.cancel();
    while watch.next().await.is_some() {}
}

#[tokio::test]
async fn what_is_taken_back_stops_before_it_can_come_again() {
    let bench = bench();
    bench
        .service
        .deploy(request(ask(2), &boss()))
        .await
        .unwrap();
    bench.deployments.reconcile_once().await;
    let undeploy = || UndeployRequest { name: QWEN.into() };
    let refused = bench
        .service
        .undeploy(request(undeploy(), &acme()))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-DEPLOYMENT-UNKNOWN");
    let stopped = bench
        .service
        .undeploy(request(undeploy(), &boss()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(stopped.state, "stopping");
    bench.deployments.reconcile_once().await;
    assert_eq!(*bench.jobs.cancelled.lock().unwrap(), [1, 2]);
    let refused = bench
        .service
        .deploy(request(ask(1), &boss()))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-DEPLOYMENT-EXISTS");
    bench.deployments.seen(news(1, JobState::Cancelled, 5));
    bench.deployments.seen(news(2, JobState::Cancelled, 0));
    let left = bench
        .service
        .list_deployments(request(ListDeploymentsRequest {}, &boss()))
        .await
        .unwrap();
    assert!(left.into_inner().deployments.is_empty());
}

#[tokio::test]
async fn what_cannot_run_is_refused_and_leaves_nothing() {
    let bench = bench();
    *bench.jobs.broke.lock().unwrap() = true;
    let refused = bench
        .service
        .deploy(request(ask(1), &acme()))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-BALANCE");
    assert!(bench.deployments.list(None).is_empty());
    let unknown = DeployRequest {
        model: "qwen2.5-coder-0.5b".into(),
        ..ask(1)
    };
    let refused = bench
        .service
        .deploy(request(unknown, &boss()))
        .await
        .unwrap_err();
    assert_eq!(code(&refused), "ZS-MODEL-UNKNOWN");
    assert!(
        zhisuan_proto::detail_of(&refused)
            .unwrap()
            .hint
            .contains(QWEN)
    );
}

#[tokio::test]
async fn failing_replicas_are_tried_again_after_a_pause() {
    let bench = bench();
    bench
        .service
        .deploy(request(ask(1), &boss()))
        .await
        .unwrap();
    bench.deployments.seen(news(1, JobState::Failed, 1));
    bench.deployments.seen(news(1, JobState::Failed, 1));
    bench.deployments.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 1, "not at once");
    let reason = bench.deployments.list(None)[0].reason.clone().unwrap();
    assert!(
        reason.text_zh.contains("连续失败 1 次") && reason.text_zh.contains("boom"),
        "{}",
        reason.text_zh
    );
    bench.clock.set(1_001_000);
    bench.deployments.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_restart_keeps_what_is_wanted_and_starts_nothing_twice() {
    let bench = bench();
    bench
        .service
        .deploy(request(ask(1), &boss()))
        .await
        .unwrap();
    let again =
        Deployments::open(bench.records.clone(), bench.jobs.clone(), bench.clock.now()).unwrap();
    again.seen(news(1, JobState::Running, 3));
    again.reconcile_once().await;
    assert_eq!(bench.jobs.submitted.lock().unwrap().len(), 1);
    // A job of something that is not wanted any more is ended.
    again.seen(ReplicaUpdate {
        deployment: "old".into(),
        ..news(9, JobState::Running, 1)
    });
    again.reconcile_once().await;
    assert_eq!(*bench.jobs.cancelled.lock().unwrap(), [9]);
}

#[tokio::test]
async fn tenants_cannot_name_files_of_workers_or_of_others() {
    let bench = bench();
    let register = |source| {
        let file = v1::ModelFile {
            path: "m.gguf".into(),
            sha256: "a".repeat(64),
            bytes: 5,
            sources: vec![v1::ModelSource {
                source: Some(source),
            }],
        };
        let model = v1::ModelManifest {
            name: "mine".into(),
            kind: v1::ModelKind::Base.into(),
            architecture: "llama".into(),
            files: vec![file],
            ..v1::ModelManifest::default()
        };
        v1::RegisterModelRequest { model: Some(model) }
    };
    for source in [
        v1::model_source::Source::LocalPath("/etc/passwd".into()),
        v1::model_source::Source::ArtifactSha256("a".repeat(64)),
    ] {
        let refused = bench
            .service
            .register(request(register(source), &acme()))
            .await
            .unwrap_err();
        assert_eq!(code(&refused), "ZS-FIELD");
    }
    let local = v1::model_source::Source::LocalPath("/srv/m.gguf".into());
    let kept = bench
        .service
        .register(request(register(local), &boss()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((kept.version, kept.tenant.as_str()), (1, ""));
}

#[tokio::test]
async fn a_public_name_without_a_price_is_refused_before_anything_runs() {
    let bench = bench();
    let unpriced = |metering: v1::Metering| DeployRequest {
        serve_as: "unpriced".into(),
        metering: metering.into(),
        ..ask(1)
    };
    let by_token = unpriced(v1::Metering::Tokens);
    let refused = bench.service.deploy(request(by_token, &boss())).await;
    let refused = refused.map(|_| ()).unwrap_err();
    assert_eq!(code(&refused), "ZS-PRICE-MISSING");
    let detail = zhisuan_proto::detail_of(&refused).unwrap();
    assert_eq!(
        (detail.field.as_str(), detail.value.as_str()),
        ("serve_as", "unpriced")
    );
    assert!(bench.jobs.submitted.lock().unwrap().is_empty());
    assert!(bench.deployments.list(None).is_empty());
    // Whoever pays for time needs no price of tokens.
    let by_time = unpriced(v1::Metering::Dedicated);
    bench
        .service
        .deploy(request(by_time, &acme()))
        .await
        .unwrap();
}

#[tokio::test]
async fn what_replicas_say_of_themselves_is_shown_to_their_owner() {
    let bench = bench();
    bench
        .service
        .deploy(request(ask(1), &boss()))
        .await
        .unwrap();
    bench.deployments.seen(news(1, JobState::Running, 5));
    let load = v1::ReplicaLoad {
        job_id: 1,
        epoch: 5,
        running: 3,
        kv_milli: 410,
        ..v1::ReplicaLoad::default()
    };
    let say = |address: &str, load: v1::ReplicaLoad| bench.deployments.felt(address, vec![load]);
    let shown = |tenant| bench.deployments.list(tenant)[0].loads.clone();
    say("10.0.0.1:7", load);
    assert!(shown(None).is_empty(), "it does not answer yet");
    bench.deployments.ready(1, ready(5));
    say("10.0.0.9:7", load);
    say("10.0.0.1:7", v1::ReplicaLoad { epoch: 4, ..load });
    assert!(shown(None).is_empty(), "another's, or another attempt's");
    say("10.0.0.1:7", load);
    assert_eq!(shown(None), [load]);
    assert!(shown(Some("acme")).is_empty(), "callers see no load");
    assert_eq!(bench.deployments.loads(), [(QWEN.to_owned(), vec![load])]);
    bench.deployments.seen(news(1, JobState::Queued, 5));
    assert!(shown(None).is_empty());
}
