//! From what shall be served and what runs to what must be done. Pure.

use super::deployment::Deployment;
use super::port::ReadyReplica;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use zhisuan_core::JobState;

const FIRST_PAUSE_MS: i64 = 1_000;
const LONGEST_PAUSE_MS: i64 = 300_000;
/// A replica that was ready this long was no failed start.
const STABLE_MS: i64 = 60_000;
/// Between a replica's leaving the routes and its stop: gateways hear of it meanwhile.
const LEAVE_MS: i64 = 1_000;
/// Between two times that a replica is told what it serves.
const TELL_MS: i64 = 30_000;

/// A replica's job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplicaJob {
    pub(crate) job_id: u64,
    pub(crate) deployment: String,
    pub(crate) state: JobState,
    pub(crate) epoch: u64,
    pub(crate) ready: Option<ReadyReplica>,
    pub(crate) ready_since_ms: i64,
    /// When it left the routes, to be stopped soon.
    pub(crate) leaving_since_ms: Option<i64>,
    /// When it was last told what it serves.
    pub(crate) told_at_ms: i64,
}

impl ReplicaJob {
    /// It is neither ending nor leaving.
    pub(crate) fn stays(&self) -> bool {
        self.goes_on() && self.leaving_since_ms.is_none()
    }

    fn goes_on(&self) -> bool {
        self.state != JobState::Stopping && !self.state.ended()
    }

    /// It answers, but not for the names that it should.
    pub(crate) fn is_behind(&self, deployment: &Deployment) -> bool {
        self.ready.as_ref().is_some_and(|ready| {
            let has: BTreeSet<&str> = ready.models.iter().map(String::as_str).collect();
            has != deployment.served().collect()
        })
    }
}

/// Replicas of a deployment that ended, or could not be submitted, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failures {
    pub(crate) count: u32,
    pub(crate) last_at_ms: i64,
    /// Why the last one ended, in Chinese.
    pub(crate) message: String,
}

impl Failures {
    /// Counts one more; a replica that had been stable starts the count anew.
    pub(crate) fn add(&mut self, job: Option<&ReplicaJob>, message: String, now_ms: i64) {
        let stable = |job: &ReplicaJob| {
            job.ready.is_some() && now_ms.saturating_sub(job.ready_since_ms) >= STABLE_MS
        };
        if job.is_some_and(stable) {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last_at_ms = now_ms;
        self.message = message;
    }

    /// When the next try may be made: the pause doubles with every failure.
    pub(crate) fn next_at_ms(&self) -> i64 {
        if self.count == 0 {
            return self.last_at_ms;
        }
        let doublings = (self.count - 1).min(20);
        let pause = (FIRST_PAUSE_MS << doublings).min(LONGEST_PAUSE_MS);
        self.last_at_ms.saturating_add(pause)
    }
}

/// What must be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    SubmitReplica {
        deployment: String,
    },
    /// Take it out of the routes; it is cancelled a moment later.
    Leave {
        job_id: u64,
    },
    Cancel {
        job_id: u64,
    },
    /// Tell a replica what it serves now.
    Tell {
        job_id: u64,
        deployment: String,
    },
}

/// What must be done now, by deployment and job. `scaled` holds how many replicas those that
/// follow demand should have. Doing it twice does no harm: what was done shows in `live` the next
/// time.
pub(crate) fn reconcile(
    desired: &BTreeMap<String, Deployment>,
    scaled: &BTreeMap<String, u32>,
    live: &[ReplicaJob],
    failures: &BTreeMap<String, Failures>,
    now_ms: i64,
) -> Vec<Action> {
    let mut actions = Vec::new();
    for job in live.iter().filter(|job| job.goes_on()) {
        let left = job
            .leaving_since_ms
            .is_some_and(|since| now_ms.saturating_sub(since) >= LEAVE_MS);
        if left || !desired.contains_key(&job.deployment) {
            actions.push(Action::Cancel { job_id: job.job_id });
        }
    }
    for (name, deployment) in desired {
        let mut jobs: Vec<&ReplicaJob> = live
            .iter()
            .filter(|job| job.stays() && job.deployment == *name)
            .collect();
        let wanted = scaled.get(name).copied().unwrap_or(deployment.replicas) as usize;
        // Those that answer stay, then the oldest.
        jobs.sort_by_key(|job| (Reverse(job.ready.is_some()), job.job_id));
        actions.extend(jobs.iter().skip(wanted).map(|job| {
            let job_id = job.job_id;
            if job.ready.is_some() {
                Action::Leave { job_id }
            } else {
                Action::Cancel { job_id }
            }
        }));
        let behind = jobs.iter().take(wanted).filter(|job| {
            job.is_behind(deployment) && now_ms.saturating_sub(job.told_at_ms) >= TELL_MS
        });
        actions.extend(behind.map(|job| Action::Tell {
            job_id: job.job_id,
            deployment: name.clone(),
        }));
        let may_try = failures
            .get(name)
            .is_none_or(|failures| failures.next_at_ms() <= now_ms);
        if may_try {
            let missing = wanted.saturating_sub(jobs.len());
            let submit = || Action::SubmitReplica {
                deployment: name.clone(),
            };
            actions.extend(std::iter::repeat_with(submit).take(missing));
        }
    }
    actions
}
