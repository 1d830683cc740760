//! The Replicas service: gateways call the models that this worker serves. A caller shows the
//! token of the assignment; a caller that goes away frees its place within one step.

use crate::convert;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
use tonic::{Code, Request, Response, Status};
use zhisuan_engine as engine;
use zhisuan_engine::{Engine, EngineError, Prompt};
use zhisuan_proto::MAX_MESSAGE_BYTES;
use zhisuan_proto::v1;
use zhisuan_proto::v1::generate_request::Input;
use zhisuan_proto::v1::replicas_server::{Replicas, ReplicasServer};
use zhisuan_proto::v1::{
    EmbedRequest, EmbedResponse, Embedding, ErrorDetail, GenerateEvent, GenerateRequest, Started,
    generate_event,
};

/// No tokenizer in use makes one token of more bytes than this.
const BYTES_PER_TOKEN: usize = 512;

/// One model with its adapters, open to the holders of a token.
pub(crate) struct Served {
    pub(crate) token: String,
    pub(crate) engine: Engine,
    pub(crate) base: String,
    pub(crate) adapters: Vec<String>,
}

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

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Served>>> {
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

/// Which adapter a served name stands for.
fn adapter_of(served: &Served, model: &str) -> Result<Option<String>, Status> {
    if model == served.base || model.is_empty() {
        return Ok(None);
    }
    if served.adapters.iter().any(|name| name == model) {
        return Ok(Some(model.to_owned()));
    }
    Err(refuse(
        Code::NotFound,
        "ZS-REPLICA-MODEL",
        "this replica does not serve that model",
        "本副本不提供所要的模型",
    ))
}

/// Serves until the task is dropped.
pub(crate) async fn serve(table: ReplicaTable, listener: TcpListener) {
    let service = ReplicasServer::new(Service(table))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let server = tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .add_service(service)
        .serve_with_incoming(TcpListenerStream::new(listener));
    if let Err(error) = server.await {
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

fn submit(
    engine: &Engine,
    adapter: Option<String>,
    request: GenerateRequest,
    events: mpsc::UnboundedSender<Result<GenerateEvent, Status>>,
) -> Result<(), EngineError> {
    let text = match request.input {
        Some(Input::Prompt(text)) => text,
        Some(Input::Chat(chat)) => {
            let messages: Vec<_> = chat
                .messages
                .into_iter()
                .map(|message| engine::ChatMessage::new(message.role, message.content))
                .collect();
            engine.render_chat(&messages)?
        }
        None => {
            return Err(EngineError::InvalidRequest {
                field: "input".into(),
                detail: "chat 或 prompt 必须给出一个".into(),
            });
        }
    };
    // Hopelessly long text is refused before anybody pays for tokenising it.
    let limit = engine.info().context_length;
    if text.len() / BYTES_PER_TOKEN > limit {
        return Err(EngineError::ContextExceeded {
            prompt_tokens: text.len() / BYTES_PER_TOKEN,
            limit,
        });
    }
    let tokens = engine.tokenize(&text)?;
    let prompt_tokens = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
    let accepted = generate_event::Event::Started(Started { prompt_tokens });
    // A caller that has gone already is noticed at the first token.
    let _ = events.send(Ok(GenerateEvent {
        event: Some(accepted),
    }));
    let request = engine::GenerateRequest {
        adapter,
        sampling: convert::sampling(request.sampling),
        stop: request.stop,
        logprobs: request.top_logprobs.map(|count| count as usize),
        ignore_eos: request.ignore_eos,
        ..engine::GenerateRequest::new(Prompt::Tokens(tokens), request.max_tokens as usize)
    };
    // The channel holds at most the answer's tokens, which the request bounds.
    let sink = move |event| match events.send(Ok(convert::event(event))) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    engine.generate(request, Box::new(sink)).map(|_| ())
}

#[tonic::async_trait]
impl Replicas for Service {
    type GenerateStream = UnboundedReceiverStream<Result<GenerateEvent, Status>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        let adapter = adapter_of(&served, &request.model)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        blocking(move || submit(&served.engine, adapter, request, sender)).await?;
        Ok(Response::new(UnboundedReceiverStream::new(receiver)))
    }

    async fn embed(
        &self,
        request: Request<EmbedRequest>,
    ) -> Result<Response<EmbedResponse>, Status> {
        let served = self.0.find(&request)?;
        let request = request.into_inner();
        if adapter_of(&served, &request.model)?.is_some() {
            return Err(refuse(
                Code::InvalidArgument,
                "ZS-REPLICA-MODEL",
                "embeddings come from the base model only",
                "向量只能由基础模型计算",
            ));
        }
        let wanted = engine::EmbedRequest {
            texts: request.texts,
            instruction: request.instruction,
            tenant: request.tenant,
            priority: request.priority,
        };
        let found = blocking(move || served.engine.embed(&wanted)).await?;
        let embeddings = found.vectors.into_iter().map(|values| Embedding { values });
        Ok(Response::new(EmbedResponse {
            embeddings: embeddings.collect(),
            prompt_tokens: u32::try_from(found.tokens).unwrap_or(u32::MAX),
        }))
    }

    async fn score(
        &self,
        _request: Request<v1::ScoreRequest>,
    ) -> Result<Response<v1::ScoreResponse>, Status> {
        Err(Status::unimplemented("score"))
    }

    async fn tokenize(
        &self,
        _request: Request<v1::TokenizeRequest>,
    ) -> Result<Response<v1::TokenizeResponse>, Status> {
        Err(Status::unimplemented("tokenize"))
    }
}
