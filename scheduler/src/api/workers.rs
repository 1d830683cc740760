//! The Workers service: one session stream per worker.

use super::convert::work_kind;
use super::failure;
use super::session::Session;
use crate::actor::{Core, Failure};
use crate::artifacts::Artifacts;
use crate::live::Live;
use crate::logs::Logs;
use crate::models::{Deployments, Models};
use crate::secret::ClusterSecret;
use crate::sessions::Sessions;
use crate::words;
use std::collections::BTreeSet;
use std::pin::Pin;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use zhisuan_core::{Device, Epoch, Event, JobId, NodeName, NodeSpec, Refusal, TaskRef, TaskReport};
use zhisuan_proto::v1::{
    self, scheduler_message::Message as Order, worker_message::Message as Report,
    workers_server::Workers,
};

/// Cheap to clone: one clone lives in every session.
#[derive(Clone)]
pub(crate) struct WorkersService {
    pub(crate) core: Core,
    pub(crate) sessions: Sessions,
    pub(crate) live: Live,
    pub(crate) logs: Logs,
    pub(crate) models: Models,
    pub(crate) deployments: Deployments,
    pub(crate) artifacts: Artifacts,
    pub(crate) secret: ClusterSecret,
    pub(crate) heartbeat_ms: u32,
    pub(crate) lease_ms: u32,
    pub(crate) stop_grace_ms: u32,
}

type OrderStream = Pin<Box<dyn Stream<Item = Result<v1::SchedulerMessage, Status>> + Send>>;
pub(super) type Outbound = mpsc::UnboundedSender<Result<v1::SchedulerMessage, Status>>;

pub(super) fn envelope(order: Order) -> v1::SchedulerMessage {
    v1::SchedulerMessage {
        message: Some(order),
    }
}

#[tonic::async_trait]
impl Workers for WorkersService {
    type SessionStream = OrderStream;

    async fn session(
        &self,
        request: Request<Streaming<v1::WorkerMessage>>,
    ) -> Result<Response<OrderStream>, Status> {
        let reports = request.into_inner();
        let (outbound, stream) = mpsc::unbounded_channel();
        let service = self.clone();
        tokio::spawn(async move {
            if let Err(status) = service.serve(reports, &outbound).await {
                tracing::warn!(%status, "a worker session ended");
                let _ = outbound.send(Err(status));
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            stream,
        ))))
    }
}

impl WorkersService {
    async fn serve(
        &self,
        mut reports: Streaming<v1::WorkerMessage>,
        outbound: &Outbound,
    ) -> Result<(), Status> {
        let first = reports.message().await?.and_then(|first| first.message);
        let Some(Report::Register(register)) = first else {
            let refusal = Refusal::invalid(
                "message",
                "another message",
                "register, as the first message",
            );
            return Err(words::refusal(&refusal));
        };
        let node = register.node.clone();
        let replica_address = register.replica_address.clone();
        // Orders may be decided the moment that the node is known, so its queue is there before.
        let mut orders = self.sessions.open(&node);
        if let Err(error) = self.register(register).await {
            let status = failure(&error);
            tracing::warn!(%node, %status, "a registration is refused");
            let error = zhisuan_proto::detail_of(&status).unwrap_or_default();
            let _ = outbound.send(Ok(envelope(Order::Refused(v1::Refused {
                error: Some(error),
            }))));
            return Err(status);
        }
        orders.confirm();
        let registered = v1::Registered {
            heartbeat_ms: self.heartbeat_ms,
            lease_ms: self.lease_ms,
            stop: Vec::new(),
        };
        let _ = outbound.send(Ok(envelope(Order::Registered(registered))));
        tracing::info!(%node, "worker registered");
        let session = Session {
            service: self.clone(),
            node: NodeName(node),
            replica_address,
            outbound: outbound.clone(),
            mine: std::sync::Mutex::default(),
        };
        session.run(&mut reports, &mut orders).await
    }

    async fn register(&self, register: v1::Register) -> Result<(), Failure> {
        let mut work = BTreeSet::new();
        for name in &register.work {
            let known = work_kind(name).ok_or_else(|| {
                Refusal::invalid("register.work", name, "train, batch, serve or command")
            })?;
            work.insert(known);
        }
        let devices = register.devices.into_iter().map(|device| Device {
            uuid: device.uuid,
            kind: device.kind,
            memory_mib: device.memory_mib,
            simulated: device.simulated || register.simulated,
        });
        let node = NodeSpec {
            name: NodeName(register.node),
            devices: devices.collect(),
            cpu_milli: register.cpu_milli,
            memory_mib: register.memory_mib,
            labels: register.labels.into_iter().collect(),
            work,
            version: register.version,
            replica_address: register.replica_address,
        };
        let running = register.running.iter().filter_map(report).collect();
        self.core
            .apply(Event::NodeRegistered { node, running })
            .await
            .map(drop)
    }
}

pub(super) fn task_ref(task: &v1::TaskRef) -> TaskRef {
    TaskRef {
        job: JobId(task.job_id),
        attempt: task.attempt,
        task: task.task,
        epoch: Epoch(task.epoch),
    }
}

pub(super) fn report(usage: &v1::TaskUsage) -> Option<TaskReport> {
    let task = task_ref(usage.task.as_ref()?);
    Some(TaskReport {
        task,
        used_ms: usage.used_ms,
    })
}
