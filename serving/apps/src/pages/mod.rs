//! Pages and the JSON address of knowledge questions.
//!
//! The style sheet is not merged here: the listener merges `zhisuan_web::assets::router()` once.

mod api;
mod ask;
mod href;
mod shell;
mod source;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use jiff::Zoned;
use jiff::civil::Date;
use zhisuan_web::headers;

use crate::rag::{Answer, AskError, AskOptions, KnowledgeBase};

/// Largest accepted request body, in bytes: the longest question with room for JSON escapes.
const MAX_BODY_BYTES: usize = 32 * 1024;

/// What the handlers share.
pub(crate) type Kb = Arc<KnowledgeBase>;

/// `GET /qa` for citizens, `GET /qa/source/{document}` for the cited text, and
/// `GET`/`POST /api/qa/ask` for programs, all with the strict headers.
pub fn router(base: Arc<KnowledgeBase>) -> Router {
    let routes = Router::new()
        .route("/qa", get(ask::page))
        .route("/qa/source/{*document}", get(source::page))
        .route("/api/qa/ask", get(api::get_ask).post(api::post_ask))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(base);
    headers::protect(routes)
}

/// The day on which answers hold unless the question names one.
fn today() -> Date {
    Zoned::now().date()
}

/// Reads a day, or explains what would be one.
fn day(field: &'static str, value: Option<&str>) -> Result<Date, AskError> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Ok(today());
    };
    value.parse().map_err(|_| {
        let shown: String = value.chars().take(40).collect();
        AskError::BadField {
            field,
            message: format!("{field} 是“{shown}”，应写成 2025-01-31 这样的日期"),
        }
    })
}

/// Asks away from the async threads: verifying reads files.
async fn ask_apart(base: Kb, question: String, options: AskOptions) -> Result<Answer, AskError> {
    let asked = tokio::task::spawn_blocking(move || base.ask(&question, options));
    asked.await.map_err(|error| {
        tracing::error!(%error, "question task failed");
        AskError::Interrupted
    })?
}
