//! A fake scheduler under the deployments, for their tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use super::{
    Catalogue, Deployments, ModelService, Models, ReadyReplica, ReplicaPort, ReplicaUpdate,
};
use crate::access::testing::{FakeClock, FakeRecords};
use crate::access::{Caller, Role};
use crate::artifacts::Artifacts;
use crate::words::Problem;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};
use zhisuan_core::JobState;
use zhisuan_proto::v1::{self, DeployRequest};

pub(super) const QWEN: &str = "qwen2.5-coder-0.5b-instruct";

/// Fake scheduler: numbers jobs, keeps what it was asked, refuses when told to.
#[derive(Default)]
pub(super) struct FakeJobs {
    pub(super) submitted: Mutex<Vec<(String, v1::JobSpec)>>,
    pub(super) cancelled: Mutex<Vec<u64>>,
    pub(super) broke: Mutex<bool>,
    /// What replicas were told to serve.
    pub(super) told: Mutex<Vec<(u64, v1::ServeWork)>>,
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

    fn tell(&self, job_id: u64, work: v1::ServeWork) -> BoxFuture<'_, Result<(), Status>> {
        self.told.lock().unwrap().push((job_id, work));
        async { Ok(()) }.boxed()
    }

    fn check_sale(
        &self,
        model: String,
        _tenant: String,
        priced: bool,
    ) -> BoxFuture<'_, Result<(), Status>> {
        let answer = if priced && model == "unpriced" {
            Err(Problem::new(
                Code::FailedPrecondition,
                "ZS-PRICE-MISSING",
                "没有价格",
                "no price",
            )
            .status())
        } else {
            Ok(())
        };
        async { answer }.boxed()
    }
}

pub(super) struct Bench {
    _folder: tempfile::TempDir,
    pub(super) records: Arc<FakeRecords>,
    pub(super) jobs: Arc<FakeJobs>,
    pub(super) clock: FakeClock,
    pub(super) deployments: Deployments,
    pub(super) service: ModelService,
    pub(super) drain: CancellationToken,
}

pub(super) fn bench() -> Bench {
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

pub(super) fn boss() -> Caller {
    Caller {
        tenant: "centre".into(),
        role: Role::Operator,
        key_id: "k".into(),
    }
}

pub(super) fn acme() -> Caller {
    Caller {
        tenant: "acme".into(),
        role: Role::Tenant,
        key_id: "a".into(),
    }
}

pub(super) fn ask(replicas: u32) -> DeployRequest {
    DeployRequest {
        model: QWEN.into(),
        replicas,
        ..DeployRequest::default()
    }
}

pub(super) fn news(job_id: u64, state: JobState, epoch: u64) -> ReplicaUpdate {
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

pub(super) fn ready(epoch: u64) -> ReadyReplica {
    ReadyReplica {
        address: "10.0.0.1:7".into(),
        token: "t".into(),
        epoch,
        context_length: 2048,
        models: vec![QWEN.into()],
        abilities: Vec::new(),
    }
}
