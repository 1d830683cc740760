//! Carries out what left the core: orders to workers, news to watchers.

use crate::actor::{Core, Outgoing};
use crate::live::Live;
use crate::logs::{LogTask, Logs};
use crate::metrics::Metrics;
use crate::models::{Deployments, Models, ReplicaUpdate};
use crate::secret::ClusterSecret;
use crate::sessions::Sessions;
use crate::store::{Reads, StoredJob};
use crate::words;
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use zhisuan_core::{DeviceSlice, Effect, Event, Job, NodeName, Outcome, TaskRef, TaskReport};
use zhisuan_proto::v1::{self, job_spec::Work, scheduler_message::Message as Order};

pub(crate) struct Dispatcher {
    pub(crate) core: Core,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) sessions: Sessions,
    pub(crate) live: Live,
    pub(crate) logs: Logs,
    pub(crate) models: Models,
    pub(crate) deployments: Deployments,
    pub(crate) secret: ClusterSecret,
    pub(crate) metrics: Metrics,
    pub(crate) log_limit_bytes: u64,
    pub(crate) stop_grace_ms: u32,
}

impl Dispatcher {
    /// Runs until the actor is gone.
    pub(crate) async fn run(self, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
        while let Some(Outgoing { effects, serving }) = outgoing.recv().await {
            let assigned = effects.iter().filter_map(|effect| match effect {
                Effect::Assign { task, .. } => Some(task.job.0),
                _ => None,
            });
            let serving_ids = serving.iter().map(|job| job.id.0);
            let rows = self.rows(assigned.chain(serving_ids).collect()).await;
            for job in &serving {
                self.deployments
                    .seen(replica_update(job, rows.get(&job.id.0)));
            }
            for effect in effects {
                self.carry_out(effect, &rows).await;
            }
            self.metrics.workers.set(self.sessions.len() as i64);
        }
    }

    /// Rows of jobs, in one read for the whole batch.
    async fn rows(&self, ids: Vec<u64>) -> BTreeMap<u64, StoredJob> {
        if ids.is_empty() {
            return BTreeMap::new();
        }
        let reads = self.reads.clone();
        let rows = tokio::task::spawn_blocking(move || {
            let row = |id: &u64| match reads.job(*id) {
                Ok(row) => row,
                Err(error) => {
                    tracing::error!(%error, job = id, "a job row cannot be read");
                    None
                }
            };
            ids.iter()
                .filter_map(row)
                .map(|stored| (stored.job.id.0, stored))
                .collect()
        });
        rows.await.unwrap_or_default()
    }

    async fn carry_out(&self, effect: Effect, specs: &BTreeMap<u64, StoredJob>) {
        match effect {
            Effect::Assign { task, node, slices } => {
                let Some(stored) = specs.get(&task.job.0) else {
                    return self
                        .fail(task, "ZS-STORE", "its record cannot be read")
                        .await;
                };
                self.assign(task, &node, &slices, stored).await;
            }
            Effect::Stop { task, node, reason } => {
                let (reason, grace_ms) = (reason.to_owned(), self.stop_grace_ms);
                let stop = v1::Stop {
                    task: Some(wire_task(task)),
                    reason,
                    grace_ms,
                };
                self.sessions.order(&node.0, Order::Stop(stop));
            }
            Effect::JobChanged(id) => self.live.changed(id.0),
            Effect::JobEnded(job) => {
                tokio::spawn(close_logs(self.logs.clone(), job.clone()));
                self.live.ended(job.id.0);
            }
            Effect::Overclaimed {
                task,
                claimed_ms,
                passed_ms,
            } => {
                tracing::warn!(
                    ?task,
                    claimed_ms,
                    passed_ms,
                    "a worker claimed more time than has passed"
                );
            }
            Effect::NodeChanged(node) => tracing::info!(%node, "node changed"),
            Effect::TenantAdded(tenant) => tracing::info!(%tenant, "tenant added"),
            Effect::Posted(_)
            | Effect::Submitted { .. }
            | Effect::PricesPublished(_)
            | Effect::Authorized { .. }
            | Effect::Settled { .. } => {}
        }
    }

