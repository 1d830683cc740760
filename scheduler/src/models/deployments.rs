//! What is served: one handle, cheap to clone, and a loop that keeps replicas running.

use super::backend::Backend;
use super::deployment::Deployment;
use super::error::{ModelError, SharingError};
use super::port::{ReadyReplica, ReplicaPort, ReplicaUpdate};
use super::reconcile::Action;
use super::state::{Scaled, State};
use super::traffic::Traffic;
use crate::access::NowMs;
use crate::store::Records;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use zhisuan_proto::v1;

const KIND: &str = "deployment";
pub(super) const TRAFFIC: &str = "traffic";
pub(super) const BACKEND: &str = "backend";
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Inner {
    records: Arc<dyn Records>,
    pub(super) port: Arc<dyn ReplicaPort>,
    pub(super) now: NowMs,
    state: Mutex<State>,
    /// Held while jobs are submitted or cancelled and while anything is decided: one at a time.
    pub(super) acting: tokio::sync::Mutex<()>,
    pub(super) wake: Notify,
    routes: watch::Sender<Arc<v1::Routes>>,
}

/// Handle to the deployments.
#[derive(Clone)]
pub(crate) struct Deployments(pub(super) Arc<Inner>);

impl Deployments {
    /// Loads what shall be served. Blocks. Before [`Deployments::run`], tell every live job with
    /// serve work by [`Deployments::seen`], or replicas are started twice.
    pub(crate) fn open(
        records: Arc<dyn Records>,
        port: Arc<dyn ReplicaPort>,
        now: NowMs,
    ) -> Result<Self, ModelError> {
        let mut state = State::default();
        for deployment in load::<Deployment>(records.as_ref(), KIND)? {
            state.desired.insert(deployment.name.clone(), deployment);
        }
        for traffic in load::<Traffic>(records.as_ref(), TRAFFIC)? {
            state.traffic.insert(traffic.key(), traffic);
        }
        for backend in load::<Backend>(records.as_ref(), BACKEND)? {
            state.backends.insert(backend.name.clone(), backend);
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
        self.state().seen(update, (self.0.now)());
        self.publish();
        self.0.wake.notify_one();
    }

    /// A replica answers from now on; ignored when its attempt is over.
    pub(crate) fn ready(&self, job_id: u64, ready: ReadyReplica) {
        self.state().ready(job_id, ready, (self.0.now)());
        self.publish();
    }

    /// Serves what was planned. The first replica is submitted before anything is kept, so that a
    /// deployment that could never run or be paid is refused as a whole.
    pub(crate) async fn deploy(&self, wanted: Deployment) -> Result<v1::Deployment, Status> {
        let _acting = self.0.acting.lock().await;
        self.check_free(&wanted, None)?;
        self.check_priced(&wanted, &[]).await?;
        let spec = wanted.job_spec();
        let job_id = self.0.port.submit(wanted.payer().to_owned(), spec).await?;
        if let Err(error) = self.put(KIND, wanted.name.clone(), wanted.clone()).await {
            self.cancel(job_id).await;
            return Err(error.into());
        }
        let name = wanted.name.clone();
        {
            let mut state = self.state();
            state.failures.remove(&name);
            let scaled = Scaled::starting(wanted.replicas, (self.0.now)());
            state.scaled.insert(name.clone(), scaled);
            state.desired.insert(name.clone(), wanted);
            state.submitted(job_id, &name);
        }
        self.publish();
        self.0.wake.notify_one();
        self.get(&name)
    }

    /// Changes a deployment by `change`; its replicas follow. `tenant` `None` may change any.
    pub(crate) async fn update(
        &self,
        name: &str,
        tenant: Option<&str>,
        change: impl FnOnce(&Deployment) -> Result<Deployment, ModelError>,
    ) -> Result<v1::Deployment, Status> {
        let _acting = self.0.acting.lock().await;
        let old = self.owned(name, tenant)?;
        let new = change(&old)?;
        self.check_free(&new, Some(name))?;
        let served: Vec<&str> = old.served().collect();
        self.check_priced(&new, &served).await?;
        self.put(KIND, name.to_owned(), new.clone()).await?;
        {
            let mut state = self.state();
            let mine = |deployment: &str| deployment == name;
            for job in state.live.values_mut().filter(|job| mine(&job.deployment)) {
                job.told_at_ms = 0;
            }
            state.desired.insert(name.to_owned(), new);
        }
        self.publish();
        self.0.wake.notify_one();
        self.get(name)
    }

    /// Takes a deployment back; its replicas end. Refused while it carries traffic that others
    /// could. `tenant` `None` may take back any.
    pub(crate) async fn undeploy(
        &self,
        name: &str,
        tenant: Option<&str>,
    ) -> Result<v1::Deployment, Status> {
        let _acting = self.0.acting.lock().await;
        let found = self.owned(name, tenant)?;
        let members: Vec<_> = found
            .asked
            .iter()
            .filter_map(|asked| Some((asked.as_str(), found.member(asked)?)))
            .collect();
        self.check_idle(&members)?;
        self.delete(KIND, name).await?;
        let answer = {
            let mut state = self.state();
            state.desired.remove(name);
            state.failures.remove(name);
            state.stopping.insert(name.to_owned(), found.clone());
            let answer = state.describe(&found);
            state.forget_stopped();
            answer
        };
        self.drop_shares(name).await?;
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
        let shown = all.filter(visible).map(|one| {
            let mut shown = state.describe(one);
            if tenant.is_some_and(|tenant| tenant != one.tenant) {
                // How busy others keep it is not a caller's affair.
                shown.loads.clear();
            }
            shown
        });
        shown.collect()
    }

    /// The routes now and after every change.
    pub(crate) fn routes(&self) -> watch::Receiver<Arc<v1::Routes>> {
        self.0.routes.subscribe()
    }

    /// One look at what is missing or too much, and what to do about it.
    pub(super) async fn reconcile_once(&self) {
        let _acting = self.0.acting.lock().await;
        let now_ms = (self.0.now)();
        let told = Arc::clone(&self.0.routes.borrow());
        let actions = self.state().plan(&told.routes, now_ms);
        for action in actions {
            match action {
                Action::Leave { job_id } => self.leave(job_id, now_ms),
                Action::Cancel { job_id } => {
                    self.leave(job_id, now_ms);
                    self.cancel(job_id).await;
                }
                Action::SubmitReplica { deployment } => self.submit(&deployment).await,
                Action::Tell { job_id, deployment } => self.tell(job_id, &deployment, now_ms).await,
            }
        }
        self.publish();
    }

    /// Out of the routes, before anything else happens to it.
    fn leave(&self, job_id: u64, now_ms: i64) {
        self.state().leave(job_id, now_ms);
        self.publish();
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

    async fn tell(&self, job_id: u64, name: &str, now_ms: i64) {
        let work = {
            let mut state = self.state();
            if let Some(job) = state.live.get_mut(&job_id) {
                job.told_at_ms = now_ms;
            }
            state.desired.get(name).map(Deployment::work)
        };
        let Some(work) = work else { return };
        if let Err(status) = self.0.port.tell(job_id, work).await {
            let message = status.message();
            tracing::warn!(
                job_id,
                message,
                "a replica could not be told what it serves"
            );
        }
    }

    fn owned(&self, name: &str, tenant: Option<&str>) -> Result<Deployment, ModelError> {
        let found = self.state().desired.get(name).cloned();
        found
            .filter(|found| tenant.is_none_or(|tenant| tenant == found.tenant))
            .ok_or_else(|| ModelError::DeploymentUnknown(name.to_owned()))
    }

    /// Refuses names that others serve; `before` is the deployment that it replaces.
    fn check_free(&self, wanted: &Deployment, before: Option<&str>) -> Result<(), ModelError> {
        let state = self.state();
        let others = state.desired.values().chain(state.stopping.values());
        let mut others = others.filter(|known| before != Some(known.name.as_str()));
        let taken = others.find_map(|known| wanted.clash(known));
        let taken = taken.or_else(|| {
            let mut backends = state.backends.values();
            backends.find_map(|backend| wanted.clash_with(backend))
        });
        match taken {
            Some(name) => Err(ModelError::DeploymentExists(name.to_owned())),
            None => Ok(()),
        }
    }

    /// Refuses what carries traffic that others would have to take over.
    pub(super) fn check_idle(
        &self,
        members: &[(&str, super::traffic::Member)],
    ) -> Result<(), ModelError> {
        let state = self.state();
        let mut members = members.iter();
        match members.find(|(name, member)| state.carries(member, name)) {
            Some((name, member)) => Err(SharingError::CarriesTraffic {
                deployment: member.deployment.clone(),
                model: (*name).to_owned(),
            }
            .into()),
            None => Ok(()),
        }
    }

    pub(super) async fn put<T: Serialize + Send + 'static>(
        &self,
        kind: &'static str,
        id: String,
        record: T,
    ) -> Result<(), ModelError> {
        let records = Arc::clone(&self.0.records);
        let put = move || {
            let json = serde_json::to_string(&record).map_err(|cause| ModelError::Damaged {
                id: id.clone(),
                cause,
            })?;
            Ok(records.put(kind, &id, &json)?)
        };
        tokio::task::spawn_blocking(put).await?
    }

    pub(super) async fn delete(&self, kind: &'static str, id: &str) -> Result<(), ModelError> {
        let (records, id) = (Arc::clone(&self.0.records), id.to_owned());
        let deleted = tokio::task::spawn_blocking(move || records.delete(kind, &id)).await?;
        Ok(deleted?)
    }

    fn get(&self, name: &str) -> Result<v1::Deployment, Status> {
        let state = self.state();
        let found = state.desired.get(name).map(|found| state.describe(found));
        found.ok_or_else(|| ModelError::DeploymentUnknown(name.to_owned()).into())
    }

    /// Tells the routes when they differ from those told last.
    pub(super) fn publish(&self) {
        let state = self.state();
        let now = state.routes((self.0.now)());
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn load<T: DeserializeOwned>(
    records: &dyn Records,
    kind: &'static str,
) -> Result<Vec<T>, ModelError> {
    let read = |(id, json): (String, String)| {
        serde_json::from_str(&json).map_err(|cause| ModelError::Damaged { id, cause })
    };
    records.all(kind)?.into_iter().map(read).collect()
}
