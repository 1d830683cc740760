//! The Workers service: one session stream per worker.

use super::convert::work_kind;
use super::{failure, unavailable};
use crate::actor::{Attached, Core, Failure};
use crate::artifacts::Artifacts;
use crate::live::Live;
use crate::logs::{LogTask, Logs};
use crate::models::{Deployments, Models, ReadyReplica};
use crate::secret::ClusterSecret;
use crate::sessions::{Orders, Sessions};
use crate::{dispatch::wire_task, words};
use std::collections::BTreeSet;
use std::pin::Pin;
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::UnboundedReceiverStream};
use tonic::{Request, Response, Status, Streaming};
use zhisuan_core::{
    Device, Epoch, Event, Heartbeat, JobId, NodeName, NodeSpec, Outcome, Refusal, TaskRef,
    TaskReport,
};
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
}

type OrderStream = Pin<Box<dyn Stream<Item = Result<v1::SchedulerMessage, Status>> + Send>>;
type Outbound = mpsc::UnboundedSender<Result<v1::SchedulerMessage, Status>>;

fn envelope(order: Order) -> v1::SchedulerMessage {
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
            service: self,
            node: NodeName(node),
            replica_address,
            outbound,
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

struct Session<'a> {
    service: &'a WorkersService,
    node: NodeName,
    replica_address: String,
    outbound: &'a Outbound,
}

