//! The state and its one door: `apply(event, now) -> effects`.

use crate::fit::{Shape, fit};
use crate::ledger::Ledger;
use crate::waiting::Waiting;
use crate::watch::Leases;
use crate::{
    Amounts, Effect, Event, FitFailure, Job, JobId, Millis, Node, NodeName, NodeState, Reason,
    Refusal, RequestId, TaskRef, Tenant, TenantName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Times that the operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// A node that was silent this long is lost.
    pub lease_ms: u64,
    /// Usage is charged in slices of about this length.
    pub slice_ms: u64,
    /// Open-ended work holds money for this long at a time.
    pub window_ms: u64,
    /// A request's hold is released when it was not settled for this long.
    pub request_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            lease_ms: 15_000,
            slice_ms: 60_000,
            window_ms: 3_600_000,
            request_ms: 24 * 3_600_000,
        }
    }
}

/// Money held for a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequestHold {
    pub(crate) tenant: TenantName,
    pub(crate) model: String,
    pub(crate) held_micro: i64,
    pub(crate) price_version: u64,
    pub(crate) in_price_micro: i64,
    pub(crate) out_price_micro: i64,
    pub(crate) at: Millis,
}

/// Answer kept for a repeated idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Submission {
    pub(crate) fingerprint: String,
    pub(crate) jobs: Vec<JobId>,
    pub(crate) held_micro: i64,
    pub(crate) at: Millis,
}

/// Everything that decisions need. Ended jobs and past transactions live in the store.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub(crate) limits: Limits,
    pub(crate) tenants: BTreeMap<TenantName, Tenant>,
    pub(crate) nodes: BTreeMap<NodeName, Node>,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) ledger: Ledger,
    pub(crate) requests: BTreeMap<RequestId, RequestHold>,
    /// Requests settled within the last hour: a repeated settlement gets the same answer.
    pub(crate) settled: BTreeMap<RequestId, (i64, Millis)>,
    #[serde(with = "crate::pairs")]
    pub(crate) submissions: BTreeMap<(TenantName, String), Submission>,
    /// When idempotency keys that are too old were last dropped.
    #[serde(default)]
    pub(crate) keys_swept_at: Millis,
    /// When settled requests that are too old were last dropped.
    #[serde(default)]
    pub(crate) swept_at: Millis,
    pub(crate) last_job: u64,
    pub(crate) last_epoch: u64,
    #[serde(skip)]
    pub(crate) waiting: Waiting,
    #[serde(skip)]
    pub(crate) leases: Leases,
    /// Whether a shape could ever run, until the nodes change.
    #[serde(skip)]
    pub(crate) feasible: BTreeMap<Shape, Option<Reason>>,
}

impl State {
    /// An empty centre.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// After loading: rebuilds the indexes and gives every node one lease of time to come back.
    pub fn resume(&mut self, limits: Limits, now: Millis) {
        self.limits = limits;
        self.waiting = Waiting::default();
        for job in self
            .jobs
            .values()
            .filter(|job| job.state == crate::JobState::Queued)
        {
            self.waiting.insert(job);
        }
        self.renew_leases(now);
    }

    /// Gives every node that was not lost one lease of time from `now`: nobody could hear the
    /// heartbeats while the scheduler was away.
    pub fn renew_leases(&mut self, now: Millis) {
        self.leases = Leases::default();
        let until = now.plus(self.limits.lease_ms);
        for node in self
            .nodes
            .values()
            .filter(|node| node.state != NodeState::Lost)
        {
            self.leases.renew(&node.spec.name, until);
        }
    }

