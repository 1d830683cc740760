//! The operator's and tenant's pages: server-rendered, complete without scripts, each also as
//! JSON with `?format=json` at the same address.

mod frame;
mod job;
mod jobs;
mod models;
mod nodes;
mod overview;
mod port;
mod signin;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
mod usage;
mod visitor;

pub(crate) use port::{Answer, ConsolePort};

use crate::access::{Access, NowMs};
use axum::Router;
use axum::routing::{get, post};
use std::sync::Arc;

/// What the pages need.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) port: Arc<dyn ConsolePort>,
    pub(crate) access: Access,
    pub(crate) now: NowMs,
    /// Where browsers come: by HTTPS the cookie is kept off plain connections.
    pub(crate) public_url: String,
}

/// The pages, their assets and their headers; has no fallback, so it can be merged with others.
pub(crate) fn router(console: Console) -> Router {
    let pages = Router::new()
        .route("/console", get(overview::page))
        .route("/console/jobs", get(jobs::page))
        .route("/console/jobs/{id}", get(job::page))
        .route("/console/nodes", get(nodes::page))
        .route("/console/models", get(models::page))
        .route("/console/usage", get(usage::page))
        .route("/signin", get(signin::ask).post(signin::enter))
        .route("/signout", post(signin::leave))
        .with_state(console)
        .merge(zhisuan_web::assets::router());
    zhisuan_web::headers::protect(pages)
}
