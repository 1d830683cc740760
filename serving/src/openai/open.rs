//! The two steps before an answer: money is held, a replica takes the request.

use super::ApiError;
use super::trouble::{self, Verdict};
use crate::app::App;
use crate::replica::{self, Outstanding, ReplicaKey};
use crate::usage::Meter;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tonic::Status;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{AuthorizeRequest, GenerateEvent, GenerateRequest, Replica, Route};

/// Holds money for a request. The call runs in a task of its own: a caller that vanishes while
/// it is under way leaves a meter behind that releases the hold.
pub(super) async fn authorize(app: &App, hold: AuthorizeRequest) -> Result<Meter, ApiError> {
    let mut meter = app
        .settle
        .meter(hold.request_id.clone(), hold.model.clone());
    let scheduler = app.scheduler.clone();
    let task = tokio::spawn(async move {
        let request = crate::scheduler::within(hold);
        match scheduler.billing().authorize(request).await {
            Ok(_) => {
                meter.authorized();
                Ok(meter)
            }
            Err(status) => {
                if trouble::is_refusal(status.code()) {
                    meter.not_authorized();
                }
                Err(trouble::of_authorize(&status))
            }
        }
    });
    task.await.unwrap_or_else(|error| {
        tracing::error!(%error, "authorize task ended early");
        Err(ApiError::internal())
    })
}

/// A replica at work.
pub(super) struct Started {
    pub(super) events: BoxStream<'static, Result<GenerateEvent, Status>>,
    pub(super) first: GenerateEvent,
    pub(super) prompt_tokens: u64,
    pub(super) replica: ReplicaKey,
    pub(super) outstanding: Outstanding,
}

/// The first event of the first replica that takes the request. Nothing was sent to the caller
/// yet, so a replica that is away or full is passed over. `prefer` is tried before the others.
pub(super) async fn start(
    app: &App,
    route: &Route,
    request: &GenerateRequest,
    prefer: Option<&ReplicaKey>,
) -> Result<Started, ApiError> {
    let mut last = ApiError::model_not_ready(&route.model);
    let mut ranked = app.replicas.ranked(route);
    if let Some(prefer) = prefer {
        ranked.sort_by_key(|replica| &replica::key(replica) != prefer);
    }
    for (index, replica) in ranked.into_iter().enumerate() {
        if index > 0 {
            app.metrics.replica_failovers.inc();
        }
        match start_at(app, route, replica, request.clone()).await {
            Ok(started) => return Ok(started),
            Err(Verdict::Final(error)) => return Err(error),
            Err(Verdict::Elsewhere(error)) => last = error,
        }
    }
    Err(last)
}

async fn start_at(
    app: &App,
    route: &Route,
    replica: &Replica,
    request: GenerateRequest,
) -> Result<Started, Verdict> {
    let unusable = || Verdict::Elsewhere(ApiError::model_not_ready(&route.model));
    let mut leased = app.replicas.lease(replica).ok_or_else(unusable)?;
    let retry_after_s = app.admission.retry_after_s();
    let refused = |status: Status| {
        tracing::warn!(replica = %replica.address, code = ?status.code(), message = status.message(), "replica refused");
        trouble::of_replica(&status, route, retry_after_s)
    };
    let answer = leased.client.generate(request).await.map_err(&refused)?;
    let mut events = answer.into_inner().boxed();
    let mut prompt_tokens = 0;
    let first = loop {
        let next = events
            .next()
            .await
            .ok_or_else(unusable)?
            .map_err(&refused)?;
        match next.event {
            Some(Event::Started(accepted)) => prompt_tokens = u64::from(accepted.prompt_tokens),
            _ => break next,
        }
    };
    match &first.event {
        Some(Event::Failed(failed)) => Err(trouble::of_failed(failed, route, retry_after_s)),
        Some(Event::Done(done)) if trouble::reason(&done.finish_reason).is_none() => {
            Err(Verdict::Elsewhere(ApiError::generation_cancelled()))
        }
        _ => Ok(Started {
            events,
            first,
            prompt_tokens,
            replica: replica::key(replica),
            outstanding: leased.outstanding,
        }),
    }
}
