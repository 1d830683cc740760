//! Everything that can happen. An event that was applied is kept for ever, in this form.

use crate::ledger::Price;
use crate::{
    JobId, JobSpec, Millis, NodeName, NodeSpec, Outcome, Placement, RequestId, TaskRef, Tenant,
    TenantName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a worker says of one of its tasks: cumulative, so a repeat cannot charge twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskReport {
    /// Which.
    pub task: TaskRef,
    /// Milliseconds since it started, by the worker's monotonic clock.
    pub used_ms: u64,
}

/// Something that happened, or that somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A tenant and its account are opened.
    TenantAdded {
        /// Who.
        tenant: Tenant,
    },
    /// A worker registered, for the first time or again.
    NodeRegistered {
        /// What it is.
        node: NodeSpec,
        /// Tasks that it still runs.
        running: Vec<TaskReport>,
    },
    /// A worker stops in order: nothing new for it until it registers again.
    NodeLeaving {
        /// Which.
        node: NodeName,
    },
    /// An operator starts or ends draining.
    NodeDrained {
        /// Which.
        node: NodeName,
        /// Start or end.
        drain: bool,
    },
    /// An operator drops the record of a node that runs nothing, so that it may come back changed.
    NodeForgotten {
        /// Which.
        node: NodeName,
    },
    /// A node's lease ran out.
    NodeLost {
        /// Which.
        node: NodeName,
        /// Usage at its last confirmed heartbeat.
        confirmed: Vec<TaskReport>,
    },
    /// A tenant submits jobs, all or none.
    JobsSubmitted {
        /// Who pays.
        tenant: TenantName,
        /// In order.
        jobs: Vec<JobSpec>,
        /// Idempotency key, empty for none.
        key: String,
        /// Digest of the whole request, compared when the key comes again.
        fingerprint: String,
    },
    /// Somebody wants a job to stop.
    CancelRequested {
        /// Which.
        job: JobId,
    },
    /// The planner's placements.
    Placed {
        /// In order.
        placements: Vec<Placement>,
    },
    /// A task runs.
    TaskStarted {
        /// Which.
        task: TaskRef,
    },
    /// A task ended.
    TaskEnded {
        /// Which, and its final usage.
        report: TaskReport,
        /// How.
        outcome: Outcome,
    },
    /// A slice of usage is due.
    Used {
        /// Which, and how much.
        report: TaskReport,
    },
    /// A job reached its time limit.
    LimitReached {
        /// Which.
        job: JobId,
    },
    /// New prices.
    PricesPublished {
        /// When they begin.
        effective_from: Millis,
        /// By SKU.
        prices: BTreeMap<String, Price>,
    },
    /// A tenant paid.
    ToppedUp {
        /// Who.
        tenant: TenantName,
        /// Micro-yuan; negative takes money back.
        amount_micro: i64,
        /// What the payer calls it; once per tenant.
        reference: String,
    },
    /// A gateway wants money held for a request.
    RequestAuthorized {
        /// Which.
        request: RequestId,
        /// Who pays.
        tenant: TenantName,
        /// The model it goes to.
        model: String,
        /// Whether tokens cost anything there.
        priced: bool,
        /// Upper bound.
        max_prompt_tokens: u64,
        /// Upper bound.
        max_completion_tokens: u64,
    },
    /// A request ended.
    RequestSettled {
        /// Which.
        request: RequestId,
        /// Tokens read.
        prompt_tokens: u64,
        /// Tokens written.
        completion_tokens: u64,
    },
    /// A request was never settled; its hold is released.
    RequestExpired {
        /// Which.
        request: RequestId,
    },
}
