//! One address for gRPC, console, metrics and health.

use crate::access::protect;
use crate::console::Console;
use crate::metrics::Metrics;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub(crate) fn router(routes: Routes, console: Console, metrics: &Metrics) -> Router {
    let metrics = metrics.clone();
    let plain = Router::new()
        .route("/", get(|| async { Redirect::to("/console") }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(move || async move { metrics.render() }));
    // Everything that is not a page is a gRPC method and goes through the door.
    let door = protect(routes, console.access.clone(), console.now.clone());
    plain
        .merge(crate::console::router(console))
        .fallback_service(door)
}

pub(crate) async fn run(listener: TcpListener, router: Router, drain: CancellationToken) {
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not set");
        }
    });
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(async move { drain.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "the server ended");
    }
}
