//! One worker's open session: reports in, orders out.
//!
//! Reports go to the core in the order in which they came and are answered when they are durable,
//! many at a time: a session never waits for one commit before it reads the next report. What is
//! said back keeps the order too, so an acknowledged heartbeat confirms every report before it.

use super::workers::{Outbound, WorkersService, envelope, report, task_ref};
use super::{failure, unavailable};
use crate::actor::{Attached, Failure};
use crate::dispatch::wire_task;
use crate::logs::LogTask;
use crate::models::ReadyReplica;
use crate::sessions::Orders;
use crate::words;
use futures::future::{BoxFuture, FutureExt as _, ready};
use futures::stream::{FuturesOrdered, StreamExt as _};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tonic::{Status, Streaming};
use zhisuan_core::{Event, Heartbeat, NodeName, Outcome, Refusal, TaskRef, TaskReport};
use zhisuan_proto::v1::{
    self, scheduler_message::Message as Order, worker_message::Message as Report,
};

/// Reports that may wait for their commit; then the stream is not read, which holds the worker.
const IN_FLIGHT: usize = 1024;

/// What is said back once a report is durable.
type Said = Result<Vec<Order>, Status>;
type Pending = BoxFuture<'static, Said>;

pub(super) struct Session {
    pub(super) service: WorkersService,
    pub(super) node: NodeName,
    pub(super) replica_address: String,
    pub(super) outbound: Outbound,
    /// Tasks that were found to be this node's, for reports that do not go through the core.
    pub(super) mine: Mutex<BTreeSet<TaskRef>>,
}

