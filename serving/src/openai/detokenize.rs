//! POST /v1/detokenize: the text that tokens stand for, as vLLM names the call. It costs nothing.

use super::ApiError;
use super::body::{self, view};
use super::fields::DETOKENIZE;
use super::texts::{self, Tokens};
use super::validate::{self, wrong_type};
use crate::admit::Admitted;
use crate::app::App;
use crate::routing;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use zhisuan_proto::v1::DetokenizeRequest;

/// Body of a request.
#[derive(Debug, Deserialize)]
struct Body {
    model: String,
    tokens: Value,
}

pub(crate) async fn create(
    State(app): State<App>,
    admitted: Admitted,
    body: axum::body::Body,
) -> Result<Json<Value>, ApiError> {
    let (model, tokens) = read(&body::read(body).await?)?;
    let route = app.route(&model, &admitted, None).await?;
    let request = DetokenizeRequest {
        model,
        token_ids: tokens.lists.clone(),
    };
    let told = routing::detokenize(&app, &admitted.trail, &route, request).await;
    let told = told.map_err(|error| tokens.place(error, "tokens"))?;
    Ok(Json(json!({"prompt": told.texts.concat()})))
}

/// The model and the tokens in a body. Pure.
pub(crate) fn read(bytes: &[u8]) -> Result<(String, Tokens), ApiError> {
    let body: Body = view(&body::parse(bytes, &DETOKENIZE)?)?;
    validate::model(&body.model)?;
    match &body.tokens {
        Value::Array(items) => Ok((body.model, Tokens::flat(texts::ids("tokens", items)?))),
        other => Err(wrong_type("tokens", other, "an array of token ids")),
    }
}
