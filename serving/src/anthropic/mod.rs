//! The Anthropic-shaped HTTP interface: messages and their count of tokens, over the same keys,
//! routes, holds and meters as the other one.

mod content;
mod events;
mod read;
mod tools;

use crate::admit::Admitted;
use crate::app::App;
use crate::call::Call;
use crate::language::Language;
use crate::openai::ApiError;
use crate::openai::ability;
use crate::openai::body;
use crate::openai::generate::answer;
use crate::openai::tokenize;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Json, Router};
use events::Messaging;
use serde_json::{Value, json};

pub(crate) use read::{read, read_count};

/// Versions whose shapes are the same in everything that is offered here.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

/// Every path of the interface.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/v1/messages", post(create))
        .route("/v1/messages/count_tokens", post(count))
}

/// Whether answers below `path` have this interface's shape of errors.
pub(crate) fn speaks(path: &str) -> bool {
    path == "/v1/messages" || path.starts_with("/v1/messages/")
}

async fn create(
    State(app): State<App>,
    Extension(call): Extension<Call>,
    admitted: Admitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    version(&headers)?;
    let wish = read(&body::read(body).await?)?;
    let shape = Messaging::new(&call.id, &wish.model);
    Box::pin(answer(&app, &call, admitted, shape, wish, ability::CHAT)).await
}

/// Costs nothing: tokens are counted, none is computed.
async fn count(
    State(app): State<App>,
    admitted: Admitted,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, ApiError> {
    version(&headers)?;
    let request = read_count(&body::read(body).await?)?;
    let route = app.route(&request.model, &admitted, None).await?;
    ability::check(&route, ability::CHAT)?;
    let tokens = tokenize::count(&app, &admitted.trail, &route, request).await?;
    Ok(Json(json!({"input_tokens": tokens.len()})))
}

/// Refuses a request for another version of the interface than the one that is spoken.
fn version(headers: &HeaderMap) -> Result<(), ApiError> {
    let name = "anthropic-version";
    let told = headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if told.is_some_and(|told| VERSIONS.contains(&told)) {
        return Ok(());
    }
    let told: String = told.unwrap_or("absent").chars().take(40).collect();
    let [old, new] = VERSIONS;
    Err(ApiError::field(
        "invalid_value",
        name,
        format!("The header '{name}' is {told}. Send '{name}: {new}' or '{name}: {old}'."),
        format!("请求头 {name} 为 {told}。请发送 {name}: {new} 或 {name}: {old}。"),
    ))
}

/// A whole answer that tells an error.
pub(crate) fn error(error: &ApiError, language: Language, request_id: &str) -> Response {
    let message = error.message(language);
    let body = error_body(error.status, error.code, message, Some(request_id));
    error.dress(Json(body).into_response())
}

/// The body of an error in this interface's shape.
fn error_body(status: StatusCode, code: &str, message: &str, request_id: Option<&str>) -> Value {
    let kind = match (status.as_u16(), code) {
        (_, "insufficient_quota") => "billing_error",
        (401, _) => "authentication_error",
        (403, _) => "permission_error",
        (404, _) => "not_found_error",
        (413, _) => "request_too_large",
        (429, _) => "rate_limit_error",
        (503, _) => "overloaded_error",
        (504, _) => "timeout_error",
        (400..500, _) => "invalid_request_error",
        _ => "api_error",
    };
    let mut body = json!({"type": "error", "error": {"type": kind, "message": message}});
    if let Some(id) = request_id {
        body["request_id"] = json!(id);
    }
    body
}
