//! What is wanted, what runs, and what is asked for: the state behind the deployments' handle.

use super::backend::Backend;
use super::demand::DemandBook;
use super::deployment::Deployment;
use super::port::{ReadyReplica, ReplicaUpdate};
use super::reconcile::{Action, Failures, ReplicaJob, reconcile};
use super::routes::{Sight, routes};
use super::scale::{History, Seen, scale};
use super::traffic::{Member, Traffic, key, weights};
use std::collections::{BTreeMap, BTreeSet};
use zhisuan_core::JobState;
use zhisuan_proto::v1;

/// Ended jobs that are remembered, so that a late answer of a submission revives none.
const REMEMBERED: usize = 1000;
/// After so many failures in a row requests are not let wait for a replica, between two tries.
const HOPELESS: u32 = 3;

/// What follows demand.
#[derive(Debug)]
pub(super) struct Scaled {
    history: History,
    /// How many replicas there should be.
    pub(super) wanted: u32,
    /// Requests that run or wait.
    pub(super) inflight: u64,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) desired: BTreeMap<String, Deployment>,
    /// Taken back, until the last replica has ended.
    pub(super) stopping: BTreeMap<String, Deployment>,
    pub(super) backends: BTreeMap<String, Backend>,
    /// By [`key`].
    pub(super) traffic: BTreeMap<String, Traffic>,
    pub(super) demand: DemandBook,
    pub(super) scaled: BTreeMap<String, Scaled>,
    pub(super) live: BTreeMap<u64, ReplicaJob>,
    /// What replicas said last of what they do, by job.
    pub(super) loads: BTreeMap<u64, v1::ReplicaLoad>,
    ended: BTreeSet<u64>,
    pub(super) failures: BTreeMap<String, Failures>,
}

impl State {
    pub(super) fn submitted(&mut self, job_id: u64, deployment: &str) {
        if self.ended.contains(&job_id) {
            return;
        }
        self.live
            .entry(job_id)
            .or_insert_with(|| new_job(job_id, deployment));
    }

