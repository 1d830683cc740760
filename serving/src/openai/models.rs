//! GET /v1/models: what the caller may use, with context length, abilities and state.

use super::ApiError;
use crate::app::App;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde_json::{Value, json};
use zhisuan_proto::v1::Route;

pub(crate) async fn list(
    State(app): State<App>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let caller = app.keys.caller(&headers).await?;
    let table = app.known_routes()?;
    let data: Vec<Value> = table.visible(&caller.tenant).map(card).collect();
    Ok(Json(json!({"object": "list", "data": data})))
}

pub(crate) async fn get(
    State(app): State<App>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let caller = app.keys.caller(&headers).await?;
    let Path(model) = path.map_err(|_| ApiError::model_not_found("?"))?;
    let table = app.known_routes()?;
    let route = table
        .find(&model, &caller.tenant)
        .ok_or_else(|| ApiError::model_not_found(&model))?;
    Ok(Json(card(route)))
}

fn card(route: &Route) -> Value {
    json!({
        "id": route.model,
        "object": "model",
        "created": route.created_at_ms.div_euclid(1_000),
        "owned_by": if route.owned_by.is_empty() { "zhisuan" } else { &route.owned_by },
        // Beyond the official fields.
        "context_length": route.context_length,
        "ready": state(route) == "ready",
        "state": state(route),
        "abilities": route.abilities,
    })
}

/// "ready": answers now. "asleep": a request waits until a replica is there. "starting": a
/// request is refused until then.
fn state(route: &Route) -> &'static str {
    if !route.replicas.is_empty() || route.external.is_some() {
        "ready"
    } else if route.wakes {
        "asleep"
    } else {
        "starting"
    }
}
