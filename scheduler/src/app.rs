//! The composition root: what is opened, in which order, and how it all stops.

use crate::access::{Access, AccessService, NowMs, Role};
use crate::actor::{Actor, Core, recover};
use crate::api::{BillingService, JobsService, NodesService, WorkersService};
use crate::artifacts::{ArtifactService, Artifacts};
use crate::clock::Clock;
use crate::console::Console;
use crate::dispatch::{Dispatcher, replica_update};
use crate::error::Error;
use crate::live::Live;
use crate::logs::Logs;
use crate::metrics::Metrics;
use crate::models::{Catalogue, Deployments, ModelService, Models};
use crate::options::Options;
use crate::ports::{Desk, Replicas, Tenants};
use crate::secret::ClusterSecret;
use crate::sessions::Sessions;
use crate::store::{Reads, Records, Sqlite};
use crate::{api, defaults, serve};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use zhisuan_core::WorkKind;
use zhisuan_proto::v1;

/// Commands that may wait for the actor; more than this waits at the sender.
const COMMANDS: usize = 16_384;
const TICK: Duration = Duration::from_millis(200);

/// A running scheduler.
pub struct Handle {
    address: SocketAddr,
    access: Access,
    core: Core,
    drain: CancellationToken,
    actor: JoinHandle<()>,
    server: tokio::task::JoinHandle<()>,
    failed: watch::Receiver<Option<String>>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A key for a role in this process; it is never stored and ends with the process. Empty only
    /// if the machine has no randomness.
    #[must_use]
    pub fn internal_key(&self, role: Role) -> String {
        self.access.internal_key(role, "").unwrap_or_default()
    }

    /// Waits until the scheduler cannot go on (its store failed) and says why. It acknowledged
    /// nothing that is not durable; a restart is safe.
    pub async fn failed(&self) -> String {
        let mut failed = self.failed.clone();
        match failed.wait_for(Option::is_some).await {
            Ok(cause) => cause.clone().unwrap_or_default(),
            Err(_) => "its state closed".to_owned(),
        }
    }

    /// Stops taking calls, writes a snapshot, ends.
    pub async fn shutdown(self) {
        self.drain.cancel();
        if tokio::time::timeout(Duration::from_secs(3), self.server)
            .await
            .is_err()
        {
            tracing::info!("connections that stayed open are closed");
        }
        self.core.close().await;
        let actor = self.actor;
        // The thread has answered the close; joining it is short.
        let _ = tokio::task::spawn_blocking(move || actor.join()).await;
    }
}

/// What the services share.
struct Rooms {
    core: Core,
    reads: Arc<dyn Reads>,
    records: Arc<dyn Records>,
    access: Access,
    artifacts: Artifacts,
    logs: Logs,
    live: Live,
    models: Models,
    deployments: Deployments,
    sessions: Sessions,
    secret: ClusterSecret,
    metrics: Metrics,
    jobs: JobsService,
    now: NowMs,
    drain: CancellationToken,
}

impl Rooms {
    fn billing(&self) -> BillingService {
        BillingService {
            core: self.core.clone(),
            reads: self.reads.clone(),
            deployments: self.deployments.clone(),
        }
    }

    fn nodes(&self) -> NodesService {
        NodesService {
            core: self.core.clone(),
            sessions: self.sessions.clone(),
        }
    }
}

