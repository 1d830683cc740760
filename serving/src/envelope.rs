//! Around every answer: its id, the reader's language, the count; and the two pages for machines.

use crate::anthropic;
use crate::app::App;
use crate::call::{Call, new_id};
use crate::label;
use crate::language::{Language, preferred};
use crate::limits;
use crate::openai::ApiError;
use crate::outlet;
use crate::trace;
use crate::trail::{Record, Trail};
use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use std::time::Instant;

/// Gives a request its [`Call`] and its answer the id, in the reader's language.
pub(crate) async fn envelope(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let endpoint = endpoint(request.uri().path());
    let language = preferred(
        request
            .headers()
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok()),
    );
    let Ok(id) = new_id(request.uri().path()) else {
        tracing::error!("the system gives no random numbers");
        return ApiError::internal().render(language);
    };
    let trace = app
        .tracing
        .begin(endpoint, text(request.headers(), trace::HEADER));
    let mut record = Record::new(id.clone(), endpoint, started, trace);
    let caller_id = text(request.headers(), "x-request-id").filter(|id| is_id(id));
    caller_id.unwrap_or("").clone_into(&mut record.caller_id);
    // A caller that names its request finds it by that name; the ledger goes by ours.
    let shown = caller_id.unwrap_or(&id).to_owned();
    let trail = Trail::new(record, app.book.clone());
    let dialect = anthropic::speaks(request.uri().path()).then(|| id.clone());
    request.extensions_mut().insert(Call {
        id: id.clone(),
        language,
        started,
        trail: trail.clone(),
    });
    app.metrics.requests_inflight.set(inflight(&app));
    let request = request.map(|body| outlet::hashed(body, trail.clone()));
    let mut response = next.run(request).await;
    let code = response
        .extensions()
        .get::<ApiError>()
        .map(|error| error.code);
    let is_anthropic = dialect.is_some();
    response = translate(response, language, dialect);
    if let Ok(value) = HeaderValue::from_str(&shown) {
        if is_anthropic {
            response.headers_mut().insert("request-id", value.clone());
        }
        response.headers_mut().insert("x-request-id", value);
    }
    let status = response.status().as_u16();
    app.metrics.request(endpoint, status);
    let standings = trail.with(|record| {
        record.status = status;
        if let Some(code) = code {
            code.clone_into(&mut record.reason);
        }
        record.standings
    });
    limits::write(standings, response.headers_mut());
    finish(&app, response, trail).await
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether an id that a caller made may be shown and written down.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte))
}

/// Sends the body of an answer through the outlet, with its label where a model wrote it.
async fn finish(app: &App, response: Response, trail: Trail) -> Response {
    let (mut head, body) = response.into_parts();
    let produced = trail.with(|record| record.generated.then(|| record.id.clone()));
    let mark = produced
        .filter(|_| app.label.implicit)
        .map(|id| label::metadata(&app.label.producer, &id));
    if let Some(value) = mark.as_ref().and_then(label::header) {
        head.headers.insert(label::HEADER, value);
    }
    if body.size_hint().exact().is_none() {
        let source = body.into_data_stream();
        let body = outlet::streamed(source, trail, mark, app.metrics.clone(), app.reader_stall);
        return Response::from_parts(head, body);
    }
    // A body whose size is known is in memory already.
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let bytes =
                mark.map_or_else(|| bytes.clone(), |mark| label::into_object(&bytes, &mark));
            head.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(head, outlet::whole(bytes, &trail))
        }
        Err(error) => {
            tracing::error!(%error, "an answer broke off before it left");
            ApiError::internal().into_response()
        }
    }
}

/// Renders an error anew where its reader prefers Chinese, or speaks the other interface; that
/// one's errors carry the id of their request.
fn translate(mut response: Response, language: Language, dialect: Option<String>) -> Response {
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) if language == Language::Chinese || dialect.is_some() => {
            let mut translated = match dialect {
                Some(id) => anthropic::error(&error, language, &id),
                None => error.render(language),
            };
            if let Some(allow) = response.headers_mut().remove(header::ALLOW) {
                translated.headers_mut().insert(header::ALLOW, allow);
            }
            translated
        }
        _ => response,
    }
}

/// A bounded set of labels.
fn endpoint(path: &str) -> &'static str {
    match path {
        "/v1/chat/completions" => "chat_completions",
        "/v1/completions" => "completions",
        "/v1/embeddings" => "embeddings",
        "/v1/rerank" => "rerank",
        "/v1/tokenize" => "tokenize",
        "/v1/detokenize" => "detokenize",
        "/v1/responses" => "responses",
        "/v1/messages" => "messages",
        "/v1/messages/count_tokens" => "count_tokens",
        "/healthz" => "healthz",
        "/metrics" => "metrics",
        path if path.starts_with("/v1/models") => "models",
        path if path.starts_with("/v1/files") => "files",
        path if path.starts_with("/v1/batches") => "batches",
        _ => "other",
    }
}

fn inflight(app: &App) -> i64 {
    i64::try_from(app.admission.inflight()).unwrap_or(i64::MAX)
}

/// Paths for machines; they need no key and tell nothing of tenants.
pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
}

/// 200 when requests can be served: the routes are known and no drain has begun.
async fn healthz(State(app): State<App>) -> Response {
    let table = app.routes.table();
    let (status, word) = if app.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if table.known {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting")
    };
    let body = json!({
        "status": word,
        "routes_revision": table.revision,
        "inflight": app.admission.inflight(),
        "running": app.places.running(),
        "waiting": app.places.waiting(),
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    app.metrics.requests_inflight.set(inflight(&app));
    let text = app.metrics.render().map_err(|error| {
        tracing::error!(%error, "cannot render metrics");
        ApiError::internal()
    })?;
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    Ok((kind, text).into_response())
}
