//! The JSON address: one question in, one `zhisuan.answer/1` out.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::{Kb, ask_apart, day};
use crate::rag::{Answer, AskError, AskOptions};

/// Name and version of the error's JSON form.
const ERROR_SCHEMA: &str = "zhisuan.error/1";

/// The body of a `POST`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskRequest {
    /// The question.
    question: String,
    /// The day on which the answer is to hold, `YYYY-MM-DD`; today unless told.
    as_of: Option<String>,
    /// How many texts may be asked; 3 unless told.
    top_k: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    schema: &'static str,
    error: ErrorDetail,
}

#[derive(Debug, Serialize)]
struct ErrorDetail {
    code: &'static str,
    field: Option<&'static str>,
    message: String,
}

pub(crate) async fn get_ask(
    State(base): State<Kb>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let Ok(top_k) = query.get("top_k").map(|value| value.parse()).transpose() else {
        return refuse(&AskError::BadField {
            field: "top_k",
            message: "top_k 应是 1 到 50 之间的整数".to_owned(),
        });
    };
    let request = AskRequest {
        question: query.get("question").cloned().unwrap_or_default(),
        as_of: query.get("as_of").cloned(),
        top_k,
    };
    respond(answer(base, request).await)
}

pub(crate) async fn post_ask(State(base): State<Kb>, body: Bytes) -> Response {
    match serde_json::from_slice::<AskRequest>(&body) {
        Ok(request) => respond(answer(base, request).await),
        Err(error) => refuse(&AskError::BadField {
            field: "body",
            message: format!(
                "请求体不是所要的 JSON：{error}。应为 {{\"question\": \"…\", \
                 \"as_of\": \"2025-01-31\", \"top_k\": 3}}，后两项可省"
            ),
        }),
    }
}

async fn answer(base: Kb, request: AskRequest) -> Result<Answer, AskError> {
    let mut options = AskOptions::on(day("as_of", request.as_of.as_deref())?);
    if let Some(top_k) = request.top_k {
        options.top_k = top_k;
    }
    ask_apart(base, request.question, options).await
}

fn respond(answered: Result<Answer, AskError>) -> Response {
    match answered {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &AskError) -> Response {
    let status = match error.field() {
        Some(_) => StatusCode::BAD_REQUEST,
        None => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let body = ErrorBody {
        schema: ERROR_SCHEMA,
        error: ErrorDetail {
            code: error.code(),
            field: error.field(),
            message: error.to_string(),
        },
    };
    (status, Json(body)).into_response()
}