/// Opens the data folder, recovers the state and serves.
pub async fn start(options: Options) -> Result<Handle, Error> {
    let listener = TcpListener::bind(options.listen)
        .await
        .map_err(|cause| Error::Listen {
            address: options.listen,
            cause,
        })?;
    let address = listener.local_addr().map_err(|cause| Error::Listen {
        address: options.listen,
        cause,
    })?;
    let drain = CancellationToken::new();
    let metrics = Metrics::new().map_err(internal)?;
    let opened = {
        let options = options.clone();
        tokio::task::spawn_blocking(move || open(&options))
            .await
            .map_err(internal)??
    };
    let Opened {
        store,
        recovered,
        reads,
        records,
        access,
        artifacts,
        logs,
        secret,
        models,
    } = opened;
    tracing::info!(
        events = recovered.sequence,
        replayed = recovered.replayed,
        "state recovered"
    );
    let clock = Arc::new(Clock::not_before(recovered.at));
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let (outgoing, orders) = mpsc::unbounded_channel();
    let actor = Actor::new(
        store,
        recovered,
        clock.clone(),
        inbox,
        outgoing,
        metrics.clone(),
    );
    let (actor, failed) = run_actor(actor)?;
    let core = Core::new(commands);
    defaults::apply(&core).await.map_err(internal)?;
    let now: NowMs = Arc::new(move || clock.now().0);
    let live = Live::default();
    let jobs = JobsService {
        core: core.clone(),
        reads: reads.clone(),
        live: live.clone(),
        logs: logs.clone(),
        models: models.clone(),
        artifacts: artifacts.clone(),
    };
    let replicas = Arc::new(Replicas { jobs: jobs.clone() });
    let deployments =
        Deployments::open(records.clone(), replicas, now.clone()).map_err(internal)?;
    let sessions = Sessions::default();
    let rooms = Rooms {
        core: core.clone(),
        reads,
        records,
        access: access.clone(),
        artifacts,
        logs,
        live,
        models,
        deployments,
        sessions,
        secret,
        metrics,
        jobs,
        now,
        drain: drain.clone(),
    };
    tell_live_replicas(&rooms).await?;
    run_background(&rooms, &options, orders);
    let console_url = options
        .public_url
        .clone()
        .unwrap_or_else(|| format!("http://{address}"));
    let console = Console {
        port: Arc::new(Desk {
            jobs: rooms.jobs.clone(),
            nodes: rooms.nodes(),
            billing: rooms.billing(),
            models: rooms.models.clone(),
            deployments: rooms.deployments.clone(),
        }),
        access: rooms.access.clone(),
        now: rooms.now.clone(),
        secure_cookie: console_url.starts_with("https:"),
    };
    let routes = routes(&rooms, &options, &console_url).await;
    let router = serve::router(routes, console, &rooms.metrics);
    let server = tokio::spawn(serve::run(listener, router, drain.clone()));
    Ok(Handle {
        address,
        access,
        core,
        drain,
        actor,
        server,
        failed,
    })
}

/// What is read from the data folder.
struct Opened {
    store: Sqlite,
    recovered: crate::actor::Recovered,
    reads: Arc<dyn Reads>,
    records: Arc<dyn Records>,
    access: Access,
    artifacts: Artifacts,
    logs: Logs,
    secret: ClusterSecret,
    models: Models,
}

fn open(options: &Options) -> Result<Opened, Error> {
    let folder = &options.data_dir;
    make_folder(folder).map_err(|cause| Error::DataDir {
        path: folder.clone(),
        cause,
    })?;
    let catalogue = options
        .catalogue
        .as_deref()
        .map(std::fs::read_to_string)
        .transpose();
    let catalogue = catalogue.map_err(|error| Error::Catalogue(error.to_string()))?;
    let catalogue = Catalogue::load(catalogue.as_deref())
        .map_err(|error| Error::Catalogue(error.to_string()))?;
    let mut store = Sqlite::open(&folder.join("zhisuan.db"))?;
    let recovered = recover(&mut store, options.limits())?;
    let reads: Arc<dyn Reads> = Arc::new(store.again()?);
    let records: Arc<dyn Records> = Arc::new(store.again()?);
    let limit = Artifacts::DEFAULT_LIMIT_BYTES;
    Ok(Opened {
        access: Access::open(records.clone()).map_err(internal)?,
        artifacts: Artifacts::open(folder, records.clone(), limit).map_err(internal)?,
        logs: Logs::open(folder, options.log_limit_bytes),
        secret: ClusterSecret::open(records.as_ref())?,
        models: Models::open(records.clone(), &catalogue).map_err(internal)?,
        store,
        recovered,
        reads,
        records,
    })
}

