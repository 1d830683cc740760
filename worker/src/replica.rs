//! The Replicas service: gateways call the models that this worker serves. A caller shows the
//! token of the assignment; a caller that goes away frees its place within one step.

use crate::pulse::FirstToken;
use crate::served::{Served, millis};
use crate::{convert, inbound, vectors};
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use futures::Stream;
use prometheus::{Registry, TextEncoder};
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use zhisuan_engine as engine;
use zhisuan_engine::{Engine, EngineError, RequestId};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1;
use zhisuan_proto::v1::replicas_server::{Replicas, ReplicasServer};
use zhisuan_proto::v1::{
    EmbedRequest, EmbedResponse, Embedding, ErrorDetail, GenerateEvent, GenerateRequest, Started,
    generate_event,
};

/// Everything that is served now. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ReplicaTable(Arc<Mutex<Vec<Arc<Served>>>>);

impl ReplicaTable {
    /// Opens a model to callers.
    pub(crate) fn add(&self, served: Arc<Served>) {
        self.lock().push(served);
    }

    /// Closes it; requests that run go on.
    pub(crate) fn remove(&self, served: &Arc<Served>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, served));
    }

    /// Everything that is open now.
    pub(crate) fn all(&self) -> Vec<Arc<Served>> {
        self.lock().clone()
    }

    /// What each of them does.
    pub(crate) fn loads(&self) -> Vec<v1::ReplicaLoad> {
        self.all().iter().map(|served| served.load()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Served>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model behind a token. Every entry is compared, in constant time each.
    fn find<T>(&self, request: &Request<T>) -> Result<Arc<Served>, Status> {
        let shown = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .unwrap_or_default();
        let mut found = None;
        for served in self.lock().iter() {
            let same = bool::from(served.token.as_bytes().ct_eq(shown.as_bytes()));
            if same && !served.token.is_empty() {
                found = Some(Arc::clone(served));
            }
        }
        found.ok_or_else(|| {
            refuse(
                Code::Unauthenticated,
                "ZS-REPLICA-TOKEN",
                "no replica here answers to this token",
                "令牌不对应本节点上的任何模型副本，可能副本已停止",
            )
        })
    }
}

fn refuse(code: Code, name: &str, english: &str, chinese: &str) -> Status {
    let detail = ErrorDetail {
        code: name.into(),
        message_zh: chinese.into(),
        ..ErrorDetail::default()
    };
    zhisuan_proto::status(code, english, &detail)
}

/// Which adapter a served name stands for; no name stands for the base.
fn adapter_of(served: &Served, model: &str) -> Result<Option<String>, Status> {
    if model.is_empty() {
        return Ok(None);
    }
    let names = served.names.read().unwrap_or_else(PoisonError::into_inner);
    names.get(model).cloned().ok_or_else(|| {
        refuse(
            Code::NotFound,
            "ZS-REPLICA-MODEL",
            "this replica does not serve that model",
            "本副本不提供所要的模型",
        )
    })
}

/// Vectors and scores are the base's.
fn base_only(served: &Served, model: &str) -> Result<(), Status> {
    if adapter_of(served, model)?.is_none() {
        return Ok(());
    }
    Err(refuse(
        Code::InvalidArgument,
        "ZS-REPLICA-MODEL",
        "embeddings and scores come from the base model only",
        "向量与打分只能由基础模型计算",
    ))
}

/// Serves the replicas, and the worker's numbers for Prometheus, until the task is dropped.
pub(crate) async fn serve(table: ReplicaTable, listener: TcpListener, registry: Registry) {
    let service = ReplicasServer::new(Service(table))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let numbers = move || async move {
        let text = TextEncoder::new().encode_to_string(&registry.gather());
        text.unwrap_or_default()
    };
    let router = Router::new()
        .route("/metrics", get(numbers))
        .fallback_service(Routes::new(service).into_axum_router());
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY is not set");
        }
    });
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "the replica service ended");
    }
}

struct Service(ReplicaTable);

/// Rendering and tokenising a long prompt takes milliseconds: not on the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Status> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| convert::status(&error)),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}

/// The same for work that can be given up: `wanted` says no once the caller has gone.
async fn while_wanted<T: Send + 'static>(
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, EngineError> + Send + 'static,
) -> Result<T, Status> {
    // Dropped with the call, also when it is cut off.
    let caller = Arc::new(());
    let watched = Arc::downgrade(&caller);
    let result = blocking(move || work(&|| watched.strong_count() > 0)).await;
    drop(caller);
    result
}

/// An answer that was begun elsewhere is only gone on with by the same weights.
fn same_weights(weights: &str, request: &GenerateRequest) -> Result<(), Status> {
    let begun = request.resume.as_ref();
    if begun.is_none_or(|begun| begun.weights == weights) {
        return Ok(());
    }
    Err(refuse(
        Code::NotFound,
        "ZS-REPLICA-MODEL",
        "this replica runs other weights than those that began the answer",
        "本副本的模型文件与开始该回答的副本不同，不能接着回答",
    ))
}

