//! What stands behind the gateways: a fake replica and a fake OpenAI server that answer at once.

use super::scheduler::FakeScheduler;
use anyhow::Result;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response as HttpResponse};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use zhisuan_proto::v1::access_server::AccessServer;
use zhisuan_proto::v1::billing_server::BillingServer;
use zhisuan_proto::v1::generate_event::Event;
use zhisuan_proto::v1::models_server::ModelsServer;
use zhisuan_proto::v1::replicas_server::{Replicas, ReplicasServer};
use zhisuan_proto::v1::{
    Delta, DetokenizeRequest, DetokenizeResponse, Done, EmbedRequest, EmbedResponse, GenerateEvent,
    GenerateRequest, ScoreRequest, ScoreResponse, Started, TokenCount, TokenizeRequest,
    TokenizeResponse,
};

/// Says as many words as it may, without any model.
#[derive(Clone, Copy)]
struct FakeReplica;

#[expect(clippy::unnecessary_wraps, reason = "streams carry results")]
fn event(event: Event) -> Result<GenerateEvent, Status> {
    Ok(GenerateEvent { event: Some(event) })
}

#[tonic::async_trait]
impl Replicas for FakeReplica {
    type GenerateStream = BoxStream<'static, Result<GenerateEvent, Status>>;

    async fn generate(
        &self,
        request: Request<GenerateRequest>,
    ) -> Result<Response<Self::GenerateStream>, Status> {
        let most = request.into_inner().max_tokens;
        let usage = TokenCount {
            prompt_tokens: 8,
            completion_tokens: most,
            cached_tokens: 0,
        };
        let accepted = event(Event::Started(Started { prompt_tokens: 8 }));
        let word = || {
            event(Event::Delta(Delta {
                text: "词元".to_owned(),
                ..Delta::default()
            }))
        };
        let done = event(Event::Done(Done {
            finish_reason: "length".to_owned(),
            usage: Some(usage),
            ..Done::default()
        }));
        let events = stream::iter([accepted])
            .chain(stream::iter(0..most).map(move |_| word()))
            .chain(stream::iter([done]));
        Ok(Response::new(events.boxed()))
    }

    async fn embed(&self, _: Request<EmbedRequest>) -> Result<Response<EmbedResponse>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn score(&self, _: Request<ScoreRequest>) -> Result<Response<ScoreResponse>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn tokenize(
        &self,
        _: Request<TokenizeRequest>,
    ) -> Result<Response<TokenizeResponse>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }

    async fn detokenize(
        &self,
        _: Request<DetokenizeRequest>,
    ) -> Result<Response<DetokenizeResponse>, Status> {
        Err(Status::unimplemented("absent in the fake"))
    }
}

/// Connections whose small pieces leave at once, as those of real replicas and schedulers do.
fn at_once(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true))
}

/// Starts the fake replica.
pub(super) async fn replica() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder().add_service(ReplicasServer::new(FakeReplica));
    tokio::spawn(server.serve_with_incoming(at_once(listener)));
    Ok(address)
}

/// Starts the fake scheduler.
pub(super) async fn scheduler(fake: FakeScheduler) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = Server::builder()
        .add_service(AccessServer::new(fake.clone()))
        .add_service(BillingServer::new(fake.clone()))
        .add_service(ModelsServer::new(fake));
    tokio::spawn(server.serve_with_incoming(at_once(listener)));
    Ok(address)
}

/// The answer of the fake OpenAI server, whole or as a short stream.
async fn complete(Json(body): Json<Value>) -> HttpResponse {
    let usage = json!({"prompt_tokens": 8, "completion_tokens": 1, "total_tokens": 9});
    let frame = |object: &str, choice: Value| {
        json!({"id": "chatcmpl-fake", "object": object, "created": 1, "model": body["model"],
            "choices": [choice], "usage": usage})
    };
    if body["stream"] != true {
        let message = json!({"role": "assistant", "content": "词元"});
        let choice = json!({"index": 0, "message": message, "finish_reason": "stop"});
        return Json(frame("chat.completion", choice)).into_response();
    }
    let delta = json!({"role": "assistant", "content": "词元"});
    let choice = json!({"index": 0, "delta": delta, "finish_reason": "stop"});
    let chunk = frame("chat.completion.chunk", choice);
    let text = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    ([("content-type", "text/event-stream")], Body::from(text)).into_response()
}

/// Starts the fake OpenAI server; its address up to and with "/v1".
pub(super) async fn openai() -> Result<String> {
    let router = Router::new().route("/v1/chat/completions", post(complete));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let listener = listener.tap_io(|connection| {
        // Only costs latency where the system refuses it.
        let _ = connection.set_nodelay(true);
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/v1"))
}
