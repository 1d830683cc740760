//! The services around the core: what they share, and how each is made of it.

use crate::access::{AccessService, NowMs};
use crate::actor::Core;
use crate::api::{BillingService, JobsService, NodesService, WorkersService};
use crate::artifacts::ArtifactService;
use crate::clock::Clock;
use crate::console::Console;
use crate::error::{Error, internal};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::models::{Deployments, ModelService};
use crate::open::Kept;
use crate::options::Options;
use crate::ports::Desk;
use crate::replicas::Replicas;
use crate::sessions::Sessions;
use crate::tenants::Tenants;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use zhisuan_proto::v1;

/// What the services share.
pub(crate) struct Rooms {
    pub(crate) core: Core,
    pub(crate) kept: Kept,
    pub(crate) live: Live,
    pub(crate) sessions: Sessions,
    pub(crate) jobs: JobsService,
    pub(crate) deployments: Deployments,
    tenants: Arc<Tenants>,
    pub(crate) metrics: Metrics,
    pub(crate) now: NowMs,
    pub(crate) drain: CancellationToken,
}

impl Rooms {
    pub(crate) fn new(
        core: Core,
        kept: Kept,
        clock: Arc<Clock>,
        metrics: Metrics,
    ) -> Result<Self, Error> {
        let live = Live::default();
        let now: NowMs = Arc::new(move || clock.now().0);
        let jobs = JobsService {
            core: core.clone(),
            reads: kept.reads.clone(),
            live: live.clone(),
            logs: kept.logs.clone(),
            models: kept.models.clone(),
            artifacts: kept.artifacts.clone(),
        };
        let sessions = Sessions::default();
        let replicas = Arc::new(Replicas {
            jobs: jobs.clone(),
            sessions: sessions.clone(),
        });
        let deployments = Deployments::open(kept.records.clone(), replicas, now.clone());
        let tenants = Tenants::open(core.clone(), kept.records.clone());
        Ok(Self {
            tenants: Arc::new(tenants?),
            core,
            live,
            sessions,
            jobs,
            deployments: deployments.map_err(internal)?,
            metrics,
            now,
            drain: CancellationToken::new(),
            kept,
        })
    }

    fn billing(&self) -> BillingService {
        BillingService {
            core: self.core.clone(),
            reads: self.kept.reads.clone(),
            deployments: self.deployments.clone(),
        }
    }

    fn nodes(&self) -> NodesService {
        NodesService {
            core: self.core.clone(),
            sessions: self.sessions.clone(),
        }
    }

    fn workers(&self, options: &Options) -> WorkersService {
        WorkersService {
            core: self.core.clone(),
            sessions: self.sessions.clone(),
            live: self.live.clone(),
            logs: self.kept.logs.clone(),
            models: self.kept.models.clone(),
            deployments: self.deployments.clone(),
            artifacts: self.kept.artifacts.clone(),
            secret: self.kept.secret.clone(),
            heartbeat_ms: options.heartbeat_ms,
            lease_ms: options.lease_ms,
            stop_grace_ms: options.stop_grace_ms,
        }
    }

    pub(crate) fn console(&self, url: &str) -> Console {
        let desk = Desk {
            jobs: self.jobs.clone(),
            nodes: self.nodes(),
            billing: self.billing(),
            models: self.kept.models.clone(),
            deployments: self.deployments.clone(),
        };
        Console {
            port: Arc::new(desk),
            access: self.kept.access.clone(),
            now: self.now.clone(),
            public_url: url.to_owned(),
        }
    }
}

/// Every gRPC service, with health and reflection.
pub(crate) async fn routes(rooms: &Rooms, options: &Options, console_url: &str) -> Routes {
    let most = zhisuan_proto::MAX_MESSAGE_BYTES;
    let tenants = rooms.tenants.clone();
    let now = || rooms.now.clone();
    let access = AccessService::new(rooms.kept.access.clone(), tenants, now(), console_url);
    let artifacts = ArtifactService::new(rooms.kept.artifacts.clone(), now());
    let models = ModelService::new(
        rooms.kept.models.clone(),
        rooms.deployments.clone(),
        rooms.kept.artifacts.clone(),
        now(),
        rooms.drain.clone(),
    );
    let (health, health_service) = tonic_health::server::health_reporter();
    let jobs = v1::jobs_server::JobsServer::new(rooms.jobs.clone());
    let mut routes = Routes::new(jobs.max_decoding_message_size(most))
        .add_service(v1::access_server::AccessServer::new(access))
        .add_service(
            v1::artifacts_server::ArtifactsServer::new(artifacts).max_decoding_message_size(most),
        )
        .add_service(v1::billing_server::BillingServer::new(rooms.billing()))
        .add_service(v1::models_server::ModelsServer::new(models))
        .add_service(v1::nodes_server::NodesServer::new(rooms.nodes()))
        .add_service(
            v1::workers_server::WorkersServer::new(rooms.workers(options))
                .max_decoding_message_size(most),
        )
        .add_service(health_service);
    health
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(zhisuan_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(service) => routes = routes.add_service(service),
        Err(error) => tracing::error!(%error, "reflection is not served"),
    }
    routes
}
