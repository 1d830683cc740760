//! Everything that the shell may be asked to do once the event is durable.

use crate::ledger::Transaction;
use crate::{DeviceSlice, Job, JobId, NodeName, RequestId, TaskRef, TenantName};

/// Work for the shell, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The answer to a submission.
    Submitted {
        /// In the order of the request.
        jobs: Vec<JobId>,
        /// Held for all of them.
        held_micro: i64,
        /// True when the key was used before: nothing new happened.
        repeated: bool,
    },
    /// The record of a live job changed.
    JobChanged(JobId),
    /// A job ended and left the live state.
    JobEnded(Box<Job>),
    /// Send an order to start a task.
    Assign {
        /// Which.
        task: TaskRef,
        /// To whom.
        node: NodeName,
        /// Which devices.
        slices: Vec<DeviceSlice>,
    },
    /// Send an order to stop a task.
    Stop {
        /// Which.
        task: TaskRef,
        /// To whom.
        node: NodeName,
        /// Stable word: `cancelled`, `timed_out`, `failed`, `lost`, `balance`, `stale`.
        reason: &'static str,
    },
    /// A booking to append.
    Posted(Box<Transaction>),
    /// The record of a node changed.
    NodeChanged(NodeName),
    /// A tenant was opened.
    TenantAdded(TenantName),
    /// A new price version.
    PricesPublished(u64),
    /// Money is held for a request.
    Authorized {
        /// Which.
        request: RequestId,
        /// How much.
        held_micro: i64,
        /// At which prices.
        price_version: u64,
    },
    /// A request was charged.
    Settled {
        /// Which.
        request: RequestId,
        /// How much.
        charged_micro: i64,
    },
    /// A worker claimed more time than has passed; it was charged only what has passed.
    Overclaimed {
        /// Which.
        task: TaskRef,
        /// Claimed.
        claimed_ms: u64,
        /// Passed by the scheduler's clock.
        passed_ms: u64,
    },
}