fn submit(
    served: &Arc<Served>,
    weights: String,
    adapter: Option<String>,
    mut request: GenerateRequest,
    events: mpsc::UnboundedSender<Result<GenerateEvent, Status>>,
) -> Result<RequestId, EngineError> {
    let engine = &served.engine;
    let goes_on = request
        .resume
        .as_ref()
        .is_some_and(|begun| !begun.answer.is_empty());
    let (prompt, count) = inbound::prompt(engine, &mut request)?;
    let prompt_tokens = u32::try_from(count).unwrap_or(u32::MAX);
    let request = inbound::generate(request, adapter, prompt)?;
    let stop = request.stop.clone();
    let accepted = generate_event::Event::Started(Started { prompt_tokens });
    // A caller that has gone already is noticed when the answer is dropped.
    let _ = events.send(Ok(GenerateEvent {
        event: Some(accepted),
    }));
    // The channel holds at most the answer's tokens, which the request bounds.
    let (came, to) = (Instant::now(), Arc::clone(served));
    let mut first = FirstToken::of(goes_on);
    let sink = move |event| {
        if first.is(&event) {
            let waited_ms = u32::try_from(millis(came)).unwrap_or(u32::MAX);
            to.pulse().began(to.now_ms(), waited_ms);
        }
        match events.send(Ok(convert::event(event, &stop, &weights))) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    engine.generate(request, Box::new(sink))
}

/// The events of an answer. Dropped when the caller goes away, also while the request waits:
/// then it gives its place back before the next step.
pub(crate) struct Answer {
    events: UnboundedReceiverStream<Result<GenerateEvent, Status>>,
    engine: Engine,
    id: RequestId,
    _listened_to: TaskTrackerToken,
}

impl Stream for Answer {
    type Item = Result<GenerateEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.events).poll_next(context)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Of a request that has ended the engine knows nothing any more.
        self.engine.cancel(self.id);
    }
}

#[tonic::async_trait]
impl Replicas for Service {
    type GenerateStream = Answer;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        let adapter = adapter_of(&served, &request.model)?;
        let weights = served.weights(adapter.as_ref());
        same_weights(&weights, &request)?;
        let listened_to = served.answers.token();
        let (sender, receiver) = mpsc::unbounded_channel();
        let engine = served.engine.clone();
        let id = blocking(move || submit(&served, weights, adapter, request, sender)).await?;
        Ok(Response::new(Answer {
            events: UnboundedReceiverStream::new(receiver),
            engine,
            id,
            _listened_to: listened_to,
        }))
    }

    async fn embed(
        &self,
        request: Request<EmbedRequest>,
    ) -> Result<Response<EmbedResponse>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        base_only(&served, &request.model)?;
        let dimensions = vectors::width(request.dimensions, served.engine.info().hidden_size)
            .map_err(|error| convert::status(&error))?;
        let wanted = inbound::embed(request);
        let found = while_wanted(move |on| served.engine.embed_while(&wanted, on)).await?;
        let shorten = |values| vectors::shorten(values, dimensions);
        let embeddings = found.vectors.into_iter().map(shorten);
        let embeddings = embeddings.map(|values| Embedding { values });
        Ok(Response::new(EmbedResponse {
            embeddings: embeddings.collect(),
            prompt_tokens: u32::try_from(found.tokens).unwrap_or(u32::MAX),
        }))
    }

    async fn score(
        &self,
        request: Request<v1::ScoreRequest>,
    ) -> Result<Response<v1::ScoreResponse>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        base_only(&served, &request.model)?;
        let wanted = engine::ScoreRequest {
            query: request.query,
            documents: request.documents,
            tenant: request.tenant,
            priority: request.priority,
        };
        let found = while_wanted(move |on| served.engine.score_while(&wanted, on)).await?;
        Ok(Response::new(v1::ScoreResponse {
            scores: found.scores,
            prompt_tokens: u32::try_from(found.tokens).unwrap_or(u32::MAX),
        }))
    }

    async fn tokenize(
        &self,
        request: Request<v1::TokenizeRequest>,
    ) -> Result<Response<v1::TokenizeResponse>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        adapter_of(&served, &request.model)?;
        let tokens = blocking(move || inbound::count(&served.engine, request.input)).await?;
        Ok(Response::new(v1::TokenizeResponse { tokens }))
    }

    async fn detokenize(
        &self,
        request: Request<v1::DetokenizeRequest>,
    ) -> Result<Response<v1::DetokenizeResponse>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        adapter_of(&served, &request.model)?;
        let lists = request.token_ids;
        let texts = blocking(move || inbound::detokenize(&served.engine, &lists)).await?;
        Ok(Response::new(v1::DetokenizeResponse { texts }))
    }
}