    /// Applies what happened, or refuses it and changes nothing.
    pub fn apply(&mut self, event: &Event, now: Millis) -> Result<Vec<Effect>, Refusal> {
        match event {
            Event::TenantAdded { tenant } => self.tenant_added(tenant),
            Event::NodeRegistered { node, running } => self.node_registered(node, running, now),
            Event::NodeLeaving { node } => self.node_leaving(node),
            Event::NodeDrained { node, drain } => self.node_drained(node, *drain),
            Event::NodeForgotten { node } => self.node_forgotten(node),
            Event::NodeLost { node, confirmed } => self.node_lost(node, confirmed, now),
            Event::JobsSubmitted {
                tenant,
                jobs,
                key,
                fingerprint,
            } => self.jobs_submitted(tenant, jobs, key, fingerprint, now),
            Event::CancelRequested { job } => self.cancel_requested(*job, now),
            Event::Placed { placements } => self.placed(placements, now),
            Event::TaskStarted { task } => self.task_started(*task, now),
            Event::TaskEnded { report, outcome } => self.task_ended(*report, outcome, now),
            Event::Used { report } => self.used(*report, now),
            Event::LimitReached { job } => self.limit_reached(*job, now),
            Event::PricesPublished {
                effective_from,
                prices,
            } => {
                let version = self
                    .ledger
                    .book
                    .publish(*effective_from, prices.clone(), now)?;
                Ok(vec![Effect::PricesPublished(version)])
            }
            Event::ToppedUp {
                tenant,
                amount_micro,
                reference,
            } => self.topped_up(tenant, *amount_micro, reference, now),
            Event::RequestAuthorized { .. } => self.request_authorized(event, now),
            Event::RequestSettled {
                request,
                prompt_tokens,
                completion_tokens,
            } => self.request_settled(request, *prompt_tokens, *completion_tokens, now),
            Event::RequestExpired { request } => self.request_expired(request, now),
        }
    }

    /// Live jobs by number.
    #[must_use]
    pub fn jobs(&self) -> &BTreeMap<JobId, Job> {
        &self.jobs
    }

    /// Nodes by name.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeName, Node> {
        &self.nodes
    }

    /// Tenants by name.
    #[must_use]
    pub fn tenants(&self) -> &BTreeMap<TenantName, Tenant> {
        &self.tenants
    }

    /// The ledger's balances and prices.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Jobs that wait.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.waiting.len()
    }

    /// Requests with money held.
    #[must_use]
    pub fn open_requests(&self) -> usize {
        self.requests.len()
    }

    /// Number of the last job.
    #[must_use]
    pub fn last_job(&self) -> u64 {
        self.last_job
    }

    /// Why a waiting job waits, as the last pass found it.
    #[must_use]
    pub fn reason(&self, job: &Job) -> Reason {
        self.waiting.reason(job)
    }

    /// Waiting jobs of the same tenant that come before it.
    #[must_use]
    pub fn ahead(&self, job: &Job) -> u64 {
        self.waiting.ahead(job)
    }

    /// For one task of `job`: what every node says.
    #[must_use]
    pub fn explain(&self, job: &Job) -> Vec<(NodeName, Option<FitFailure>)> {
        let shape = job.spec.shape();
        self.nodes
            .values()
            .map(|node| (node.spec.name.clone(), fit(&shape, node).err()))
            .collect()
    }

    /// Whether `task` is a current task that has not ended and was placed on `node`.
    #[must_use]
    pub fn owns(&self, task: TaskRef, node: &NodeName) -> bool {
        self.task(task).is_ok_and(|run| run.node == *node)
    }

    /// Capacity of the nodes that take work.
    #[must_use]
    pub fn capacity(&self) -> Amounts {
        let mut total = Amounts::default();
        for node in self
            .nodes
            .values()
            .filter(|node| node.state == NodeState::Ready)
        {
            total.add(node.capacity());
        }
        total
    }

    pub(crate) fn tenant(&self, name: &TenantName) -> Result<&Tenant, Refusal> {
        self.tenants
            .get(name)
            .ok_or_else(|| Refusal::UnknownTenant(name.clone()))
    }

    fn tenant_added(&mut self, tenant: &Tenant) -> Result<Vec<Effect>, Refusal> {
        tenant.validate()?;
        if self.tenants.contains_key(&tenant.name) {
            return Err(Refusal::Conflict(format!("tenant name {}", tenant.name)));
        }
        let fresh = Tenant {
            used: Amounts::default(),
            ..tenant.clone()
        };
        self.tenants.insert(tenant.name.clone(), fresh);
        Ok(vec![Effect::TenantAdded(tenant.name.clone())])
    }
}
