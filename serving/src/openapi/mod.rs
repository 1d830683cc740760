//! The interface described for machines (OpenAPI 3.1) and listed for people.

mod page;

use crate::app::App;
use crate::openai::ApiError;
use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::sync::LazyLock;

/// The document, written by hand; a test holds it to the fields that are read.
pub(crate) const DOCUMENT: &str = include_str!("openapi.json");

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/openapi", get(listing))
}

async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

async fn listing() -> Result<Html<&'static str>, ApiError> {
    static PAGE: LazyLock<Option<String>> = LazyLock::new(|| {
        let document = serde_json::from_str(DOCUMENT).ok()?;
        Some(page::render(&document))
    });
    PAGE.as_deref().map(Html).ok_or_else(ApiError::internal)
}
