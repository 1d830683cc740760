//! The tasks of this worker, each with its lease and what its current epoch needs.

use crate::exec::StopOrder;
use crate::lease::Lease;
use crate::logs::TaskLog;
use tokio::sync::watch;
use zhisuan_proto::v1::{Assign, ReplicaReady, TaskEnded, TaskRef, UpdateReplica};

/// A task of a job, whatever the attempt; the epoch tells attempts apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TaskKey {
    pub(crate) job_id: u64,
    pub(crate) task: u32,
}

impl TaskKey {
    /// The key of a wire reference.
    pub(crate) fn of(task: &TaskRef) -> Self {
        Self {
            job_id: task.job_id,
            task: task.task,
        }
    }
}

/// One row.
pub(crate) struct Task {
    pub(crate) lease: Lease,
    pub(crate) run: Option<Run>,
    /// A newer epoch that waits for the death of the running one.
    pub(crate) deferred: Option<Assign>,
}

/// What belongs to one epoch.
pub(crate) struct Run {
    pub(crate) task: TaskRef,
    pub(crate) log: TaskLog,
    pub(crate) stop: watch::Sender<Option<StopOrder>>,
    /// The latest wish for what a replica serves.
    pub(crate) wish: watch::Sender<Option<UpdateReplica>>,
    /// The latest line that was not sent.
    pub(crate) progress: Option<String>,
    /// What a replica said when it was up, repeated on every new stream: a restarted scheduler
    /// does not know it.
    pub(crate) ready: Option<ReplicaReady>,
    /// The end report, kept to be repeated.
    pub(crate) ended: Option<TaskEnded>,
    /// How much of the log's loss the metric has counted.
    pub(crate) counted_drops: u64,
}
