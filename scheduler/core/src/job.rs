//! Jobs, their attempts and the states that they may pass through.

use crate::fit::Shape;
use crate::{DeviceSlice, Epoch, JobId, Millis, NodeName, Refusal, Resources, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a job does; nodes say which kinds they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// Fine-tunes a model.
    Train,
    /// Answers a file of requests.
    Batch,
    /// Keeps a replica running.
    Serve,
    /// Runs a user's own program.
    Command,
}

/// What the core must know of a job; the work itself is opaque to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// For people.
    pub name: String,
    /// Queue of the tenant.
    pub queue: String,
    /// Kind of work.
    pub work: WorkKind,
    /// Of one task.
    pub resources: Resources,
    /// Tasks placed together or not at all, 1 to 1024.
    pub tasks: u32,
    /// Per attempt; `None` is open-ended (serving), paid from holds that are renewed.
    pub time_limit_ms: Option<u64>,
    /// Order inside the tenant, higher first.
    pub priority: i32,
    /// Tries after lost nodes.
    pub max_attempts: u32,
    /// Refuse if the hold would exceed this; 0 means no cap.
    pub max_cost_micro: i64,
    /// A node must carry all of these.
    pub node_labels: BTreeMap<String, String>,
}

const YEAR_MS: u64 = 366 * 24 * 3_600_000;

impl JobSpec {
    /// Refuses absurd numbers, naming the field; `path` is put before the field's name.
    pub fn validate(&self, path: &str) -> Result<(), Refusal> {
        let field = |name: &str| format!("{path}.{name}");
        let length = self.name.chars().count();
        if length == 0 || length > 128 || self.name.chars().any(char::is_control) {
            let accepted = "1 to 128 printable characters";
            return Err(Refusal::invalid(field("name"), &self.name, accepted));
        }
        if self.queue.is_empty() || self.queue.len() > 63 {
            return Err(Refusal::invalid(
                field("queue"),
                &self.queue,
                "1 to 63 characters",
            ));
        }
        if self.tasks == 0 || self.tasks > 1024 {
            return Err(Refusal::invalid(field("tasks"), self.tasks, "1 to 1024"));
        }
        if let Some(limit) = self.time_limit_ms
            && !(1_000..=YEAR_MS).contains(&limit)
        {
            let accepted = format!("1000 to {YEAR_MS} (milliseconds)");
            return Err(Refusal::invalid(field("time_limit_ms"), limit, accepted));
        }
        if !(-100..=100).contains(&self.priority) {
            return Err(Refusal::invalid(
                field("priority"),
                self.priority,
                "-100 to 100",
            ));
        }
        if !(1..=10).contains(&self.max_attempts) {
            return Err(Refusal::invalid(
                field("max_attempts"),
                self.max_attempts,
                "1 to 10",
            ));
        }
        if self.max_cost_micro < 0 {
            let accepted = "0 (no cap) or more";
            return Err(Refusal::invalid(
                field("max_cost_micro"),
                self.max_cost_micro,
                accepted,
            ));
        }
        if self.node_labels.len() > 16 {
            let accepted = "at most 16 labels";
            return Err(Refusal::invalid(
                field("node_labels"),
                self.node_labels.len(),
                accepted,
            ));
        }
        self.resources.validate(&field("resources"))
    }

    pub(crate) fn shape(&self) -> Shape {
        Shape {
            work: self.work,
            resources: self.resources.clone(),
            tasks: self.tasks,
            labels: self.node_labels.clone(),
        }
    }
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a place.
    Queued,
    /// Placed, not every task runs yet.
    Starting,
    /// Every task runs.
    Running,
    /// Its tasks were asked to stop.
    Stopping,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended by wish.
    Cancelled,
    /// Ended at its limit.
    TimedOut,
}

impl JobState {
    /// Whether nothing can happen to the job any more.
    #[must_use]
    pub fn ended(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut
        )
    }

    /// The legal transitions; back to `Queued` is a retry after a lost node.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Queued => matches!(next, Self::Starting | Self::Cancelled | Self::Failed),
            Self::Starting | Self::Running | Self::Stopping => next > self || next == Self::Queued,
            _ => false,
        }
    }
}

/// How an attempt ended, or will end once its last task has stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every task succeeded.
    Succeeded,
    /// A task failed.
    Failed {
        /// Exit code of a command, else 0.
        exit_code: i32,
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
    },
    /// Somebody asked for it.
    Cancelled,
    /// The time limit was reached.
    TimedOut,
    /// A node was lost.
    Lost {
        /// The node.
        node: NodeName,
    },
    /// The node stopped in order and handed the work back.
    Returned {
        /// The node.
        node: NodeName,
    },
    /// The account could not pay for another hold.
    OutOfBalance,
}

/// How one task ended, as its worker reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Did its work.
    Succeeded,
    /// Did not.
    Failed {
        /// Exit code of a command, else 0.
        exit_code: i32,
        /// Stable code.
        code: String,
        /// What happened.
        message: String,
    },
    /// Stopped as asked.
    Stopped,
}

/// One task of an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRun {
    /// Where.
    pub node: NodeName,
    /// Which parts of which devices.
    pub slices: Vec<DeviceSlice>,
    /// Kind of those devices, for the price; empty without devices.
    pub device_kind: String,
    /// When the worker said that it runs.
    pub started_at: Option<Millis>,
    /// Whether it has ended and its resources are free again.
    pub ended: bool,
    /// Milliseconds already charged for.
    pub metered_ms: u64,
    /// Milliseconds when the current price was bound; charges telescope from here.
    pub price_from_ms: u64,
    /// Charged at the current price, per SKU.
    pub charged: BTreeMap<String, i64>,
    /// First charge per SKU, named by a reversal.
    pub first_charge: BTreeMap<String, u64>,
}

/// One try of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// Fencing token.
    pub epoch: Epoch,
    /// One per task of the gang.
    pub tasks: Vec<TaskRun>,
    /// When it was placed.
    pub placed_at: Millis,
    /// When its last task started.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Set by the first thing that decides the end.
    pub verdict: Option<Verdict>,
    /// Charges less reversals.
    pub charged_micro: i64,
}

/// A job that has not ended, or that ends with this event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// Who pays.
    pub tenant: TenantName,
    /// What was asked for.
    pub spec: JobSpec,
    /// Where it is in its life.
    pub state: JobState,
    /// Tries so far, the last one current.
    pub attempts: Vec<Attempt>,
    /// When it was accepted.
    pub submitted_at: Millis,
    /// When it first ran.
    pub started_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Held now.
    pub held_micro: i64,
    /// Charges less reversals.
    pub charged_micro: i64,
    /// Price version of its hold.
    pub price_version: u64,
    /// Grows with every change.
    pub revision: u64,
}

impl Job {
    /// The attempt in progress, if any.
    #[must_use]
    pub fn current(&self) -> Option<&Attempt> {
        self.attempts
            .last()
            .filter(|attempt| attempt.ended_at.is_none())
    }

    pub(crate) fn current_mut(&mut self) -> Option<&mut Attempt> {
        self.attempts
            .last_mut()
            .filter(|attempt| attempt.ended_at.is_none())
    }
}
