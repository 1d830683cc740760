//! What is served: one handle, cheap to clone, and a loop that keeps replicas running.

use super::deployment::Deployment;
use super::error::ModelError;
use super::port::{ReadyReplica, ReplicaPort, ReplicaUpdate};
use super::reconcile::{Action, Failures, ReplicaJob, reconcile};
use super::routes::routes;
use crate::access::NowMs;
use crate::store::Records;
use crate::words::Sentence;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use zhisuan_core::JobState;
use zhisuan_proto::v1;

const KIND: &str = "deployment";
const TICK: Duration = Duration::from_secs(1);
/// Ended jobs that are remembered, so that a late answer of a submission revives none.
const REMEMBERED: usize = 1000;

#[derive(Default)]
struct State {
    desired: BTreeMap<String, Deployment>,
    /// Taken back, until the last replica has ended.
    stopping: BTreeMap<String, Deployment>,
    live: BTreeMap<u64, ReplicaJob>,
    ended: BTreeSet<u64>,
    failures: BTreeMap<String, Failures>,
}

struct Inner {
    records: Arc<dyn Records>,
    port: Arc<dyn ReplicaPort>,
    now: NowMs,
    state: Mutex<State>,
    /// Held while jobs are submitted or cancelled: one decision at a time.
    acting: tokio::sync::Mutex<()>,
    wake: Notify,
    routes: watch::Sender<Arc<v1::Routes>>,
}

/// Handle to the deployments.
#[derive(Clone)]
pub(crate) struct Deployments(Arc<Inner>);

impl Deployments {
    /// Loads what shall be served. Blocks. Before [`Deployments::run`], tell every live job with
    /// serve work by [`Deployments::seen`], or replicas are started twice.
    pub(crate) fn open(
        records: Arc<dyn Records>,
        port: Arc<dyn ReplicaPort>,
        now: NowMs,
    ) -> Result<Self, ModelError> {
        let mut state = State::default();
        for (id, json) in records.all(KIND)? {
            let deployment: Deployment =
                serde_json::from_str(&json).map_err(|cause| ModelError::Damaged { id, cause })?;
            state.desired.insert(deployment.name.clone(), deployment);
        }
        let this = Self(Arc::new(Inner {
            records,
            port,
            now,
            state: Mutex::new(state),
            acting: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
            routes: watch::Sender::new(Arc::default()),
        }));
        this.publish();
        Ok(this)
    }

