//! Hands a request to the first replica, or the other server, that takes it.

use super::demand::RouteName;
use super::events::{Events, watched};
use super::handover::{Relay, seamless};
use super::prefix::{Chain, chain};
use crate::app::App;
use crate::backoff::spread;
use crate::guard::{self, Outgoing, outgoing};
use crate::label::EXPLICIT;
use crate::metrics::Counted;
use crate::openai::{ApiError, Verdict, trouble};
use crate::replica::{self, Leased, Outstanding, ReplicaKey};
use crate::trace;
use crate::trail::Trail;
use futures::StreamExt as _;
use std::time::Instant;
use tonic::{Code, Status};
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::{ExternalServer, GenerateEvent, GenerateRequest, Replica, Route};

/// A request that somebody took.
pub(crate) struct Started {
    pub(crate) events: Events,
    pub(crate) first: GenerateEvent,
    pub(crate) prompt_tokens: u64,
    pub(crate) replica: ReplicaKey,
    pub(crate) outstanding: Outstanding,
}

/// One request on its way to somebody who takes it.
struct Dispatch<'a> {
    app: &'a App,
    trail: &'a Trail,
    chain: Chain,
    request: GenerateRequest,
    retry_after_s: u64,
    outgoing: Outgoing,
}

/// What is done to the answer of a request.
fn how(app: &App, trail: &Trail, request: &GenerateRequest) -> Result<Outgoing, ApiError> {
    let screen = app
        .guard
        .answers(&trail.with(|record| record.tenant.clone()));
    if screen.is_some() && request.top_logprobs.is_some() {
        return Err(ApiError::no_logprobs());
    }
    // Text of a given form, or of calls, would be broken by a label at its end.
    let free = match &request.input {
        Some(Input::Chat(chat)) => chat.tools.is_empty(),
        _ => true,
    };
    let explicit = app.label.explicit && free && request.constraint.is_none();
    Ok(Outgoing {
        screen,
        label: explicit.then_some(EXPLICIT),
    })
}

/// The first event of the first replica that takes the request. Nothing was sent to the caller
/// yet, so a replica that is away or full is passed over. `prefer` is tried before the others.
pub(crate) async fn start(
    app: &App,
    trail: &Trail,
    route: &Route,
    request: &GenerateRequest,
    prefer: Option<&ReplicaKey>,
) -> Result<Started, ApiError> {
    let mut request = request.clone();
    app.guard.prompt(trail, guard::texts(&mut request.input))?;
    let outgoing = how(app, trail, &request)?;
    let dispatch = Dispatch {
        app,
        outgoing,
        trail,
        chain: chain(&request.model, &request.tenant, request.input.as_ref()),
        retry_after_s: app.places.retry_after_s(&request.tenant),
        request,
    };
    let mut last = ApiError::model_not_ready(&route.model);
    let mut tries = 0;
    for target in app.targets(route, &dispatch.request.tenant) {
        let mut ranked = app.replicas.ranked(&target, &dispatch.chain, spread());
        if let Some(prefer) = prefer {
            ranked.sort_by_key(|replica| &replica::key(replica) != prefer);
        }
        let servers = target.external.iter().map(Somebody::Else);
        for somebody in servers.chain(ranked.into_iter().map(Somebody::Replica)) {
            if tries > 0 {
                app.metrics.replica_failovers.inc();
            }
            tries += 1;
            let started = match somebody {
                Somebody::Replica(replica) => dispatch.at_replica(&target, replica).await,
                Somebody::Else(server) => dispatch.elsewhere(&target, server).await,
            };
            match started {
                Ok(started) => return Ok(started),
                Err(Verdict::Final(error)) => return Err(error),
                Err(Verdict::Elsewhere(error)) => last = error,
            }
        }
    }
    Err(last)
}

/// Asks a replica for an answer.
pub(super) async fn ask(
    mut leased: Leased,
    trail: &Trail,
    request: GenerateRequest,
) -> Result<(Events, Outstanding), Status> {
    let mut request = tonic::Request::new(request);
    if let Ok(value) = trail.with(|record| record.trace.header()).parse() {
        request.metadata_mut().insert(trace::HEADER, value);
    }
    match leased.client.generate(request).await {
        Ok(answer) => Ok((answer.into_inner().boxed(), leased.outstanding)),
        Err(status) => {
            if status.code() == Code::Unavailable {
                leased.outstanding.failed();
            }
            Err(status)
        }
    }
}

enum Somebody<'a> {
    Replica(&'a Replica),
    Else(&'a ExternalServer),
}

impl Dispatch<'_> {
    async fn at_replica(&self, route: &Route, replica: &Replica) -> Result<Started, Verdict> {
        let unusable = || Verdict::Elsewhere(ApiError::model_not_ready(&route.model));
        let leased = self.app.replicas.lease(replica).ok_or_else(unusable)?;
        let began = Instant::now();
        let request = self.request.clone();
        let (events, outstanding) = ask(leased, self.trail, request)
            .await
            .map_err(|status| self.refused(route, &replica.address, &status))?;
        let key = replica::key(replica);
        let relay = Relay::new(self.app, self.trail, route, &self.chain, &self.request);
        let events = seamless(relay, replica.clone(), events);
        let started = self.first(route, key, events, outstanding).await?;
        started.outstanding.answered(began.elapsed());
        self.app.replicas.learn(&self.chain, &started.outstanding);
        Ok(started)
    }

    async fn elsewhere(&self, route: &Route, server: &ExternalServer) -> Result<Started, Verdict> {
        let events = self
            .app
            .external
            .generate(route, server, &self.request, self.trail)
            .await?;
        let key = (server.url.clone(), 0);
        self.first(route, key, events, Outstanding::elsewhere())
            .await
    }

    /// Waits for the first event that is more than "accepted".
    async fn first(
        &self,
        route: &Route,
        key: ReplicaKey,
        events: Events,
        outstanding: Outstanding,
    ) -> Result<Started, Verdict> {
        let running = (
            Counted::new(self.app.metrics.running.with_label_values(&[&route.model])),
            self.app.demand.running(RouteName::of(route)),
        );
        let events = watched(events, self.trail.clone(), running);
        let mut events = outgoing(events, self.trail.clone(), self.outgoing.clone());
        let mut prompt_tokens = 0;
        let first = loop {
            let next = events.next().await.ok_or_else(|| {
                outstanding.failed();
                Verdict::Elsewhere(ApiError::model_not_ready(&route.model))
            })?;
            let next = next.map_err(|status| self.refused(route, &key.0, &status))?;
            match next.event {
                Some(Event::Started(accepted)) => prompt_tokens = u64::from(accepted.prompt_tokens),
                _ => break next,
            }
        };
        match &first.event {
            Some(Event::Failed(failed)) => {
                Err(trouble::of_failed(failed, route, self.retry_after_s))
            }
            Some(Event::Done(done)) if trouble::reason(&done.finish_reason).is_none() => {
                Err(Verdict::Elsewhere(ApiError::generation_cancelled()))
            }
            _ => {
                self.trail.with(|record| {
                    record.route = RouteName::of(route);
                    record.replica.clone_from(&key.0);
                    record.generated = true;
                });
                Ok(Started {
                    events,
                    first,
                    prompt_tokens,
                    replica: key,
                    outstanding,
                })
            }
        }
    }

    fn refused(&self, route: &Route, address: &str, status: &Status) -> Verdict {
        tracing::warn!(replica = %address, code = ?status.code(), message = status.message(), "replica refused");
        trouble::of_replica(status, route, self.retry_after_s)
    }
}
