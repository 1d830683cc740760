//! Hands a request to the first replica that takes it.

use super::events::{Events, Source, Started};
use crate::admit::Admitted;
use crate::app::App;
use crate::openai::{ApiError, Verdict, trouble};
use tonic::Status;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::{GenerateRequest, Replica, Route};

/// The first event of the first replica that takes the request. Nothing was sent to the caller
/// yet, so a replica that is away or full is passed over.
pub(crate) async fn start(
    app: &App,
    admitted: &Admitted,
    route: &Route,
    request: GenerateRequest,
) -> Result<Started, ApiError> {
    let mut last = ApiError::model_not_ready(&route.model);
    for (index, replica) in app.replicas.ranked(route).into_iter().enumerate() {
        if index > 0 {
            app.metrics.replica_failovers.inc();
        }
        match start_at(app, admitted, route, replica, request.clone()).await {
            Ok(started) => return Ok(started),
            Err(Verdict::Final(error)) => return Err(error),
            Err(Verdict::Elsewhere(error)) => last = error,
        }
    }
    Err(last)
}

async fn start_at(
    app: &App,
    admitted: &Admitted,
    route: &Route,
    replica: &Replica,
    request: GenerateRequest,
) -> Result<Started, Verdict> {
    let unusable = || Verdict::Elsewhere(ApiError::model_not_ready(&route.model));
    let mut leased = app.replicas.lease(replica).ok_or_else(unusable)?;
    let retry_after_s = app.places.retry_after_s(&admitted.caller.tenant);
    let refused = |status: Status| {
        tracing::warn!(replica = %replica.address, code = ?status.code(), message = status.message(), "replica refused");
        trouble::of_replica(&status, route, retry_after_s)
    };
    let answer = leased.client.generate(request).await.map_err(&refused)?;
    let source = Source::Replica(answer.into_inner());
    let mut events = Events::new(source, admitted.trail.clone(), &app.metrics, &route.model);
    let mut prompt_tokens = 0;
    let first = loop {
        let next = events
            .message()
            .await
            .map_err(&refused)?
            .ok_or_else(unusable)?;
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
        _ => {
            admitted.trail.with(|record| {
                record.deployment.clone_from(&route.deployment);
                record.replica.clone_from(&replica.address);
            });
            Ok(Started {
                events,
                first,
                prompt_tokens,
                outstanding: leased.outstanding,
            })
        }
    }
}