/// Only its owner may read what a centre keeps.
fn make_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}

type Failed = watch::Receiver<Option<String>>;

/// The owner of the state has a thread of its own: its work is short bursts of computing and
/// writes to the disk, which would block others on a shared executor.
fn run_actor(actor: Actor<Sqlite>) -> Result<(JoinHandle<()>, Failed), Error> {
    let (tell, failed) = watch::channel(None);
    let body = move || {
        if let Err(error) = actor.run() {
            tracing::error!(%error, "the scheduler stops: its store failed");
            let _ = tell.send(Some(error.to_string()));
        }
    };
    let thread = std::thread::Builder::new()
        .name("scheduler-core".to_owned())
        .spawn(body);
    Ok((thread.map_err(internal)?, failed))
}

/// Replicas that were placed before the restart, so that none is started twice.
async fn tell_live_replicas(rooms: &Rooms) -> Result<(), Error> {
    let jobs = rooms.core.ask(|state, _| {
        let serving = state
            .jobs()
            .values()
            .filter(|job| job.spec.work == WorkKind::Serve);
        serving.cloned().collect::<Vec<_>>()
    });
    for job in jobs.await.map_err(internal)? {
        let (reads, id) = (rooms.reads.clone(), job.id.0);
        let row = api::read(move || reads.job(id)).await.map_err(internal)?;
        rooms.deployments.seen(replica_update(&job, row.as_ref()));
    }
    Ok(())
}

fn run_background(
    rooms: &Rooms,
    options: &Options,
    orders: mpsc::UnboundedReceiver<crate::actor::Outgoing>,
) {
    let dispatcher = Dispatcher {
        core: rooms.core.clone(),
        reads: rooms.reads.clone(),
        sessions: rooms.sessions.clone(),
        live: rooms.live.clone(),
        logs: rooms.logs.clone(),
        models: rooms.models.clone(),
        deployments: rooms.deployments.clone(),
        secret: rooms.secret.clone(),
        metrics: rooms.metrics.clone(),
        log_limit_bytes: options.log_limit_bytes,
        stop_grace_ms: options.stop_grace_ms,
    };
    tokio::spawn(dispatcher.run(orders));
    tokio::spawn(rooms.deployments.clone().run(rooms.drain.clone()));
    let (core, drain) = (rooms.core.clone(), rooms.drain.clone());
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        while !drain.is_cancelled() {
            ticks.tick().await;
            if core.tick().await.is_err() {
                break;
            }
        }
    });
}

async fn routes(rooms: &Rooms, options: &Options, console_url: &str) -> Routes {
    let most = zhisuan_proto::MAX_MESSAGE_BYTES;
    let tenants = Arc::new(Tenants {
        core: rooms.core.clone(),
        records: rooms.records.clone(),
    });
    let now = || rooms.now.clone();
    let access = AccessService::new(rooms.access.clone(), tenants, now(), console_url);
    let artifacts = ArtifactService::new(rooms.artifacts.clone(), now());
    let models = ModelService::new(
        rooms.models.clone(),
        rooms.deployments.clone(),
        rooms.artifacts.clone(),
        now(),
        rooms.drain.clone(),
    );
    let workers = WorkersService {
        core: rooms.core.clone(),
        sessions: rooms.sessions.clone(),
        live: rooms.live.clone(),
        logs: rooms.logs.clone(),
        models: rooms.models.clone(),
        deployments: rooms.deployments.clone(),
        artifacts: rooms.artifacts.clone(),
        secret: rooms.secret.clone(),
        heartbeat_ms: options.heartbeat_ms,
        lease_ms: options.lease_ms,
    };
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
            v1::workers_server::WorkersServer::new(workers).max_decoding_message_size(most),
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
