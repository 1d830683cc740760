//! Leases, heartbeats and what becomes due. Soft state: a heartbeat is not an event, what follows
//! from it (a slice of usage, a lost node) is.

use crate::{Event, JobId, Millis, NodeName, State, TaskRef, TaskReport, TaskRun};
use std::collections::BTreeMap;

/// Time that an attempt may take to start, beside its limit.
const PREPARE_MS: u64 = 3_600_000;

/// One sign of life of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Which node.
    pub node: NodeName,
    /// What it runs.
    pub running: Vec<TaskReport>,
}

/// What follows from a heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Whether the node has a lease; one that has none must register again.
    pub known: bool,
    /// Events that are due.
    pub events: Vec<Event>,
    /// Tasks that the worker should not be running.
    pub stop: Vec<(TaskRef, &'static str)>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Leases {
    by_node: BTreeMap<NodeName, Lease>,
}

#[derive(Clone, Debug)]
struct Lease {
    until: Millis,
    /// Usage at the last heartbeat.
    confirmed: BTreeMap<(JobId, u32), TaskReport>,
}

impl Leases {
    pub(crate) fn renew(&mut self, node: &NodeName, until: Millis) {
        let fresh = || Lease {
            until,
            confirmed: BTreeMap::new(),
        };
        self.by_node.entry(node.clone()).or_insert_with(fresh).until = until;
    }

    pub(crate) fn forget(&mut self, node: &NodeName) {
        self.by_node.remove(node);
    }
}

impl State {
    /// Renews a node's lease and says what follows.
    pub fn observe(&mut self, heartbeat: &Heartbeat, now: Millis) -> Observation {
        let slice_ms = self.limits.slice_ms;
        let until = now.plus(self.limits.lease_ms);
        let mut observation = Observation::default();
        let mut confirmed = BTreeMap::new();
        for report in &heartbeat.running {
            let own = |run: &&TaskRun| run.node == heartbeat.node;
            let Some(run) = self.task(report.task).ok().filter(own) else {
                observation.stop.push((report.task, "stale"));
                continue;
            };
            let verdict = self
                .jobs
                .get(&report.task.job)
                .and_then(|job| job.current()?.verdict.as_ref());
            if verdict.is_some() {
                observation.stop.push((report.task, "cancelled"));
            }
            if due_slice(run, report.used_ms, slice_ms) {
                observation.events.push(Event::Used { report: *report });
            }
            confirmed.insert((report.task.job, report.task.task), *report);
        }
        if let Some(lease) = self.leases.by_node.get_mut(&heartbeat.node) {
            lease.until = until;
            lease.confirmed = confirmed;
            observation.known = true;
        }
        observation
    }

    /// The session of a node broke: its lease goes on, so that it may come back.
    ///
    /// What is due at `now`: lost nodes, reached limits, requests that were never settled.
    #[must_use]
    pub fn due(&self, now: Millis) -> Vec<Event> {
        let lost = self
            .leases
            .by_node
            .iter()
            .filter(|(_, lease)| lease.until < now);
        let lost = lost.map(|(node, lease)| Event::NodeLost {
            node: node.clone(),
            confirmed: lease.confirmed.values().copied().collect(),
        });
        let limited = self.jobs.values().filter_map(|job| {
            let attempt = job.current().filter(|attempt| attempt.verdict.is_none())?;
            let limit = job.spec.time_limit_ms?;
            // An attempt that never starts (a model that never arrives) does not keep its place
            // and its hold for ever.
            let ends = match attempt.started_at {
                Some(started) => started.plus(limit),
                None => attempt.placed_at.plus(limit).plus(PREPARE_MS),
            };
            (ends <= now).then_some(Event::LimitReached { job: job.id })
        });
        let expired = self
            .requests
            .iter()
            .filter(|(_, hold)| now.since(hold.at) > self.limits.request_ms);
        let expired = expired.map(|(request, _)| Event::RequestExpired {
            request: request.clone(),
        });
        lost.chain(limited).chain(expired).collect()
    }
}

fn due_slice(run: &TaskRun, used_ms: u64, slice_ms: u64) -> bool {
    used_ms.saturating_sub(run.metered_ms) >= slice_ms
}
