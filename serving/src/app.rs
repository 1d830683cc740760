//! Composition root: puts the parts together, listens, drains.

use crate::admit::{Admission, Admitted, Estimates};
use crate::anthropic;
use crate::audit::{Audit, AuditOptions};
use crate::book::Book;
use crate::call::{self, Call};
use crate::envelope::{self, envelope};
use crate::external::External;
use crate::fair::{Bounds, Places};
use crate::guard::Guard;
use crate::keys::{Defaults, Keys};
use crate::label::LabelOptions;
use crate::limits::{Limits, Unit};
use crate::lines::Lines;
use crate::listener::{Presence, Waits, Watching, attended};
use crate::metrics::Metrics;
use crate::openai::{self, ApiError};
use crate::openapi;
use crate::options::{Error, Operations, Options};
use crate::replica::ReplicaPool;
use crate::routes::{Routes, Table};
use crate::routing::Demand;
use crate::scheduler::Scheduler;
use crate::settle::{SettleQueue, SettleTask};
use crate::trace::Tracing;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::serve::ListenerExt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// After the grace: time for the last error events to leave.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// A changed list of terms is noticed within this time.
const TERMS_EVERY: Duration = Duration::from_secs(2);
/// Time for settlements to arrive after the last answer ended.
const FLUSH: Duration = Duration::from_secs(10);

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// The parts of a gateway.
pub(crate) struct Shared {
    pub(crate) scheduler: Scheduler,
    pub(crate) keys: Keys,
    pub(crate) routes: Routes,
    pub(crate) replicas: ReplicaPool,
    pub(crate) external: External,
    pub(crate) demand: Demand,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) estimates: Estimates,
    pub(crate) places: Places,
    /// Longest wait for a place or for a replica.
    pub(crate) patience: Duration,
    pub(crate) book: Book,
    pub(crate) reader_stall: Duration,
    pub(crate) guard: Guard,
    pub(crate) label: LabelOptions,
    pub(crate) tracing: Tracing,
    pub(crate) settle: SettleQueue,
    pub(crate) metrics: Metrics,
    /// Cancelled when draining begins.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the grace is over: answers under way end with an error.
    pub(crate) hard_stop: CancellationToken,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Who asks, and room for its request; a stranger takes no room.
    pub(crate) async fn admit(&self, head: &Parts) -> Result<Admitted, ApiError> {
        let caller = self.keys.caller(&head.headers).await?;
        if caller.tenant.is_empty() {
            return Err(ApiError::no_tenant());
        }
        if self.book.audit.as_ref().is_some_and(Audit::refuses) {
            return Err(ApiError::audit_away());
        }
        let call = head
            .extensions
            .get::<Call>()
            .ok_or_else(ApiError::internal)?;
        let trail = call.trail.clone();
        trail.with(|record| {
            record.key_id.clone_from(&caller.key_id);
            record.tenant.clone_from(&caller.tenant);
        });
        let taken = self.limits.take(caller.subject(), Unit::Requests, 1);
        let standings = self.limits.standings(caller.subject());
        trail.with(|record| record.standings = standings);
        taken.map_err(|reached| ApiError::rate_limited(&reached, 1))?;
        let permit = self.admission.admit().ok_or_else(|| {
            let seconds = self.places.retry_after_s(&caller.tenant);
            ApiError::overloaded(self.admission.limit(), seconds)
        })?;
        Ok(Admitted {
            caller,
            permit,
            trail,
            session: head.headers.get("x-session-id").map(session),
        })
    }

    /// The routes, once the scheduler has told them.
    pub(crate) fn known_routes(&self) -> Result<Arc<Table>, ApiError> {
        let table = self.routes.table();
        if table.known {
            Ok(table)
        } else {
            Err(ApiError::scheduler_away())
        }
    }
}

/// A running gateway. It serves until [`Handle::shutdown`]; a dropped handle leaves it running.
pub struct Handle {
    address: SocketAddr,
    app: App,
    serving: JoinHandle<()>,
    watching: JoinHandle<()>,
    reporting: JoinHandle<()>,
    settling: SettleTask,
}