impl Session<'_> {
    async fn run(
        &self,
        reports: &mut Streaming<v1::WorkerMessage>,
        orders: &mut Orders,
    ) -> Result<(), Status> {
        loop {
            tokio::select! {
                order = orders.queue.recv() => match order {
                    Some(order) => self.send(order)?,
                    // A newer session of the same node took over.
                    None => return Ok(()),
                },
                next = reports.message() => match next? {
                    Some(next) => if let Some(next) = next.message { self.take(next).await? },
                    None => return Ok(()),
                },
                () = self.outbound.closed() => return Ok(()),
            }
        }
    }

    fn send(&self, order: Order) -> Result<(), Status> {
        self.outbound
            .send(Ok(envelope(order)))
            .map_err(|_| Status::cancelled("the worker is gone"))
    }

    async fn take(&self, next: Report) -> Result<(), Status> {
        match next {
            Report::Register(_) => {
                let refusal = Refusal::invalid(
                    "message",
                    "register",
                    "any other message in an open session",
                );
                Err(words::refusal(&refusal))
            }
            Report::Heartbeat(beat) => self.heartbeat(beat).await,
            Report::Started(started) => {
                let Some(task) = started.task.as_ref().map(task_ref) else {
                    return Ok(());
                };
                self.started(task).await
            }
            Report::Ended(ended) => self.ended(ended).await,
            Report::Log(log) => {
                if let Some(task) = log.task {
                    let (job, attempt, task) = (task.job_id, task.attempt, task.task);
                    let task = LogTask { job, attempt, task };
                    if let Err(error) = self.service.logs.append(task, log.offset, log.data).await {
                        tracing::error!(node = %self.node, %error, "log bytes are lost");
                    }
                }
                Ok(())
            }
            Report::Progress(progress) => {
                if let Some(task) = progress.task {
                    self.service.live.set_progress(task.job_id, progress.text);
                }
                Ok(())
            }
            Report::ReplicaReady(ready) => self.replica_ready(ready).await,
        }
    }

    async fn heartbeat(&self, beat: v1::Heartbeat) -> Result<(), Status> {
        let running = beat.running.iter().filter_map(report).collect();
        let heartbeat = Heartbeat {
            node: self.node.clone(),
            running,
        };
        let observed = self
            .service
            .core
            .observe(heartbeat)
            .await
            .map_err(|error| failure(&error))?;
        if !observed.known {
            return Err(unavailable("this node's lease ran out; register again"));
        }
        let now = self
            .service
            .core
            .ask(|_, now| now)
            .await
            .map_err(|error| failure(&error))?;
        self.service.sessions.seen(&self.node.0, now);
        for (task, reason) in observed.stop {
            self.send(stop(task, reason))?;
        }
        self.send(Order::HeartbeatAck(v1::HeartbeatAck {
            sequence: beat.sequence,
        }))
    }

    /// A stale report is refused and logged; nothing else comes of it.
    async fn apply(&self, event: Event, attached: Attached) -> Result<bool, Status> {
        match self.service.core.apply_with(event, attached).await {
            Ok(_) => Ok(true),
            Err(Failure::Refused(refusal)) => {
                tracing::warn!(node = %self.node, %refusal, "a report is refused");
                Ok(false)
            }
            Err(error) => Err(failure(&error)),
        }
    }

    async fn started(&self, task: TaskRef) -> Result<(), Status> {
        if self
            .apply(Event::TaskStarted { task }, Attached::Nothing)
            .await?
        {
            return Ok(());
        }
        self.send(stop(task, "stale"))
    }

    async fn ended(&self, ended: v1::TaskEnded) -> Result<(), Status> {
        let Some(task) = ended.task.as_ref().map(task_ref) else {
            return Ok(());
        };
        let outcome = match ended.outcome.as_str() {
            "succeeded" => Outcome::Succeeded,
            "stopped" => Outcome::Stopped,
            _ => Outcome::Failed {
                exit_code: ended.exit_code,
                code: ended.code,
                message: ended.message,
            },
        };
        if !ended.outputs.is_empty() || ended.model.is_some() {
            self.keep_outputs(task, &ended.outputs, ended.model).await?;
        }
        let log = LogTask {
            job: task.job.0,
            attempt: task.attempt,
            task: task.task,
        };
        if let Err(error) = self.service.logs.close(log).await {
            tracing::error!(node = %self.node, %error, "a log cannot be closed");
        }
        let outputs = ended.outputs.into_iter().collect();
        let report = TaskReport {
            task,
            used_ms: ended.used_ms,
        };
        let event = Event::TaskEnded { report, outcome };
        // Of a stale end nothing needs to be stopped: it says itself that nothing runs.
        self.apply(event, Attached::Outputs(task.job.0, outputs))
            .await
            .map(drop)
    }

    /// Before the job ends: its outputs belong to its tenant, its model is in the library.
    async fn keep_outputs(
        &self,
        task: TaskRef,
        outputs: &std::collections::HashMap<String, String>,
        model: Option<v1::ModelManifest>,
    ) -> Result<(), Status> {
        let owned = self.service.core.ask(move |state, _| {
            let job = state.jobs().get(&task.job).filter(|_| state.owns(task));
            job.map(|job| job.tenant.0.clone())
        });
        let Some(tenant) = owned.await.map_err(|error| failure(&error))? else {
            return Ok(());
        };
        let (artifacts, owner, files) = (
            self.service.artifacts.clone(),
            tenant.clone(),
            outputs.clone(),
        );
        let now_ms = self
            .service
            .core
            .ask(|_, now| now.0)
            .await
            .map_err(|error| failure(&error))?;
        let granted = tokio::task::spawn_blocking(move || {
            for (name, digest) in files {
                if let Err(error) = artifacts.grant(&owner, &digest, &name, now_ms) {
                    tracing::warn!(?task, name, %error, "an output is refused");
                }
            }
        });
        granted
            .await
            .map_err(|error| unavailable(&error.to_string()))?;
        if let Some(mut model) = model {
            let lineage = model.lineage.get_or_insert_default();
            (lineage.job_id, lineage.attempt) = (task.job.0, task.attempt);
            if let Err(error) = self.service.models.register(model, &tenant, now_ms).await {
                tracing::warn!(node = %self.node, ?task, %error, "a model is refused");
            }
        }
        Ok(())
    }

    async fn replica_ready(&self, ready: v1::ReplicaReady) -> Result<(), Status> {
        let Some(task) = ready.task.as_ref().map(task_ref) else {
            return Ok(());
        };
        let owns = self.service.core.ask(move |state, _| state.owns(task));
        if !owns.await.map_err(|error| failure(&error))? {
            return self.send(stop(task, "stale"));
        }
        let replica = ReadyReplica {
            address: self.replica_address.clone(),
            token: self.service.secret.replica_token(task),
            epoch: task.epoch.0,
            context_length: ready.context_length,
            models: ready.models,
        };
        self.service.deployments.ready(task.job.0, replica);
        Ok(())
    }
}

fn stop(task: TaskRef, reason: &str) -> Order {
    Order::Stop(v1::Stop {
        task: Some(wire_task(task)),
        reason: reason.to_owned(),
        grace_ms: 10_000,
    })
}

fn task_ref(task: &v1::TaskRef) -> TaskRef {
    TaskRef {
        job: JobId(task.job_id),
        attempt: task.attempt,
        task: task.task,
        epoch: Epoch(task.epoch),
    }
}

fn report(usage: &v1::TaskUsage) -> Option<TaskReport> {
    let task = task_ref(usage.task.as_ref()?);
    Some(TaskReport {
        task,
        used_ms: usage.used_ms,
    })
}
