//! Deployments from request to routes, on a fake scheduler.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{
    Catalogue, Deployments, ModelService, Models, ReadyReplica, ReplicaPort, ReplicaUpdate,
};
use crate::access::testing::{FakeClock, FakeRecords, code, request};
use crate::access::{Caller, Role};
use crate::artifacts::Artifacts;
use crate::words::Problem;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use zhisuan_core::JobState;
use zhisuan_proto::v1::models_server::Models as _;
use zhisuan_proto::v1::{
    self, DeployRequest, ListDeploymentsRequest, UndeployRequest, WatchRoutesRequest,
};

const QWEN: &str = "qwen2.5-coder-0.5b-instruct";

/// Fake scheduler: numbers jobs, keeps what it was asked, refuses when told to.
#[derive(Default)]
struct FakeJobs {
    submitted: Mutex<Vec<(String, v1::JobSpec)>>,
    cancelled: Mutex<Vec<u64>>,
    broke: Mutex<bool>,
}

impl ReplicaPort for FakeJobs {
    fn submit(&self, tenant: String, spec: v1::JobSpec) -> BoxFuture<'_, Result<u64, Status>> {
        let answer = if *self.broke.lock().unwrap() {
            Err(Problem::new(
                Code::FailedPrecondition,
                "ZS-BALANCE",
                "余额不足",
                "no money",
            )
            .status())
        } else {
            let mut submitted = self.submitted.lock().unwrap();
            submitted.push((tenant, spec));
            Ok(submitted.len() as u64)
        };
        async { answer }.boxed()
    }

    fn cancel(&self, job_id: u64) -> BoxFuture<'_, Result<(), Status>> {
        self.cancelled.lock().unwrap().push(job_id);
        async { Ok(()) }.boxed()
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    records: Arc<FakeRecords>,
    jobs: Arc<FakeJobs>,
    clock: FakeClock,
    deployments: Deployments,
    service: ModelService,
    drain: CancellationToken,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let records = Arc::new(FakeRecords::default());
    let (jobs, clock, drain) = (
        Arc::new(FakeJobs::default()),
        FakeClock::at(1_000_000),
        CancellationToken::new(),
    );
    let models = Models::open(records.clone(), &Catalogue::load(None).unwrap()).unwrap();
    let deployments = Deployments::open(records.clone(), jobs.clone(), clock.now()).unwrap();
    let artifacts = Artifacts::open(folder.path(), records.clone(), 1 << 20).unwrap();
    let service = ModelService::new(
        models,
        deployments.clone(),
        artifacts,
        clock.now(),
        drain.clone(),
    );
    Bench {
        _folder: folder,
        records,
        jobs,
        clock,
        deployments,
        service,
        drain,
    }
}

fn boss() -> Caller {
    Caller {
        tenant: "centre".into(),
        role: Role::Operator,
        key_id: "k".into(),
    }
}

fn acme() -> Caller {
    Caller {
        tenant: "acme".into(),
        role: Role::Tenant,
        key_id: "a".into(),
    }
}

fn ask(replicas: u32) -> DeployRequest {
    DeployRequest {
        model: QWEN.into(),
        replicas,
        ..DeployRequest::default()
    }
}

fn news(job_id: u64, state: JobState, epoch: u64) -> ReplicaUpdate {
    let message = if state.ended() {
        "任务失败：boom".into()
    } else {
        String::new()
    };
    ReplicaUpdate {
        job_id,
        deployment: QWEN.into(),
        state,
        epoch,
        message,
    }
}

fn ready(epoch: u64) -> ReadyReplica {
    ReadyReplica {
        address: "10.0.0.1:7".into(),
        token: "t".into(),
        epoch,
        context_length: 2048,
        models: vec![QWEN.into()],
    }
}

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
