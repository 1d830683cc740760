//! Somebody else's OpenAI-compatible server behind a route: the same keys, holds, meter and
//! errors; its stream becomes the events that a replica sends, so every interface works over it.

mod chunks;
mod request;
mod sse;
mod unary;

use crate::openai::{ApiError, Verdict};
use crate::routing::Events;
use crate::trace;
use crate::trail::Trail;
use chunks::Translator;
use futures::StreamExt as _;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tonic::Status;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{ExternalServer, Failed, GenerateEvent, GenerateRequest, Route};

const CONNECT: Duration = Duration::from_secs(5);
/// Until the head of an answer, and between two pieces of its body.
const SILENCE: Duration = Duration::from_mins(2);
/// Tries before the first byte of an answer.
const TRIES: u32 = 3;
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// Calls other servers; cheap to clone.
#[derive(Clone)]
pub(crate) struct External {
    http: reqwest::Client,
}

impl External {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        // The choice of a process: the first one stays, and any provider will do.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .tcp_nodelay(true)
            .build()?;
        Ok(Self { http })
    }

    /// The events of an answer.
    pub(crate) async fn generate(
        &self,
        route: &Route,
        server: &ExternalServer,
        request: &GenerateRequest,
        trail: &Trail,
    ) -> Result<Events, Verdict> {
        let (path, body) = request::generate(&server.model, request).map_err(Verdict::Final)?;
        let answer = self.post(route, server, path, &body, trail).await?;
        let mut translator = Translator::new(request);
        let trail = trail.clone();
        let mut pieces = answer.bytes_stream();
        let events = async_stream::stream! {
            yield Ok(translator.started());
            let mut lines = sse::Lines::default();
            while let Some(piece) = pieces.next().await {
                let Ok(piece) = piece else { break };
                lines.push(&piece);
                while let Some(data) = lines.next_data() {
                    let events = match data {
                        Ok(data) => translator.read(&data),
                        Err(sse::TooLong) => vec![broken("line_too_long")],
                    };
                    for event in events {
                        if let Some(Event::Done(_) | Event::Failed(_)) = &event.event {
                            trail.with(|record| record.estimated = translator.is_estimate());
                            yield Ok(event);
                            return;
                        }
                        yield Ok(event);
                    }
                }
            }
            trail.with(|record| record.estimated = true);
            yield Err(Status::unavailable("the server's answer broke off"));
        };
        Ok(events.boxed())
    }

    /// The answer to a request with a JSON body. Until its first byte nothing was done for the
    /// caller, so a server that is away or busy is asked again.
    async fn post(
        &self,
        route: &Route,
        server: &ExternalServer,
        path: &str,
        body: &Value,
        trail: &Trail,
    ) -> Result<Response, Verdict> {
        let url = format!("{}{path}", server.url.trim_end_matches('/'));
        let mut attempt = 0;
        loop {
            let trace = trail.with(|record| record.trace.header());
            let mut request = self.http.post(&url).header(trace::HEADER, trace).json(body);
            if !server.api_key.is_empty() {
                request = request.bearer_auth(&server.api_key);
            }
            // Errors of the client name the address, never a header.
            let verdict = match request.send().await {
                Ok(answer) if answer.status().is_success() => return Ok(answer),
                Ok(answer) => refused(route, &url, answer).await,
                Err(error) => {
                    tracing::warn!(%url, %error, "another server cannot be reached");
                    (
                        Verdict::Elsewhere(ApiError::model_not_ready(&route.model)),
                        true,
                    )
                }
            };
            let (verdict, again) = verdict;
            attempt += 1;
            if !again || attempt == TRIES {
                return Err(verdict);
            }
            tokio::time::sleep(crate::backoff::delay(attempt, crate::backoff::spread())).await;
        }
    }
}

/// What a refusal means to the caller, and whether asking again may help.
async fn refused(route: &Route, url: &str, answer: Response) -> (Verdict, bool) {
    let status = answer.status();
    let retry_after = answer
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let message = message(answer).await;
    // The message may quote the prompt, so it goes to the caller and not into the log.
    tracing::warn!(%url, %status, "another server refused");
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            let error = ApiError::replicas_full(&route.model, retry_after.unwrap_or(5));
            (Verdict::Elsewhere(error), false)
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let error = ApiError::replica_failed("backend_refused_its_key", "");
            (Verdict::Final(error), false)
        }
        StatusCode::NOT_FOUND => {
            let error = ApiError::replica_refused("model", "backend_does_not_offer_it", "");
            (Verdict::Final(error), false)
        }
        status if status.is_client_error() => {
            (Verdict::Final(ApiError::backend_refused(&message)), false)
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            (
                Verdict::Elsewhere(ApiError::model_not_ready(&route.model)),
                true,
            )
        }
        _ => {
            let error = ApiError::replica_failed("backend_failed", "");
            (Verdict::Elsewhere(error), false)
        }
    }
}

/// The message of an error body, bounded.
async fn message(answer: Response) -> String {
    let mut bytes = Vec::new();
    let mut pieces = answer.bytes_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let text = [&body["error"]["message"], &body["message"], &body["error"]]
        .into_iter()
        .find_map(Value::as_str)
        .unwrap_or("");
    text.chars().take(300).collect()
}

fn broken(code: &str) -> GenerateEvent {
    GenerateEvent {
        event: Some(Event::Failed(Failed {
            code: code.to_owned(),
            ..Failed::default()
        })),
    }
}
