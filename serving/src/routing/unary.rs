//! A request that one call answers: embeddings, scores, tokens.

use super::demand::RouteName;
use crate::app::App;
use crate::backoff::spread;
use crate::metrics::Counted;
use crate::openai::{ApiError, Verdict, trouble};
use crate::scheduler::Bearer;
use crate::trail::Trail;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use zhisuan_proto::v1::replicas_client::ReplicasClient;
use zhisuan_proto::v1::{
    DetokenizeRequest, DetokenizeResponse, EmbedRequest, EmbedResponse, Replica, Route,
    ScoreRequest, ScoreResponse, TokenizeRequest, TokenizeResponse,
};

type Client = ReplicasClient<InterceptedService<Channel, Bearer>>;

/// Vectors of texts.
pub(crate) async fn embed(
    app: &App,
    trail: &Trail,
    route: &Route,
    mut request: EmbedRequest,
) -> Result<EmbedResponse, ApiError> {
    let texts = request.texts.iter_mut();
    app.guard
        .prompt(trail, texts.chain([&mut request.instruction]))?;
    if let Some(server) = &route.external {
        let answer = app.external.embed(route, server, &request, trail).await;
        return answer.map_err(Verdict::into_error);
    }
    ask(app, trail, route, |mut client| {
        let request = request.clone();
        async move { client.embed(request).await }
    })
    .await
}

/// How well documents answer a query.
pub(crate) async fn score(
    app: &App,
    trail: &Trail,
    route: &Route,
    mut request: ScoreRequest,
) -> Result<ScoreResponse, ApiError> {
    let documents = request.documents.iter_mut();
    app.guard
        .prompt(trail, documents.chain([&mut request.query]))?;
    if let Some(server) = &route.external {
        let answer = app.external.score(route, server, &request, trail).await;
        return answer.map_err(Verdict::into_error);
    }
    ask(app, trail, route, |mut client| {
        let request = request.clone();
        async move { client.score(request).await }
    })
    .await
}

/// The tokens of a text.
pub(crate) async fn tokenize(
    app: &App,
    trail: &Trail,
    route: &Route,
    request: TokenizeRequest,
) -> Result<TokenizeResponse, ApiError> {
    if let Some(server) = &route.external {
        let answer = app.external.tokenize(route, server, &request, trail).await;
        return answer.map_err(Verdict::into_error);
    }
    ask(app, trail, route, |mut client| {
        let request = request.clone();
        async move { client.tokenize(request).await }
    })
    .await
}

/// The texts of tokens.
pub(crate) async fn detokenize(
    app: &App,
    trail: &Trail,
    route: &Route,
    request: DetokenizeRequest,
) -> Result<DetokenizeResponse, ApiError> {
    if let Some(server) = &route.external {
        let answer = app.external.detokenize(route, server, &request, trail);
        return answer.await.map_err(Verdict::into_error);
    }
    ask(app, trail, route, |mut client| {
        let request = request.clone();
        async move { client.detokenize(request).await }
    })
    .await
}

/// The answer of the first replica that gives one; one that is away or full is passed over.
async fn ask<T, F, A>(app: &App, trail: &Trail, route: &Route, call: F) -> Result<T, ApiError>
where
    F: Fn(Client) -> A,
    A: Future<Output = Result<Response<T>, Status>>,
{
    let mut last = ApiError::model_not_ready(&route.model);
    let tenant = trail.with(|record| record.tenant.clone());
    let _running = (
        Counted::new(app.metrics.running.with_label_values(&[&route.model])),
        app.demand.running(RouteName::of(route)),
    );
    for target in app.targets(route, &tenant) {
        for replica in app.replicas.ranked(&target, &[], spread()) {
            match ask_one(app, trail, &target, replica, &call).await {
                Ok(answer) => return Ok(answer),
                Err(Verdict::Final(error)) => return Err(error),
                Err(Verdict::Elsewhere(error)) => last = error,
            }
        }
    }
    Err(last)
}

async fn ask_one<T, F, A>(
    app: &App,
    trail: &Trail,
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
    let (client, outstanding) = (leased.client, leased.outstanding);
    let answer = call(client).await.map_err(|status| {
        if status.code() == Code::Unavailable {
            outstanding.failed();
        }
        tracing::warn!(replica = %replica.address, code = ?status.code(), message = status.message(), "replica refused");
        let tenant = trail.with(|record| record.tenant.clone());
        trouble::of_replica(&status, route, app.places.retry_after_s(&tenant))
    })?;
    trail.with(|record| {
        record.route = RouteName::of(route);
        record.replica.clone_from(&replica.address);
    });
    Ok(answer.into_inner())
}
