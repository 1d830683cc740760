//! A scheduler that does what a test tells it: Workers and Artifacts over real gRPC.

use super::KEY;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream, UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use zhisuan_proto::v1::artifacts_server::{Artifacts, ArtifactsServer};
use zhisuan_proto::v1::put_artifact_request::Message as Put;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::workers_server::{Workers, WorkersServer};
use zhisuan_proto::v1::{
    Artifact, ArtifactChunk, ErrorDetail, GetArtifactRequest, HeartbeatAck, PutArtifactRequest,
    Refused, Register, Registered, SchedulerMessage, TaskRef, WorkerMessage,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What tests set while the server runs.
pub(crate) struct Script {
    pub(crate) acknowledge: AtomicBool,
    pub(crate) lease_ms: AtomicU32,
    pub(crate) refuse: AtomicBool,
    /// Tasks that the next registration is told to stop.
    pub(crate) stop: Mutex<Vec<TaskRef>>,
    pub(crate) artifacts: Mutex<HashMap<String, Vec<u8>>>,
    /// End the next answers of Get after this many bytes; 0 sends all.
    pub(crate) cut_at: AtomicU32,
}

pub(crate) struct Scheduler {
    pub(crate) url: String,
    pub(crate) script: Arc<Script>,
    sessions: mpsc::UnboundedReceiver<Session>,
}

/// One accepted stream. Dropping it ends the stream.
pub(crate) struct Session {
    pub(crate) register: Register,
    orders: mpsc::UnboundedSender<Result<SchedulerMessage, Status>>,
    reports: mpsc::UnboundedReceiver<Report>,
}

impl Scheduler {
    pub(crate) async fn start() -> Self {
        let script = Arc::new(Script {
            acknowledge: AtomicBool::new(true),
            lease_ms: AtomicU32::new(10_000),
            refuse: AtomicBool::new(false),
            stop: Mutex::default(),
            artifacts: Mutex::default(),
            cut_at: AtomicU32::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, sessions) = mpsc::unbounded_channel();
        let service = Service {
            script: Arc::clone(&script),
            sessions: sender,
        };
        let server = tonic::transport::Server::builder()
            .add_service(WorkersServer::new(service.clone()))
            .add_service(ArtifactsServer::new(service))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        Self {
            url,
            script,
            sessions,
        }
    }

    /// The next session that a worker opens.
    pub(crate) async fn session(&mut self) -> Session {
        let session = tokio::time::timeout(PATIENCE, self.sessions.recv()).await;
        session.expect("a session in time").unwrap()
    }

    pub(crate) fn put(&self, bytes: &[u8]) -> String {
        let sha256 = super::digest(bytes);
        let mut artifacts = self.script.artifacts.lock().unwrap();
        artifacts.insert(sha256.clone(), bytes.to_vec());
        sha256
    }

    pub(crate) fn artifact(&self, sha256: &str) -> Vec<u8> {
        self.script.artifacts.lock().unwrap()[sha256].clone()
    }
}

impl Session {
    pub(crate) fn order(&self, message: Order) {
        let message = SchedulerMessage {
            message: Some(message),
        };
        self.orders.send(Ok(message)).unwrap();
    }

    /// The next report that is not a heartbeat.
    pub(crate) async fn report(&mut self) -> Report {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        report.expect("a report in time").expect("an open stream")
    }
}

#[derive(Clone)]
struct Service {
    script: Arc<Script>,
    sessions: mpsc::UnboundedSender<Session>,
}

fn check_key<T>(request: &Request<T>) -> Result<(), Status> {
    let shown = request.metadata().get("authorization");
    if shown.is_some_and(|value| value == format!("Bearer {KEY}").as_str()) {
        return Ok(());
    }
    Err(Status::unauthenticated("unknown key"))
}

#[tonic::async_trait]
impl Workers for Service {
    type SessionStream = UnboundedReceiverStream<Result<SchedulerMessage, Status>>;

    async fn session(
        &self,
        request: Request<Streaming<WorkerMessage>>,
    ) -> Result<Response<Self::SessionStream>, Status> {
        check_key(&request)?;
        let mut incoming = request.into_inner();
        let first = incoming.message().await?.and_then(|first| first.message);
        let Some(Report::Register(register)) = first else {
            return Err(Status::invalid_argument("register first"));
        };
        let (orders, stream) = mpsc::unbounded_channel();
        if self.script.refuse.load(Ordering::SeqCst) {
            let detail = ErrorDetail {
                code: "ZS-NODE-DEVICES".into(),
                message_zh: "设备已变化".into(),
                ..ErrorDetail::default()
            };
            let refused = Order::Refused(Refused {
                error: Some(detail),
            });
            let _ = orders.send(Ok(SchedulerMessage {
                message: Some(refused),
            }));
            return Ok(Response::new(UnboundedReceiverStream::new(stream)));
        }
        let (sender, reports) = mpsc::unbounded_channel();
        let session = Session {
            register,
            orders: orders.clone(),
            reports,
        };
        session.order(Order::Registered(Registered {
            heartbeat_ms: 50,
            lease_ms: self.script.lease_ms.load(Ordering::SeqCst),
            stop: std::mem::take(&mut *self.script.stop.lock().unwrap()),
        }));
        let _ = self.sessions.send(session);
        tokio::spawn(follow(
            incoming,
            orders.downgrade(),
            sender,
            Arc::clone(&self.script),
        ));
        Ok(Response::new(UnboundedReceiverStream::new(stream)))
    }
}

/// Answers heartbeats and hands everything else to the test.
async fn follow(
    mut incoming: Streaming<WorkerMessage>,
    orders: mpsc::WeakUnboundedSender<Result<SchedulerMessage, Status>>,
    reports: mpsc::UnboundedSender<Report>,
    script: Arc<Script>,
) {
    while let Ok(Some(message)) = incoming.message().await {
        match message.message {
            Some(Report::Heartbeat(beat)) => {
                let ack = HeartbeatAck {
                    sequence: beat.sequence,
                };
                let message = SchedulerMessage {
                    message: Some(Order::HeartbeatAck(ack)),
                };
                if let Some(orders) = orders.upgrade()
                    && script.acknowledge.load(Ordering::SeqCst)
                {
                    let _ = orders.send(Ok(message));
                }
            }
            Some(report) => {
                let _ = reports.send(report);
            }
            None => {}
        }
    }
}

#[tonic::async_trait]
impl Artifacts for Service {
    type GetStream = ReceiverStream<Result<ArtifactChunk, Status>>;

    async fn put(
        &self,
        request: Request<Streaming<PutArtifactRequest>>,
    ) -> Result<Response<Artifact>, Status> {
        check_key(&request)?;
        let mut incoming = request.into_inner();
        let (mut header, mut bytes) = (Artifact::default(), Vec::new());
        while let Some(message) = incoming.message().await? {
            match message.message {
                Some(Put::Header(found)) => header = found,
                Some(Put::Data(data)) => bytes.extend(data),
                None => {}
            }
        }
        if super::digest(&bytes) != header.sha256 || bytes.len() as u64 != header.bytes {
            return Err(Status::data_loss("wrong hash or size"));
        }
        assert_eq!(
            header.tenant, "tenant-a",
            "artifacts belong to the job's tenant"
        );
        let mut artifacts = self.script.artifacts.lock().unwrap();
        artifacts.insert(header.sha256.clone(), bytes);
        Ok(Response::new(header))
    }

    async fn list(
        &self,
        _: Request<zhisuan_proto::v1::ListArtifactsRequest>,
    ) -> Result<Response<zhisuan_proto::v1::ListArtifactsResponse>, Status> {
        Err(Status::unimplemented("no worker lists artifacts"))
    }

    async fn delete(
        &self,
        _: Request<zhisuan_proto::v1::DeleteArtifactRequest>,
    ) -> Result<Response<Artifact>, Status> {
        Err(Status::unimplemented("no worker deletes artifacts"))
    }

    async fn get(
        &self,
        request: Request<GetArtifactRequest>,
    ) -> Result<Response<Self::GetStream>, Status> {
        check_key(&request)?;
        let wanted = request.into_inner();
        let artifacts = self.script.artifacts.lock().unwrap();
        let Some(bytes) = artifacts.get(&wanted.sha256) else {
            return Err(Status::not_found("no such artifact"));
        };
        let mut rest = bytes[wanted.offset as usize..].to_vec();
        let cut = self.script.cut_at.swap(0, Ordering::SeqCst) as usize;
        let broken = cut != 0 && cut < rest.len();
        if broken {
            rest.truncate(cut);
        }
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            for piece in rest.chunks(64 * 1024) {
                let data = piece.to_vec().into();
                let _ = sender.send(Ok(ArtifactChunk { data })).await;
            }
            if broken {
                let _ = sender.send(Err(Status::unavailable("cut"))).await;
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn stat(
        &self,
        _request: Request<GetArtifactRequest>,
    ) -> Result<Response<Artifact>, Status> {
        Err(Status::unimplemented("workers do not ask"))
    }
}