    /// Keeps the replicas running until `drain` is cancelled; the replicas themselves go on.
    pub(crate) async fn run(self, drain: CancellationToken) {
        loop {
            self.reconcile_once().await;
            tokio::select! {
                () = drain.cancelled() => return,
                () = self.0.wake.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Takes news of a job with serve work; news of ended jobs count as failures of what is still
    /// wanted.
    pub(crate) fn seen(&self, update: ReplicaUpdate) {
        {
            let mut state = self.state();
            if update.state.ended() {
                state.end(update, (self.0.now)());
            } else if !state.ended.contains(&update.job_id) {
                state.change(&update);
            }
        }
        self.publish();
        self.0.wake.notify_one();
    }

    /// A replica answers from now on; ignored when its attempt is over.
    pub(crate) fn ready(&self, job_id: u64, ready: ReadyReplica) {
        if let Some(job) = self.state().live.get_mut(&job_id)
            && job.epoch <= ready.epoch
            && job.state != JobState::Stopping
        {
            job.epoch = ready.epoch;
            job.ready_since_ms = (self.0.now)();
            job.ready = Some(ready);
        }
        self.publish();
    }

    /// Serves what was planned. The first replica is submitted before anything is kept, so that a
    /// deployment that could never run or be paid is refused as a whole.
    pub(crate) async fn deploy(&self, wanted: Deployment) -> Result<v1::Deployment, Status> {
        let _acting = self.0.acting.lock().await;
        self.check_free(&wanted)?;
        let spec = wanted.job_spec();
        let job_id = self.0.port.submit(wanted.payer().to_owned(), spec).await?;
        if let Err(error) = self.store(wanted.clone()).await {
            self.cancel(job_id).await;
            return Err(error.into());
        }
        let name = wanted.name.clone();
        {
            let mut state = self.state();
            state.failures.remove(&name);
            state.desired.insert(name.clone(), wanted);
            state.submitted(job_id, &name);
        }
        self.publish();
        self.0.wake.notify_one();
        self.get(&name)
    }

    /// Takes a deployment back; its replicas end. `tenant` `None` may take back any.
    pub(crate) async fn undeploy(
        &self,
        name: &str,
        tenant: Option<&str>,
    ) -> Result<v1::Deployment, Status> {
        let _acting = self.0.acting.lock().await;
        let unknown = || ModelError::DeploymentUnknown(name.to_owned());
        let found = self.state().desired.get(name).cloned();
        let found = found
            .filter(|found| tenant.is_none_or(|tenant| tenant == found.tenant))
            .ok_or_else(unknown)?;
        let (records, id) = (Arc::clone(&self.0.records), name.to_owned());
        let deleted = tokio::task::spawn_blocking(move || records.delete(KIND, &id)).await;
        deleted
            .map_err(ModelError::from)?
            .map_err(ModelError::from)?;
        let answer = {
            let mut state = self.state();
            state.desired.remove(name);
            state.failures.remove(name);
            state.stopping.insert(name.to_owned(), found.clone());
            let answer = state.describe(&found);
            state.forget_stopped();
            answer
        };
        self.publish();
        self.0.wake.notify_one();
        Ok(answer)
    }

    /// Those of a tenant and those that everybody may call; `None` sees all.
    pub(crate) fn list(&self, tenant: Option<&str>) -> Vec<v1::Deployment> {
        let visible = |one: &&Deployment| {
            tenant.is_none_or(|tenant| {
                one.tenant == tenant || one.callers == tenant || one.callers.is_empty()
            })
        };
        let state = self.state();
        let all = state.desired.values().chain(state.stopping.values());
        all.filter(visible).map(|one| state.describe(one)).collect()
    }

    /// The routes now and after every change.
    pub(crate) fn routes(&self) -> watch::Receiver<Arc<v1::Routes>> {
        self.0.routes.subscribe()
    }

    /// One look at what is missing or too much, and what to do about it.
    pub(super) async fn reconcile_once(&self) {
        let _acting = self.0.acting.lock().await;
        let actions = {
            let state = self.state();
            let live: Vec<ReplicaJob> = state.live.values().cloned().collect();
            reconcile(&state.desired, &live, &state.failures, (self.0.now)())
        };
        for action in actions {
            match action {
                Action::Cancel { job_id } => self.cancel(job_id).await,
                Action::SubmitReplica { deployment } => self.submit(&deployment).await,
            }
        }
    }

    async fn submit(&self, name: &str) {
        let Some(deployment) = self.state().desired.get(name).cloned() else {
            return;
        };
        let spec = deployment.job_spec();
        let answer = self
            .0
            .port
            .submit(deployment.payer().to_owned(), spec)
            .await;
        let mut state = self.state();
        match answer {
            Ok(job_id) => state.submitted(job_id, name),
            Err(status) => {
                tracing::warn!(
                    deployment = name,
                    message = status.message(),
                    "no replica could be submitted"
                );
                let message = zhisuan_proto::detail_of(&status).map(|detail| detail.message_zh);
                let message = message.unwrap_or_else(|| status.message().to_owned());
                let failures = state.failures.entry(name.to_owned()).or_default();
                failures.add(None, message, (self.0.now)());
            }
        }
    }

    async fn cancel(&self, job_id: u64) {
        if let Err(status) = self.0.port.cancel(job_id).await {
            // The next look tries again.
            tracing::warn!(
                job_id,
                message = status.message(),
                "a replica could not be cancelled"
            );
        }
    }

    fn check_free(&self, wanted: &Deployment) -> Result<(), ModelError> {
        let state = self.state();
        let mut all = state.desired.values().chain(state.stopping.values());
        match all.find_map(|known| wanted.clash(known)) {
            Some(name) => Err(ModelError::DeploymentExists(name.to_owned())),
            None => Ok(()),
        }
    }

    async fn store(&self, deployment: Deployment) -> Result<(), ModelError> {
        let records = Arc::clone(&self.0.records);
        let put = move || {
            let id = deployment.name.clone();
            let json = serde_json::to_string(&deployment).map_err(|cause| ModelError::Damaged {
                id: id.clone(),
                cause,
            })?;
            Ok(records.put(KIND, &id, &json)?)
        };
        tokio::task::spawn_blocking(put).await?
    }

    fn get(&self, name: &str) -> Result<v1::Deployment, Status> {
        let state = self.state();
        let found = state.desired.get(name).map(|found| state.describe(found));
        found.ok_or_else(|| ModelError::DeploymentUnknown(name.to_owned()).into())
    }

    /// Tells the routes when they differ from those told last.
    fn publish(&self) {
        let state = self.state();
        let live: Vec<ReplicaJob> = state.live.values().cloned().collect();
        let now = routes(&state.desired, &live);
        // Still under the lock, so that an older state never comes after a newer one.
        self.0.routes.send_if_modified(|told| {
            let changed = told.routes != now || told.revision == 0;
            if changed {
                *told = Arc::new(v1::Routes {
                    routes: now,
                    revision: told.revision + 1,
                });
            }
            changed
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn submitted(&mut self, job_id: u64, deployment: &str) {
        if self.ended.contains(&job_id) {
            return;
        }
        self.live
            .entry(job_id)
            .or_insert_with(|| new_job(job_id, deployment));
    }

    fn change(&mut self, update: &ReplicaUpdate) {
        let job = self
            .live
            .entry(update.job_id)
            .or_insert_with(|| new_job(update.job_id, &update.deployment));
        job.state = update.state;
        // Another attempt, or one that is not up or going down: what was ready is not any more.
        let up = matches!(update.state, JobState::Starting | JobState::Running);
        if update.epoch != job.epoch || !up {
            job.ready = None;
        }
        job.epoch = update.epoch;
    }

    fn end(&mut self, update: ReplicaUpdate, now_ms: i64) {
        if !self.ended.insert(update.job_id) {
            return;
        }
        while self.ended.len() > REMEMBERED {
            self.ended.pop_first();
        }
        let job = self.live.remove(&update.job_id);
        if self.desired.contains_key(&update.deployment) {
            let failures = self.failures.entry(update.deployment).or_default();
            failures.add(job.as_ref(), update.message, now_ms);
        }
        self.forget_stopped();
    }

    fn forget_stopped(&mut self) {
        let live = &self.live;
        self.stopping
            .retain(|name, _| live.values().any(|job| job.deployment == *name));
    }

    fn describe(&self, deployment: &Deployment) -> v1::Deployment {
        let jobs = || {
            self.live
                .values()
                .filter(|job| job.deployment == deployment.name)
        };
        let ready = jobs().filter(|job| job.ready.is_some()).count() as u32;
        let wanted = self.desired.contains_key(&deployment.name);
        let state = match ready {
            _ if !wanted => "stopping",
            0 => "starting",
            ready if ready < deployment.replicas => "degraded",
            _ => "ready",
        };
        let failures = self.failures.get(&deployment.name);
        let failures = failures.filter(|_| wanted && ready < deployment.replicas);
        v1::Deployment {
            name: deployment.name.clone(),
            tenant: deployment.tenant.clone(),
            models: deployment.models.clone(),
            replicas: deployment.replicas,
            ready,
            metering: deployment.metering().into(),
            job_ids: jobs().map(|job| job.job_id).collect(),
            state: state.to_owned(),
            reason: failures.map(reason),
            created_at_ms: deployment.created_at_ms,
            ..v1::Deployment::default()
        }
    }
}

fn new_job(job_id: u64, deployment: &str) -> ReplicaJob {
    ReplicaJob {
        job_id,
        deployment: deployment.to_owned(),
        state: JobState::Queued,
        epoch: 0,
        ready: None,
        ready_since_ms: 0,
    }
}

fn reason(failures: &Failures) -> v1::Reason {
    let Failures { count, message, .. } = failures;
    Sentence::new(
        "replica_failed",
        format!("副本已连续失败 {count} 次，会自动重试；最近一次：{message}"),
        format!("replicas failed {count} times in a row and are tried again; last: {message}"),
    )
    .number("failures", *count)
    .number("next_try_at_ms", failures.next_at_ms())
    .reason()
}
