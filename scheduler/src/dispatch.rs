//! Carries out what left the core: orders to workers, news to watchers.

use crate::actor::{Core, Outgoing};
use crate::live::Live;
use crate::logs::Logs;
use crate::metrics::Metrics;
use crate::models::Models;
use crate::secret::ClusterSecret;
use crate::sessions::Sessions;
use crate::store::{Reads, StoredJob};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use zhisuan_core::{DeviceSlice, Effect, Event, NodeName, Outcome, TaskRef, TaskReport};
use zhisuan_proto::v1::{self, job_spec::Work, scheduler_message::Message as Order};

pub(crate) struct Dispatcher {
    pub(crate) core: Core,
    pub(crate) reads: Arc<dyn Reads>,
    pub(crate) sessions: Sessions,
    pub(crate) live: Live,
    pub(crate) logs: Logs,
    pub(crate) models: Models,
    pub(crate) secret: ClusterSecret,
    pub(crate) metrics: Metrics,
    pub(crate) log_limit_bytes: u64,
    pub(crate) stop_grace_ms: u32,
}

impl Dispatcher {
    /// Runs until the actor is gone.
    pub(crate) async fn run(self, mut outgoing: mpsc::UnboundedReceiver<Outgoing>) {
        while let Some(orders) = outgoing.recv().await {
            let specs = self.specs_of(&orders).await;
            for effect in orders {
                self.carry_out(effect, &specs).await;
            }
            self.metrics.workers.set(self.sessions.len() as i64);
        }
    }

    /// Rows of the jobs that are assigned, in one read for the whole batch.
    async fn specs_of(&self, orders: &Outgoing) -> BTreeMap<u64, StoredJob> {
        let assigned = orders.iter().filter_map(|effect| match effect {
            Effect::Assign { task, .. } => Some(task.job.0),
            _ => None,
        });
        let ids: Vec<u64> = assigned.collect();
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
            ids.iter().filter_map(row).map(|stored| (stored.job.id.0, stored)).collect()
        });
        rows.await.unwrap_or_default()
    }

    async fn carry_out(&self, effect: Effect, specs: &BTreeMap<u64, StoredJob>) {
        match effect {
            Effect::Assign { task, node, slices } => {
                let Some(stored) = specs.get(&task.job.0) else {
                    return self.fail(task, "ZS-STORE", "its record cannot be read").await;
                };
                self.assign(task, &node, &slices, stored).await;
            }
            Effect::Stop { task, node, reason } => {
                let (reason, grace_ms) = (reason.to_owned(), self.stop_grace_ms);
                let stop = v1::Stop { task: Some(wire_task(task)), reason, grace_ms };
                self.sessions.order(&node.0, Order::Stop(stop));
                self.models.replica_gone(task.job.0);
            }
            Effect::JobChanged(id) => self.live.changed(id.0),
            Effect::JobEnded(job) => {
                self.logs.close(job.id.0);
                self.models.job_ended(job.id.0);
                self.live.ended(job.id.0);
            }
            Effect::Overclaimed { task, claimed_ms, passed_ms } => {
                tracing::warn!(?task, claimed_ms, passed_ms, "a worker claimed more time than has passed");
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

    async fn assign(&self, task: TaskRef, node: &NodeName, slices: &[DeviceSlice], stored: &StoredJob) {
        let Ok(spec) = v1::JobSpec::decode(stored.spec.as_slice()) else {
            return self.fail(task, "ZS-STORE", "its specification cannot be read").await;
        };
        let names = model_names(&spec);
        let models = match self.models.resolve(&names, &stored.job.tenant.0).await {
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
            replica_token: if serves { self.secret.replica_token(task) } else { String::new() },
            checkpoint_sha256: stored.outputs.get("checkpoint").cloned().unwrap_or_default(),
        };
        if !self.sessions.order(&node.0, Order::Assign(assign)) {
            tracing::info!(?task, %node, "the node has no session; it gets the order when it registers");
        }
    }

    async fn fail(&self, task: TaskRef, code: &str, message: &str) {
        tracing::error!(?task, code, message, "a task cannot be started");
        let (code, message) = (code.to_owned(), message.to_owned());
        let outcome = Outcome::Failed { exit_code: 0, code, message };
        let report = TaskReport { task, used_ms: 0 };
        if let Err(error) = self.core.apply(Event::TaskEnded { report, outcome }).await {
            tracing::warn!(%error, ?task, "its end was not taken");
        }
    }
}

/// Every model that the work names.
fn model_names(spec: &v1::JobSpec) -> Vec<String> {
    match &spec.work {
        Some(Work::Train(train)) => vec![train.base_model.clone()],
        Some(Work::Batch(batch)) => vec![batch.model.clone()],
        Some(Work::Serve(serve)) => {
            std::iter::once(&serve.model).chain(&serve.adapters).cloned().collect()
        }
        Some(Work::Command(_)) | None => Vec::new(),
    }
}

pub(crate) fn wire_task(task: TaskRef) -> v1::TaskRef {
    v1::TaskRef { job_id: task.job.0, attempt: task.attempt, task: task.task, epoch: task.epoch.0 }
}
