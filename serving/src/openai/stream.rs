//! An answer on its way out: server-sent events, or one piece.

use super::ApiError;
use super::generate::{Generation, Step};
use super::replies::Reply;
use crate::language::Language;
use axum::Json;
use axum::http::HeaderValue;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::convert::Infallible;
use std::time::Duration;

const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Chunks, the reason, the counts if asked for, `[DONE]`; or chunks and one `error` event,
/// after which nothing comes: a broken answer never looks like a whole one.
pub(crate) fn events(
    mut generation: Generation,
    mut reply: Reply,
    include_usage: bool,
    language: Language,
) -> Response {
    reply.null_usage = include_usage;
    let events = async_stream::stream! {
        if let Some(opening) = reply.opening() {
            yield Ok::<_, Infallible>(data(&opening));
        }
        while let Some(step) = generation.next().await {
            match step {
                Step::Delta(delta) => {
                    if let Some(chunk) = reply.delta(&delta) {
                        yield Ok(data(&chunk));
                    }
                }
                Step::Done { reason, usage } => {
                    yield Ok(data(&reply.finish(reason)));
                    if include_usage {
                        yield Ok(data(&reply.usage_chunk(usage)));
                    }
                    yield Ok(Event::default().data("[DONE]"));
                }
                Step::Failed(error) => {
                    yield Ok(failure(&error, language));
                }
            }
        }
    };
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    // Proxies that collect answers would turn a stream into one late piece.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The last event of a broken answer.
fn failure(error: &ApiError, language: Language) -> Event {
    let event = Event::default().event("error");
    match serde_json::to_string(&error.body(language)) {
        Ok(body) => event.data(body),
        // Texts always serialise; an event without a body still says that the answer broke.
        Err(_) => event.data("{}"),
    }
}

fn data(chunk: &Value) -> Event {
    Event::default().data(chunk.to_string())
}

/// The answer in one piece; a broken one is an error and costs nothing.
pub(crate) async fn whole(mut generation: Generation, reply: Reply) -> Result<Response, ApiError> {
    let (mut text, mut tokens) = (String::new(), Vec::new());
    while let Some(step) = generation.next().await {
        match step {
            Step::Delta(delta) => {
                text.push_str(&delta.text);
                tokens.extend(delta.logprob);
            }
            Step::Done { reason, usage } => {
                let body = reply.whole(&text, &tokens, reason, usage);
                return Ok(Json(body).into_response());
            }
            Step::Failed(error) => {
                generation.nothing_delivered();
                return Err(error);
            }
        }
    }
    Err(ApiError::internal())
}
