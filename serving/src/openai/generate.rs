//! One request for text from its route to the first event of a replica, then event by event.

use super::ApiError;
use super::open::authorize;
use super::replies::Reply;
use super::sampling::Wish;
use super::stream;
use super::trouble;
use crate::admit::{Admitted, Permit};
use crate::app::App;
use crate::call::Call;
use crate::metrics::Metrics;
use crate::replica::Outstanding;
use crate::routing::{Events, start};
use crate::usage::Meter;
use axum::response::Response;
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{
    AuthorizeRequest, Delta, Done, GenerateEvent, GenerateRequest, Route, TokenCount,
};

/// An answer under way at a replica. Dropping it cancels the work there and settles what was
/// counted.
pub(crate) struct Generation {
    events: Events,
    first: Option<GenerateEvent>,
    meter: Meter,
    pace: Pace,
    ended: bool,
    route: Route,
    stop: CancellationToken,
    metrics: Metrics,
    _permit: Permit,
    _outstanding: Outstanding,
}

/// What happened next.
pub(crate) enum Step {
    Delta(Delta),
    Done {
        reason: &'static str,
        usage: TokenCount,
    },
    Failed(ApiError),
}

/// The whole way of one request for text.
pub(crate) async fn answer(
    app: &App,
    call: &Call,
    admitted: Admitted,
    reply: Reply,
    wish: Wish,
) -> Result<Response, ApiError> {
    let (is_stream, include_usage) = (wish.stream, wish.include_usage);
    let (generation, reply) = open(app, call, admitted, reply, wish).await?;
    if is_stream {
        Ok(stream::events(
            generation,
            reply,
            include_usage,
            call.language,
        ))
    } else {
        stream::whole(generation, reply).await
    }
}

async fn open(
    app: &App,
    call: &Call,
    admitted: Admitted,
    mut reply: Reply,
    wish: Wish,
) -> Result<(Generation, Reply), ApiError> {
    let route = app.route(&reply.model, &admitted.caller.tenant)?;
    let max_tokens = completion_bound(&wish, route.context_length)?;
    let hold = AuthorizeRequest {
        request_id: call.id.clone(),
        tenant: admitted.caller.tenant.clone(),
        model: reply.model.clone(),
        max_prompt_tokens: wish.max_prompt_tokens,
        max_completion_tokens: u64::from(max_tokens),
    };
    let mut meter = authorize(app, &admitted, hold).await?;
    let request = GenerateRequest {
        request_id: call.id.clone(),
        model: reply.model.clone(),
        input: Some(wish.input),
        max_tokens,
        sampling: Some(wish.sampling),
        stop: wish.stop,
        top_logprobs: wish.top_logprobs,
        ..GenerateRequest::default()
    };
    let started = tokio::select! {
        () = app.hard_stop.cancelled() => Err(ApiError::shutting_down()),
        started = start(app, &admitted, &route, request) => started,
    };
    let started = started.map_err(|error| {
        meter.refused();
        error.prompt_is(reply.kind.prompt_field())
    })?;
    meter.prompt(started.prompt_tokens);
    reply.fingerprint = Reply::fingerprint_of(&route);
    tracing::info!(
        request_id = %call.id, key = %admitted.caller.key_id, model = %reply.model,
        "answering"
    );
    if started.prompt_tokens == 0 {
        tracing::warn!(
            request_id = %call.id,
            "the replica did not tell the prompt's tokens; if this answer breaks off, they stay uncharged"
        );
    }
    let generation = Generation {
        events: started.events,
        first: Some(started.first),
        meter,
        pace: Pace::new(app.metrics.clone(), reply.model.clone(), call.started),
        ended: false,
        route,
        stop: app.hard_stop.clone(),
        metrics: app.metrics.clone(),
        _permit: admitted.permit,
        _outstanding: started.outstanding,
    };
    Ok((generation, reply))
}

/// Completion tokens that are held for when neither caller nor route names a limit.
const UNKNOWN_ROOM: u32 = 4_095;

/// What a completion may be at most: what was asked for, or what the context has room for.
fn completion_bound(wish: &Wish, context: u32) -> Result<u32, ApiError> {
    let room = context.saturating_sub(1);
    match wish.max_tokens {
        // A replica that has not told its context yet: it ends the answer where its context does.
        None if room == 0 => Ok(UNKNOWN_ROOM),
        None => Ok(room),
        Some((asked, _)) if asked <= room || room == 0 => Ok(asked),
        Some((asked, field)) => Err(super::validate::invalid_value(
            field,
            asked,
            &format!("at most {room}: the model's context is {context} tokens"),
            &format!("至多 {room}：该模型的上下文为 {context} 个词元"),
        )),
    }
}

impl Generation {
    /// The next step; `None` after `Done` or `Failed`.
    pub(crate) async fn next(&mut self) -> Option<Step> {
        if self.ended {
            return None;
        }
        let event = if let Some(first) = self.first.take() {
            Ok(Some(first))
        } else {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Some(self.fail(ApiError::shutting_down())),
                message = self.events.message() => message,
            }
        };
        Some(
            match event.map(|event| event.and_then(|event| event.event)) {
                Ok(Some(Event::Delta(delta))) => {
                    self.meter.token();
                    self.pace.token();
                    Step::Delta(delta)
                }
                Ok(Some(Event::Done(done))) => self.done(&done),
                Ok(Some(Event::Failed(failed))) => {
                    if let Some(usage) = failed.usage {
                        self.meter.counted(usage);
                    }
                    self.fail(trouble::of_failed(&failed, &self.route, 1).into_error())
                }
                // The start is said once, before the first event; a repeat breaks the protocol.
                Ok(Some(Event::Started(_)) | None) => self.fail(ApiError::replica_lost()),
                Err(status) => {
                    tracing::warn!(code = ?status.code(), message = status.message(), "replica lost");
                    self.fail(ApiError::replica_lost())
                }
            },
        )
    }

    /// The caller will get nothing of what was generated.
    pub(crate) fn nothing_delivered(&mut self) {
        self.meter.refused();
    }

    fn done(&mut self, done: &Done) -> Step {
        let usage = done.usage.unwrap_or_default();
        self.meter.counted(usage);
        let Some(reason) = trouble::reason(&done.finish_reason) else {
            return self.fail(ApiError::generation_cancelled());
        };
        self.ended = true;
        Step::Done { reason, usage }
    }

    fn fail(&mut self, error: ApiError) -> Step {
        self.ended = true;
        self.metrics.streams_broken.inc();
        Step::Failed(error)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        if !self.ended {
            self.metrics.clients_vanished.inc();
        }
    }
}

/// Times of the tokens of one answer.
struct Pace {
    metrics: Metrics,
    model: String,
    started: Instant,
    last: Option<Instant>,
}

impl Pace {
    fn new(metrics: Metrics, model: String, started: Instant) -> Self {
        Self {
            metrics,
            model,
            started,
            last: None,
        }
    }

    fn token(&mut self) {
        let now = Instant::now();
        match self.last.replace(now) {
            None => self.metrics.first_token(&self.model, now - self.started),
            Some(last) => self.metrics.next_token(&self.model, now - last),
        }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.metrics.finished(&self.model, self.started.elapsed());
    }
}