    /// Takes news of a job in.
    pub(super) fn seen(&mut self, update: ReplicaUpdate, now_ms: i64) {
        if update.state.ended() {
            self.end(update, now_ms);
        } else if !self.ended.contains(&update.job_id) {
            self.change(&update);
        }
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

    /// A replica answers; ignored when its attempt is over or it is on its way out.
    pub(super) fn ready(&mut self, job_id: u64, ready: ReadyReplica, now_ms: i64) {
        if let Some(job) = self.live.get_mut(&job_id)
            && job.epoch <= ready.epoch
            && job.stays()
        {
            if job.ready.is_none() || job.epoch < ready.epoch {
                job.ready_since_ms = now_ms;
            }
            job.epoch = ready.epoch;
            job.ready = Some(ready);
        }
    }

    fn end(&mut self, update: ReplicaUpdate, now_ms: i64) {
        self.loads.remove(&update.job_id);
        if !self.ended.insert(update.job_id) {
            return;
        }
        while self.ended.len() > REMEMBERED {
            self.ended.pop_first();
        }
        let job = self.live.remove(&update.job_id);
        // A replica that was sent away did not fail.
        let sent_away = job
            .as_ref()
            .is_some_and(|job| job.leaving_since_ms.is_some());
        if self.desired.contains_key(&update.deployment) && !sent_away {
            let failures = self.failures.entry(update.deployment).or_default();
            failures.add(job.as_ref(), update.message, now_ms);
        }
        self.forget_stopped();
    }

    pub(super) fn forget_stopped(&mut self) {
        let live = &self.live;
        self.stopping
            .retain(|name, _| live.values().any(|job| job.deployment == *name));
    }

    /// It leaves the routes, and is cancelled a moment later.
    pub(super) fn leave(&mut self, job_id: u64, now_ms: i64) {
        if let Some(job) = self.live.get_mut(&job_id) {
            job.leaving_since_ms = Some(now_ms);
            job.ready = None;
        }
    }

    pub(super) fn jobs_of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a ReplicaJob> {
        self.live.values().filter(move |job| job.deployment == name)
    }

    /// Replicas that there should be.
    pub(super) fn wanted(&self, deployment: &Deployment) -> u32 {
        let scaled = self.scaled.get(&deployment.name);
        let follows = scaled.filter(|_| deployment.autoscale.is_some());
        follows.map_or(deployment.replicas, |scaled| scaled.wanted)
    }

    /// What must be done now. `told` are the routes as gateways know them.
    pub(super) fn plan(&mut self, told: &[v1::Route], now_ms: i64) -> Vec<Action> {
        self.rescale(told, now_ms);
        let live: Vec<ReplicaJob> = self.live.values().cloned().collect();
        let wanted = self.scaled.iter();
        let wanted = wanted.map(|(name, scaled)| (name.clone(), scaled.wanted));
        let wanted: BTreeMap<String, u32> = wanted.collect();
        reconcile(&self.desired, &wanted, &live, &self.failures, now_ms)
    }

    fn rescale(&mut self, told: &[v1::Route], now_ms: i64) {
        self.demand.forget(now_ms);
        let demand = self.demand.by_deployment(told);
        let follows = |name: &String| {
            let deployment = self.desired.get(name);
            deployment.is_some_and(|deployment| deployment.autoscale.is_some())
        };
        self.scaled.retain(|name, _| follows(name));
        for (name, deployment) in &self.desired {
            let Some(rule) = deployment.autoscale else {
                continue;
            };
            let mine = || self.live.values().filter(|job| job.deployment == *name);
            let placed = |job: &&ReplicaJob| {
                job.stays() && job.state != JobState::Queued && job.ready.is_none()
            };
            let seen = Seen {
                inflight: demand.get(name).copied().unwrap_or(0),
                loading: mine().filter(placed).count() as u32,
            };
            let running = mine().filter(|job| job.stays()).count() as u32;
            let scaled = self
                .scaled
                .entry(name.clone())
                .or_insert_with(|| Scaled::starting(running, now_ms));
            scaled.inflight = seen.inflight;
            scaled.wanted = scale(rule, &mut scaled.history, seen, now_ms);
        }
    }

    /// The routes as they should be told now.
    pub(super) fn routes(&self, now_ms: i64) -> Vec<v1::Route> {
        let live: Vec<ReplicaJob> = self.live.values().cloned().collect();
        let hopeless =
            |failures: &Failures| failures.count >= HOPELESS && failures.next_at_ms() > now_ms;
        let failing = self.failures.iter();
        let failing = failing.filter(|(_, failures)| hopeless(failures));
        routes(&Sight {
            desired: &self.desired,
            backends: &self.backends,
            traffic: &self.traffic,
            live: &live,
            failing: &failing.map(|(name, _)| name.clone()).collect(),
        })
    }

    /// Everything that asked for a name, for whatever callers.
    pub(super) fn members(&self, name: &str) -> Vec<Member> {
        let deployments = self.desired.values();
        let deployments = deployments.filter_map(|deployment| deployment.member(name));
        let backends = self.backends.values();
        deployments
            .chain(backends.filter_map(|backend| backend.member(name)))
            .collect()
    }

    /// Whether something carries traffic of a name that others would serve without it.
    pub(super) fn carries(&self, who: &Member, name: &str) -> bool {
        let mut members = self.members(name);
        members.retain(|member| member.callers == who.callers);
        let all = weights(&members, self.traffic.get(&key(&who.callers, name)));
        let mut each = members.iter().zip(all);
        members.len() > 1
            && each.any(|(member, weight)| member.deployment == who.deployment && weight > 0)
    }
}

impl Scaled {
    /// What runs counts as needed until now.
    pub(super) fn starting(replicas: u32, now_ms: i64) -> Self {
        Self {
            history: History::starting(replicas, now_ms),
            wanted: replicas,
            inflight: 0,
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
        leaving_since_ms: None,
        told_at_ms: 0,
    }
}
