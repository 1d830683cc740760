//! Composition root: puts the parts together, listens, drains.

use crate::admit::Admission;
use crate::anthropic;
use crate::envelope::{self, envelope};
use crate::keys::Keys;
use crate::metrics::Metrics;
use crate::openai::{self, Admitted, ApiError};
use crate::options::{Error, Options};
use crate::replica::{self, ReplicaPool};
use crate::routes::{Routes, Table};
use crate::scheduler::Scheduler;
use crate::usage::{SettleQueue, SettleTask};
use axum::Router;
use axum::http::HeaderMap;
use axum::serve::ListenerExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zhisuan_proto::v1::Route;

const MAX_INFLIGHT: usize = 1_000_000;
/// After the grace: time for the last error events to leave.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Time for settlements to arrive after the last answer ended.
const FLUSH: Duration = Duration::from_secs(10);

/// What handlers share; cheap to clone.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) scheduler: Scheduler,
    pub(crate) keys: Keys,
    pub(crate) routes: Routes,
    pub(crate) replicas: ReplicaPool,
    pub(crate) admission: Admission,
    pub(crate) settle: SettleQueue,
    pub(crate) metrics: Metrics,
    /// Cancelled when draining begins.
    pub(crate) draining: CancellationToken,
    /// Cancelled when the grace is over: answers under way end with an error.
    pub(crate) hard_stop: CancellationToken,
}

impl App {
    /// Who asks and a place for it; a stranger takes no place.
    pub(crate) async fn admit(&self, headers: &HeaderMap) -> Result<Admitted, ApiError> {
        let caller = self.keys.caller(headers).await?;
        if caller.tenant.is_empty() {
            return Err(ApiError::no_tenant());
        }
        let permit = self
            .admission
            .admit()
            .map_err(|seconds| ApiError::overloaded(self.admission.limit(), seconds))?;
        Ok(Admitted { caller, permit })
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

    /// The route of a model for a tenant, with at least one replica.
    pub(crate) fn route(&self, model: &str, tenant: &str) -> Result<Route, ApiError> {
        let table = self.known_routes()?;
        let route = table
            .find(model, tenant)
            .ok_or_else(|| ApiError::model_not_found(model))?;
        if route.replicas.is_empty() {
            return Err(ApiError::model_not_ready(model));
        }
        Ok(Route::clone(route))
    }
}

/// A running gateway. It serves until [`Handle::shutdown`]; a dropped handle leaves it running.
pub struct Handle {
    address: SocketAddr,
    app: App,
    serving: JoinHandle<()>,
    watching: JoinHandle<()>,
    settling: SettleTask,
}

/// Starts a gateway. It needs no scheduler yet: until one is reached, requests get 503.
pub async fn start(options: Options) -> Result<Handle, Error> {
    if options.max_inflight == 0 || options.max_inflight > MAX_INFLIGHT {
        return Err(Error::Option {
            option: "max_inflight",
            value: options.max_inflight.to_string(),
            accepted: "expected 1 to 1000000 requests",
        });
    }
    let scheduler = Scheduler::new(&options.scheduler_url, &options.key)?;
    let listen = |source| Error::Listen {
        address: options.listen,
        source,
    };
    let listener = TcpListener::bind(options.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let metrics = Metrics::new()?;
    let draining = CancellationToken::new();
    let replicas = ReplicaPool::default();
    let (settle, settling) = SettleQueue::start(scheduler.clone(), metrics.clone());
    let (routes, watching) = Routes::start(scheduler.clone(), draining.clone(), {
        let (replicas, revision) = (replicas.clone(), metrics.routes_revision.clone());
        move |table| {
            replicas.retain(&table.replicas().map(replica::key).collect());
            revision.set(i64::try_from(table.revision).unwrap_or(i64::MAX));
        }
    });
    let app = App {
        keys: Keys::new(scheduler.clone()),
        scheduler,
        routes,
        replicas,
        admission: Admission::new(options.max_inflight),
        settle,
        metrics,
        draining: draining.clone(),
        hard_stop: CancellationToken::new(),
    };
    let router = router(app.clone(), options.extra);
    let serving = tokio::spawn(serve(listener, router, draining));
    tracing::info!(%address, "gateway listens");
    Ok(Handle {
        address,
        app,
        serving,
        watching,
        settling,
    })
}

async fn serve(listener: TcpListener, router: Router, draining: CancellationToken) {
    let listener = listener.tap_io(|connection| {
        // Tokens are small and should leave at once; a refusal of the system only costs latency.
        let _ = connection.set_nodelay(true);
    });
    let signal = draining.cancelled_owned();
    let served = axum::serve(listener, router)
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
    }
}