    async fn assign(
        &self,
        task: TaskRef,
        node: &NodeName,
        slices: &[DeviceSlice],
        stored: &StoredJob,
    ) {
        let Ok(spec) = v1::JobSpec::decode(stored.spec.as_slice()) else {
            return self
                .fail(task, "ZS-STORE", "its specification cannot be read")
                .await;
        };
        let names = model_names(&spec);
        let models = match self.models.resolve(&names, &stored.job.tenant.0) {
            Ok(models) => models,
            Err(status) => return self.fail(task, "ZS-MODEL-UNKNOWN", status.message()).await,
        };
        let serves = matches!(spec.work, Some(Work::Serve(_)));
        let assign = v1::Assign {
            task: Some(wire_task(task)),
            spec: Some(spec),
            tenant: stored.job.tenant.0.clone(),
            devices: slices.iter().map(|slice| slice.index).collect(),
            models,
            log_limit_bytes: self.log_limit_bytes,
            replica_token: if serves {
                self.secret.replica_token(task)
            } else {
                String::new()
            },
            checkpoint_sha256: stored
                .outputs
                .get("checkpoint")
                .cloned()
                .unwrap_or_default(),
        };
        if !self.sessions.order(&node.0, Order::Assign(assign)) {
            tracing::info!(?task, %node, "the node has no session; it gets the order when it registers");
        }
    }

    async fn fail(&self, task: TaskRef, code: &str, message: &str) {
        tracing::error!(?task, code, message, "a task cannot be started");
        let (code, message) = (code.to_owned(), message.to_owned());
        let outcome = Outcome::Failed {
            exit_code: 0,
            code,
            message,
        };
        let report = TaskReport { task, used_ms: 0 };
        if let Err(error) = self.core.apply(Event::TaskEnded { report, outcome }).await {
            tracing::warn!(%error, ?task, "its end was not taken");
        }
    }
}

/// A task whose worker was lost never said that it ended; its followers must not wait for ever.
async fn close_logs(logs: Logs, job: Box<Job>) {
    for attempt in &job.attempts {
        for task in 0..attempt.tasks.len() as u32 {
            let log = LogTask {
                job: job.id.0,
                attempt: attempt.number,
                task,
            };
            if let Err(error) = logs.close(log).await {
                tracing::error!(%error, "a log cannot be closed");
            }
        }
    }
}

/// Every model that the work names.
fn model_names(spec: &v1::JobSpec) -> Vec<String> {
    match &spec.work {
        Some(Work::Train(train)) => vec![train.base_model.clone()],
        Some(Work::Batch(batch)) => vec![batch.model.clone()],
        Some(Work::Serve(serve)) => std::iter::once(&serve.model)
            .chain(&serve.adapters)
            .cloned()
            .collect(),
        Some(Work::Command(_)) | None => Vec::new(),
    }
}

/// What the deployments must know of a job with serve work.
pub(crate) fn replica_update(job: &Job, row: Option<&StoredJob>) -> ReplicaUpdate {
    let spec = row.and_then(|row| v1::JobSpec::decode(row.spec.as_slice()).ok());
    let deployment = match spec.and_then(|spec| spec.work) {
        Some(Work::Serve(serve)) => serve.deployment,
        _ => String::new(),
    };
    let verdict = job
        .attempts
        .last()
        .and_then(|attempt| attempt.verdict.as_ref());
    let message = verdict
        .filter(|_| job.state.ended())
        .map(|verdict| words::verdict(verdict).text_zh);
    ReplicaUpdate {
        job_id: job.id.0,
        deployment,
        state: job.state,
        epoch: job.attempts.last().map_or(0, |attempt| attempt.epoch.0),
        message: message.unwrap_or_default(),
    }
}

pub(crate) fn wire_task(task: TaskRef) -> v1::TaskRef {
    v1::TaskRef {
        job_id: task.job.0,
        attempt: task.attempt,
        task: task.task,
        epoch: task.epoch.0,
    }
}