/// Starts a gateway. It needs no scheduler yet: until one is reached, requests get 503.
pub async fn start(options: Options) -> Result<Handle, Error> {
    options.check()?;
    let operations = options.operations;
    let scheduler = Scheduler::new(&options.scheduler_url, &options.key)?;
    let listen = |source| Error::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let metrics = Metrics::new(operations.metrics_tenants)?;
    let draining = CancellationToken::new();
    let replicas = ReplicaPool::default();
    let (settle, settling) = SettleQueue::start(scheduler.clone(), metrics.clone());
    let (routes, watching) = Routes::start(scheduler.clone(), draining.clone(), {
        let (replicas, revision) = (replicas.clone(), metrics.routes_revision.clone());
        move |table| {
            replicas.follow(table.replicas());
            revision.set(i64::try_from(table.revision).unwrap_or(i64::MAX));
        }
    });
    let demand = Demand::default();
    let name = call::new_id("").map_err(|_| Error::Random)?;
    let reporting = demand.start(scheduler.clone(), name, draining.clone());
    let waits = waits(&operations);
    let app = App(Arc::new(Shared {
        keys: Keys::new(scheduler.clone(), defaults(&operations)),
        scheduler,
        routes,
        replicas,
        external: External::new()?,
        demand,
        admission: Admission::new(
            options
                .max_inflight
                .saturating_add(operations.queue.waiting),
        ),
        limits: Limits::default(),
        estimates: Estimates::default(),
        places: Places::new(Bounds {
            places: options.max_inflight,
            waiting: operations.queue.waiting,
            waiting_per_tenant: operations.queue.waiting_per_tenant,
        }),
        patience: operations.queue.patience,
        book: book(&operations, &metrics)?,
        reader_stall: operations.reader_stall,
        guard: guard(&operations, draining.clone())?,
        tracing: Tracing::new(operations.otlp_endpoint.as_deref())?,
        label: operations.label,
        settle,
        metrics,
        draining: draining.clone(),
        hard_stop: CancellationToken::new(),
    }));
    let router = router(app.clone(), options.extra);
    let serving = tokio::spawn(serve(listener, waits, router, draining));
    tracing::info!(%address, "gateway listens");
    Ok(Handle {
        address,
        app,
        serving,
        watching,
        reporting,
        settling,
    })
}

/// A number for a session that the caller names.
fn session(name: &HeaderValue) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.as_bytes().hash(&mut hasher);
    hasher.finish()
}

fn waits(operations: &Operations) -> Waits {
    Waits {
        head: operations.request_head,
        body: operations.request_body,
        idle: operations.idle,
    }
}

fn defaults(operations: &Operations) -> Defaults {
    Defaults {
        key: operations.key_limits,
        tenant: operations.tenant_limits,
    }
}

fn book(operations: &Operations, metrics: &Metrics) -> Result<Book, Error> {
    let open = |path: &PathBuf| {
        Lines::open(path).map_err(|source| Error::File {
            path: path.clone(),
            source,
        })
    };
    let audit = |options: &AuditOptions| {
        Audit::open(options, metrics.clone()).map_err(|source| {
            let path = options.folder.clone();
            match source.kind() {
                std::io::ErrorKind::ResourceBusy => Error::AuditBusy { path },
                _ => Error::File { path, source },
            }
        })
    };
    Ok(Book {
        metrics: metrics.clone(),
        access_log: operations.access_log.as_ref().map(open).transpose()?,
        audit: operations.audit.as_ref().map(audit).transpose()?,
    })
}

/// The content filter, and a task that reads its list again when the file changes.
fn guard(operations: &Operations, stop: CancellationToken) -> Result<Guard, Error> {
    let options = operations.guard.clone();
    let path = options.terms.clone().unwrap_or_default();
    let guard = Guard::new(options).map_err(|source| Error::Terms { path, source })?;
    if operations.guard.terms.is_some() {
        let guard = guard.clone();
        tokio::spawn(async move {
            while tokio::time::timeout(TERMS_EVERY, stop.cancelled())
                .await
                .is_err()
            {
                if let Err(error) = guard.reload() {
                    tracing::error!(%error, "the list of terms cannot be read; the last one stays in use");
                }
            }
        });
    }
    Ok(guard)
}

async fn serve(listener: TcpListener, waits: Waits, router: Router, draining: CancellationToken) {
    let listener = listener.tap_io(|connection| {
        // Tokens are small and should leave at once; a refusal of the system only costs latency.
        let _ = connection.set_nodelay(true);
    });
    let signal = draining.cancelled_owned();
    let router = router.layer(axum::middleware::from_fn_with_state(waits, attended));
    let service = router.into_make_service_with_connect_info::<Presence>();
    let served = axum::serve(Watching::new(listener, waits), service)
        .with_graceful_shutdown(signal)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "gateway stopped listening");
    }
}

/// The gateway's own paths, and the application pages for every other one.
fn router(app: App, extra: Option<Router>) -> Router {
    let own = openai::router()
        .merge(anthropic::router())
        .merge(openapi::router())
        .merge(envelope::router());
    let wrap = axum::middleware::from_fn_with_state(app.clone(), envelope);
    match extra {
        Some(pages) => own.layer(wrap).with_state(app).fallback_service(pages),
        None => own
            .fallback(openai::unknown_url)
            .layer(wrap)
            .with_state(app),
    }
}

impl Handle {
    /// Where the gateway listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops taking requests, lets answers under way end for up to `grace`, ends the rest with
    /// an error event, and waits until their settlements have arrived.
    pub async fn shutdown(self, grace: Duration) {
        let Self {
            app,
            mut serving,
            watching,
            reporting,
            settling,
            ..
        } = self;
        app.draining.cancel();
        if tokio::time::timeout(grace, &mut serving).await.is_err() {
            app.hard_stop.cancel();
            if tokio::time::timeout(LAST_WORDS, &mut serving)
                .await
                .is_err()
            {
                tracing::warn!("connections were still open after the grace");
                serving.abort();
            }
        }
        settling.flush(FLUSH).await;
        watching.abort();
        reporting.abort();
        let tracing = app.tracing.clone();
        drop(tokio::task::spawn_blocking(|| tracing.shut_down()).await);
    }
}
