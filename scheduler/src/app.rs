//! The composition root: what is opened, in which order, and how it all stops.

use crate::access::{Access, Role};
use crate::actor::{Actor, Core, Outgoing};
use crate::clock::Clock;
use crate::dispatch::{Dispatcher, replica_update};
use crate::error::{Error, internal};
use crate::metrics::Metrics;
use crate::open::{Opened, open};
use crate::options::Options;
use crate::replica_metrics::ReplicaMetrics;
use crate::rooms::{Rooms, routes};
use crate::store::Sqlite;
use crate::sweep::Sweeper;
use crate::{api, defaults, serve};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use zhisuan_core::WorkKind;

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

/// Opens the data folder, recovers the state and serves.
pub async fn start(options: Options) -> Result<Handle, Error> {
    let not_ours = |cause| Error::Listen {
        address: options.listen,
        cause,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(not_ours)?;
    let address = listener.local_addr().map_err(not_ours)?;
    let folder = options.clone();
    let opened = tokio::task::spawn_blocking(move || open(&folder)).await;
    let Opened {
        store,
        recovered,
        kept,
    } = opened.map_err(internal)??;
    tracing::info!(
        events = recovered.sequence,
        replayed = recovered.replayed,
        "state recovered"
    );
    let metrics = Metrics::new().map_err(internal)?;
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
    let rooms = Rooms::new(core, kept, clock, metrics)?;
    let replicas = ReplicaMetrics::new(rooms.deployments.clone()).map_err(internal)?;
    rooms.metrics.add(Box::new(replicas)).map_err(internal)?;
    tell_live_replicas(&rooms).await?;
    run_background(&rooms, &options, orders);
    let url = options.public_url.clone();
    let url = url.unwrap_or_else(|| format!("http://{address}"));
    let routes = routes(&rooms, &options, &url).await;
    let router = serve::router(routes, rooms.console(&url), &rooms.metrics);
    let server = tokio::spawn(serve::run(listener, router, rooms.drain.clone()));
    Ok(Handle {
        address,
        access: rooms.kept.access,
        core: rooms.core,
        drain: rooms.drain,
        actor,
        server,
        failed,
    })
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
        let (reads, id) = (rooms.kept.reads.clone(), job.id.0);
        let row = api::read(move || reads.job(id)).await.map_err(internal)?;
        rooms.deployments.seen(replica_update(&job, row.as_ref()));
    }
    Ok(())
}

fn run_background(rooms: &Rooms, options: &Options, orders: mpsc::UnboundedReceiver<Outgoing>) {
    let dispatcher = Dispatcher {
        core: rooms.core.clone(),
        reads: rooms.kept.order_reads.clone(),
        sessions: rooms.sessions.clone(),
        live: rooms.live.clone(),
        logs: rooms.kept.logs.clone(),
        models: rooms.kept.models.clone(),
        deployments: rooms.deployments.clone(),
        secret: rooms.kept.secret.clone(),
        metrics: rooms.metrics.clone(),
        log_limit_bytes: options.log_limit_bytes,
        stop_grace_ms: options.stop_grace_ms,
    };
    tokio::spawn(dispatcher.run(orders));
    tokio::spawn(rooms.deployments.clone().run(rooms.drain.clone()));
    let sweeper = Sweeper {
        core: rooms.core.clone(),
        reads: rooms.kept.reads.clone(),
        models: rooms.kept.models.clone(),
        artifacts: rooms.kept.artifacts.clone(),
        now: rooms.now.clone(),
    };
    tokio::spawn(sweeper.run(rooms.drain.clone()));
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