impl Session {
    pub(super) async fn run(
        &self,
        reports: &mut Streaming<v1::WorkerMessage>,
        orders: &mut Orders,
    ) -> Result<(), Status> {
        let mut pending: FuturesOrdered<Pending> = FuturesOrdered::new();
        loop {
            tokio::select! {
                order = orders.queue.recv() => match order {
                    Some(order) => self.send(order)?,
                    // A newer session of the same node took over.
                    None => return Ok(()),
                },
                Some(said) = pending.next() => for order in said? {
                    self.send(order)?;
                },
                next = reports.message(), if pending.len() < IN_FLIGHT => match next? {
                    Some(next) => if let Some(next) = next.message {
                        pending.push_back(self.take(next).await?);
                    },
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

    /// Hands a report on; the future is done when it is durable.
    async fn take(&self, next: Report) -> Result<Pending, Status> {
        match next {
            Report::Register(_) => {
                let accepted = "any other message in an open session";
                let refusal = Refusal::invalid("message", "register", accepted);
                Err(words::refusal(&refusal))
            }
            Report::Heartbeat(beat) => self.heartbeat(beat).await,
            Report::Started(started) => match started.task {
                Some(task) => self.started(task_ref(&task)).await,
                None => Ok(nothing()),
            },
            Report::Ended(ended) => self.ended(ended).await,
            Report::Log(log) => {
                self.log(log).await?;
                Ok(nothing())
            }
            Report::Progress(progress) => {
                self.progress(progress).await?;
                Ok(nothing())
            }
            Report::ReplicaReady(ready) => self.replica_ready(ready).await,
            Report::Leaving(_) => self.leaving().await,
        }
    }

    async fn heartbeat(&self, beat: v1::Heartbeat) -> Result<Pending, Status> {
        let running = beat.running.iter().filter_map(report).collect();
        let loads = &self.service.deployments;
        loads.felt(&self.replica_address, beat.replicas);
        let node = self.node.clone();
        let observed = self
            .service
            .core
            .queue_observe(Heartbeat { node, running })
            .await;
        let observed = observed.map_err(|error| failure(&error))?;
        let (sessions, node) = (self.service.sessions.clone(), self.node.0.clone());
        let grace_ms = self.service.stop_grace_ms;
        let said = async move {
            let (observed, now) = observed.await.map_err(|error| failure(&error))?;
            if !observed.known {
                return Err(unavailable("this node's lease ran out; register again"));
            }
            sessions.seen(&node, now);
            let mut orders: Vec<Order> = observed
                .stop
                .into_iter()
                .map(|(task, reason)| stop(task, reason, grace_ms))
                .collect();
            let sequence = beat.sequence;
            orders.push(Order::HeartbeatAck(v1::HeartbeatAck { sequence }));
            Ok(orders)
        };
        Ok(said.boxed())
    }

    /// A stale report is refused and logged, and what it is about is stopped if it runs.
    async fn apply(
        &self,
        event: Event,
        attached: Attached,
        task: TaskRef,
        stop_if_stale: bool,
    ) -> Result<Pending, Status> {
        let from = Some((self.node.clone(), task));
        let answer = self.service.core.queue(event, attached, from).await;
        let answer = answer.map_err(|error| failure(&error))?;
        let (node, grace_ms) = (self.node.clone(), self.service.stop_grace_ms);
        let said = async move {
            match answer.await {
                Ok(_) => Ok(Vec::new()),
                Err(Failure::Refused(refusal)) => {
                    tracing::warn!(%node, %refusal, "a report is refused");
                    Ok(stop_if_stale
                        .then(|| stop(task, "stale", grace_ms))
                        .into_iter()
                        .collect())
                }
                Err(error) => Err(failure(&error)),
            }
        };
        Ok(said.boxed())
    }

    async fn leaving(&self) -> Result<Pending, Status> {
        let node = self.node.clone();
        let answer = self
            .service
            .core
            .queue(Event::NodeLeaving { node }, Attached::Nothing, None);
        let answer = answer.await.map_err(|error| failure(&error))?;
        let said = async move {
            answer
                .await
                .map(|_| Vec::new())
                .map_err(|error| failure(&error))
        };
        Ok(said.boxed())
    }

    async fn started(&self, task: TaskRef) -> Result<Pending, Status> {
        self.apply(Event::TaskStarted { task }, Attached::Nothing, task, true)
            .await
    }

    async fn ended(&self, ended: v1::TaskEnded) -> Result<Pending, Status> {
        let Some(task) = ended.task.as_ref().map(task_ref) else {
            return Ok(nothing());
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
        let mut outcome = outcome;
        if !ended.outputs.is_empty() || ended.model.is_some() {
            let kept = self.keep_outputs(task, &ended.outputs, ended.model).await?;
            if let (Err(refused), Outcome::Succeeded) = (kept, &outcome) {
                // Work whose result nobody can use has not succeeded.
                outcome = refused;
            }
        }
        let (job, attempt, number) = (task.job.0, task.attempt, task.task);
        let log = LogTask {
            job,
            attempt,
            task: number,
        };
        if self.mine().remove(&task)
            && let Err(error) = self.service.logs.close(log).await
        {
            tracing::error!(node = %self.node, %error, "a log cannot be closed");
        }
        let attached = if ended.outputs.is_empty() {
            Attached::Nothing
        } else {
            Attached::Outputs(task.job.0, ended.outputs.into_iter().collect())
        };
        let report = TaskReport {
            task,
            used_ms: ended.used_ms,
        };
        // Of a stale end nothing needs to be stopped: it says itself that nothing runs.
        self.apply(Event::TaskEnded { report, outcome }, attached, task, false)
            .await
    }

    /// Whether a task is this node's now; asked once per task.
    async fn is_mine(&self, task: TaskRef) -> Result<bool, Status> {
        if self.mine().contains(&task) {
            return Ok(true);
        }
        let node = self.node.clone();
        let owns = self
            .service
            .core
            .ask(move |state, _| state.owns(task, &node));
        let owns = owns.await.map_err(|error| failure(&error))?;
        if owns {
            self.mine().insert(task);
        } else {
            tracing::warn!(node = %self.node, ?task, "a report about another's task is refused");
        }
        Ok(owns)
    }

    fn mine(&self) -> MutexGuard<'_, BTreeSet<TaskRef>> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn progress(&self, progress: v1::TaskProgress) -> Result<(), Status> {
        let Some(task) = progress.task.as_ref().map(task_ref) else {
            return Ok(());
        };
        if self.is_mine(task).await? {
            self.service.live.set_progress(task.job.0, progress.text);
        }
        Ok(())
    }

    async fn log(&self, log: v1::TaskLog) -> Result<(), Status> {
        let Some(task) = log.task.as_ref().map(task_ref) else {
            return Ok(());
        };
        if !self.is_mine(task).await? {
            return Ok(());
        }
        let (job, attempt, number) = (task.job.0, task.attempt, task.task);
        let kept = LogTask {
            job,
            attempt,
            task: number,
        };
        if let Err(error) = self.service.logs.append(kept, log.offset, log.data).await {
            tracing::error!(node = %self.node, %error, "log bytes are lost");
        }
        Ok(())
    }

    /// Before the job ends (a model that the library refuses is a failure): its outputs belong to its tenant, its model is in the library.
    async fn keep_outputs(
        &self,
        task: TaskRef,
        outputs: &HashMap<String, String>,
        model: Option<v1::ModelManifest>,
    ) -> Result<Result<(), Outcome>, Status> {
        let node = self.node.clone();
        let owned = self.service.core.ask(move |state, _| {
            let job = state.jobs().get(&task.job);
            let job = job.filter(|_| state.owns(task, &node));
            job.map(|job| job.tenant.0.clone())
        });
        let Some(tenant) = owned.await.map_err(|error| failure(&error))? else {
            return Ok(Ok(()));
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
                if let Err(error) = artifacts.grant(&owner, &digest, &name, task.job.0, now_ms) {
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
                let status = Status::from(error);
                let detail = zhisuan_proto::detail_of(&status).unwrap_or_default();
                return Ok(Err(Outcome::Failed {
                    exit_code: 0,
                    code: detail.code,
                    message: detail.message_zh,
                }));
            }
        }
        Ok(Ok(()))
    }

    async fn replica_ready(&self, up: v1::ReplicaReady) -> Result<Pending, Status> {
        let Some(task) = up.task.as_ref().map(task_ref) else {
            return Ok(nothing());
        };
        let node = self.node.clone();
        let owns = self
            .service
            .core
            .ask(move |state, _| state.owns(task, &node));
        if !owns.await.map_err(|error| failure(&error))? {
            return Ok(ready(Ok(vec![stop(task, "stale", self.service.stop_grace_ms)])).boxed());
        }
        let replica = ReadyReplica {
            address: self.replica_address.clone(),
            token: self.service.secret.replica_token(task),
            epoch: task.epoch.0,
            context_length: up.context_length,
            models: up.models,
            abilities: up.abilities,
        };
        self.service.deployments.ready(task.job.0, replica);
        Ok(nothing())
    }
}

fn nothing() -> Pending {
    ready(Ok(Vec::new())).boxed()
}

fn stop(task: TaskRef, reason: &str, grace_ms: u32) -> Order {
    Order::Stop(v1::Stop {
        task: Some(wire_task(task)),
        reason: reason.to_owned(),
        grace_ms,
    })
}
