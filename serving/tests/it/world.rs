//! A gateway with everything around it, and the few calls that tests make.

use crate::fake_files::FakeFiles;
use crate::fake_replica::{FakeReplica, REPLICA_TOKEN};
use crate::fake_scheduler::{FakeScheduler, GATEWAY_KEY};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use zhisuan_proto::v1::access_server::AccessServer;
use zhisuan_proto::v1::artifacts_server::ArtifactsServer;
use zhisuan_proto::v1::billing_server::BillingServer;
use zhisuan_proto::v1::jobs_server::JobsServer;
use zhisuan_proto::v1::models_server::ModelsServer;
use zhisuan_proto::v1::replicas_server::ReplicasServer;
use zhisuan_proto::v1::{Replica, Route, Routes, SettleRequest};
use zhisuan_serving::{Handle, LabelOptions, Operations, Options, start};

pub(crate) const KEY: &str = "zs-hospital";

pub(crate) struct World {
    pub(crate) gateway: Handle,
    pub(crate) scheduler: FakeScheduler,
    pub(crate) files: FakeFiles,
    pub(crate) replica: FakeReplica,
    pub(crate) replica_address: SocketAddr,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    pub(crate) scheduler_url: String,
}

pub(crate) fn route(model: &str, tenant: &str, addresses: &[SocketAddr]) -> Route {
    Route {
        model: model.to_owned(),
        deployment: model.to_owned(),
        tenant: tenant.to_owned(),
        context_length: 512,
        created_at_ms: 1_700_000_000_500,
        owned_by: "zhisuan".to_owned(),
        replicas: addresses
            .iter()
            .map(|address| Replica {
                address: address.to_string(),
                token: REPLICA_TOKEN.to_owned(),
                job_id: 1,
                epoch: 1,
            })
            .collect(),
        ..Route::default()
    }
}

async fn serve_scheduler(fake: FakeScheduler, files: FakeFiles) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder()
        .add_service(AccessServer::new(fake.clone()))
        .add_service(BillingServer::new(fake.clone()))
        .add_service(ModelsServer::new(fake))
        .add_service(ArtifactsServer::new(files.clone()))
        .add_service(JobsServer::new(files));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

pub(crate) async fn serve_replica(fake: FakeReplica) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(ReplicasServer::new(fake));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

pub(crate) async fn world() -> World {
    world_with(64, None).await
}

pub(crate) async fn world_with(max_inflight: usize, extra: Option<axum::Router>) -> World {
    // Labels have tests of their own; the others look at what an interface itself says.
    let mut operations = Operations {
        label: LabelOptions {
            implicit: false,
            ..LabelOptions::default()
        },
        ..Operations::default()
    };
    operations.queue.waiting = 0;
    world_of(max_inflight, extra, operations).await
}

pub(crate) async fn world_of(
    max_inflight: usize,
    extra: Option<axum::Router>,
    operations: Operations,
) -> World {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scheduler = FakeScheduler::new();
    let replica = FakeReplica::default();
    let files = FakeFiles::default();
    let scheduler_address = serve_scheduler(scheduler.clone(), files.clone()).await;
    let replica_address = serve_replica(replica.clone()).await;
    scheduler.key(KEY, "hospital", "tenant");
    scheduler.key("zs-school", "school", "app");
    scheduler.key("zs-poor", "poor", "tenant");
    scheduler.key("zs-worker", "", "worker");
    scheduler.key("zs-operator", "", "operator");
    scheduler.routes.send_replace(Routes {
        routes: vec![
            route("tiny", "", &[replica_address]),
            route("private", "hospital", &[replica_address]),
            route("starting", "", &[]),
        ],
        revision: 1,
    });
    let gateway = start(Options {
        listen: "127.0.0.1:0".parse().unwrap(),
        scheduler_url: format!("http://{scheduler_address}"),
        key: GATEWAY_KEY.to_owned(),
        max_inflight,
        extra,
        operations,
    })
    .await
    .unwrap();
    let base = format!("http://{}", gateway.address());
    let world = World {
        gateway,
        scheduler,
        files,
        replica,
        replica_address,
        http: reqwest::Client::new(),
        base,
        scheduler_url: format!("http://{scheduler_address}"),
    };
    eventually("routes are known", || async {
        world.get("/healthz", "").await.status() == 200
    })
    .await;
    world
}

/// Waits until something holds, or fails with its name.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < Duration::from_secs(15), "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A chat request whose last message gives the fake replica its orders.
pub(crate) fn chat(order: &str) -> Value {
    json!({"model": "tiny", "messages": [{"role": "user", "content": order}]})
}

/// The same, streamed.
pub(crate) fn streamed(order: &str) -> Value {
    let mut body = chat(order);
    body["stream"] = json!(true);
    body
}

impl World {
    pub(crate) async fn get(&self, path: &str, key: &str) -> reqwest::Response {
        let mut request = self.http.get(format!("{}{path}", self.base));
        if !key.is_empty() {
            request = request.bearer_auth(key);
        }
        request.send().await.unwrap()
    }

    pub(crate) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http
            .post(format!("{}{path}", self.base))
            .bearer_auth(KEY)
    }

    pub(crate) async fn chat(&self, body: &Value) -> reqwest::Response {
        self.post("/v1/chat/completions")
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// The one settlement of `request_id`, once it has arrived.
    pub(crate) async fn settlement(&self, request_id: &str) -> SettleRequest {
        eventually("a settlement", || async {
            !self.settlements(request_id).is_empty()
        })
        .await;
        let all = self.settlements(request_id);
        assert_eq!(all.len(), 1, "settled once");
        all.into_iter().next().unwrap()
    }

    pub(crate) fn settlements(&self, request_id: &str) -> Vec<SettleRequest> {
        let settled = self.scheduler.settled.lock().unwrap();
        settled
            .iter()
            .filter(|settlement| settlement.request_id == request_id)
            .cloned()
            .collect()
    }
}

impl World {
    /// Changes the routes and waits until the gateway has them.
    pub(crate) async fn reroute(&self, routes: Vec<Route>, revision: u64) {
        self.scheduler
            .routes
            .send_replace(Routes { routes, revision });
        eventually("new routes", || async {
            let health: Value = self.get("/healthz", "").await.json().await.unwrap();
            health["routes_revision"] == revision
        })
        .await;
    }
}

pub(crate) fn request_id(response: &reqwest::Response) -> String {
    response.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// The events of a finished stream: (event name, data).
pub(crate) fn parse_events(text: &str) -> Vec<(String, String)> {
    text.split("\n\n")
        .filter(|block| !block.is_empty() && !block.starts_with(':'))
        .map(|block| {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                    .unwrap_or("")
                    .to_owned()
            };
            (field("event"), field("data"))
        })
        .collect()
}
