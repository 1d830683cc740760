//! A request that one call to a replica answers: embeddings, scores, tokens.

use super::ApiError;
use super::trouble::{self, Verdict};
use crate::app::App;
use crate::scheduler::Bearer;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::{Replica, Route};

/// A client of one replica.
pub(crate) type Client = ReplicasClient<InterceptedService<Channel, Bearer>>;

/// The answer of the first replica that gives one; one that is away or full is passed over.
pub(crate) async fn ask<T, F, A>(app: &App, route: &Route, call: F) -> Result<T, ApiError>
where
    F: Fn(Client) -> A,
    A: Future<Output = Result<Response<T>, Status>>,
{
    let mut last = ApiError::model_not_ready(&route.model);
    for replica in app.replicas.ranked(route) {
        match ask_one(app, route, replica, &call).await {
            Ok(answer) => return Ok(answer),
            Err(Verdict::Final(error)) => return Err(error),
            Err(Verdict::Elsewhere(error)) => last = error,
        }
    }
    Err(last)
}

async fn ask_one<T, F, A>(
    app: &App,
    route: &Route,
    replica: &Replica,
    call: &F,
) -> Result<T, Verdict>
where
    F: Fn(Client) -> A,
    A: Future<Output = Result<Response<T>, Status>>,
{
    let unusable = || Verdict::Elsewhere(ApiError::model_not_ready(&route.model));
    let leased = app.replicas.lease(replica).ok_or_else(unusable)?;
    let (client, _outstanding) = (leased.client, leased.outstanding);
    let answer = call(client).await;
    answer.map(Response::into_inner).map_err(|status| {
        tracing::warn!(replica = %replica.address, code = ?status.code(), message = status.message(), "replica refused");
        trouble::of_replica(&status, route, app.admission.retry_after_s())
    })
}

/// Runs `work` in a task of its own: work that began is counted to its end, also for a caller
/// that vanished.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a task of a request ended early");
        Err(ApiError::internal())
    })
}
