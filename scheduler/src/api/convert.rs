//! Core records to wire messages.

use crate::store::StoredJob;
use crate::words;
use prost::Message as _;
use std::collections::{BTreeMap, BTreeSet};
use zhisuan_core::{
    Attempt, Job, JobState, Millis, Node, NodeName, NodeState, Reason, State, Verdict, WorkKind,
};
use zhisuan_proto::v1;

/// What the core knows of a waiting job, beside its record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waits {
    pub(crate) reason: Option<Reason>,
    pub(crate) position: u32,
}

/// Which devices of which nodes are simulated, by index; nodes without any are left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Simulated(BTreeMap<NodeName, Vec<bool>>);

impl Simulated {
    pub(crate) fn of(state: &State) -> Self {
        let marks = |node: &Node| -> Vec<bool> {
            let devices = node.spec.devices.iter();
            devices.map(|device| device.simulated).collect()
        };
        let nodes = state.nodes().iter();
        let nodes = nodes.map(|(name, node)| (name.clone(), marks(node)));
        Self(nodes.filter(|(_, marks)| marks.contains(&true)).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a try of the job was placed on such devices.
    pub(crate) fn has(&self, job: &Job) -> bool {
        let runs = job.attempts.iter().flat_map(|attempt| &attempt.tasks);
        let mut slices = runs.flat_map(|run| run.slices.iter().map(|slice| (&run.node, slice)));
        slices.any(|(node, slice)| {
            let marks = self.0.get(node);
            marks.and_then(|marks| marks.get(slice.index as usize)) == Some(&true)
        })
    }
}

pub(crate) fn job_message(
    stored: &StoredJob,
    waits: &Waits,
    simulated: &Simulated,
    progress: String,
) -> v1::Job {
    let job = &stored.job;
    let mut spec = v1::JobSpec::decode(stored.spec.as_slice()).unwrap_or_default();
    // A replica's token never leaves the scheduler; specs hold none, environment values may.
    if let Some(v1::job_spec::Work::Command(command)) = &mut spec.work {
        command
            .env
            .values_mut()
            .for_each(|value| "***".clone_into(value));
    }
    v1::Job {
        id: job.id.0,
        tenant: job.tenant.0.clone(),
        spec: Some(spec),
        state: state(job.state).into(),
        reason: reason(job, waits),
        position: waits.position,
        attempts: job
            .attempts
            .iter()
            .map(|attempt| attempt_message(job, attempt))
            .collect(),
        submitted_at_ms: job.submitted_at.0,
        started_at_ms: millis(job.started_at),
        ended_at_ms: millis(job.ended_at),
        held_micro: job.held_micro,
        charged_micro: job.charged_micro,
        outputs: stored.outputs.clone().into_iter().collect(),
        revision: job.revision,
        progress,
        simulated: simulated.has(job),
    }
}

fn reason(job: &Job, waits: &Waits) -> Option<v1::Reason> {
    match job.state {
        JobState::Queued => waits.reason.as_ref().map(words::reason),
        JobState::Succeeded => None,
        _ => job
            .attempts
            .last()
            .and_then(|attempt| attempt.verdict.as_ref())
            .map(words::verdict),
    }
}

pub(crate) fn state(state: JobState) -> v1::JobState {
    match state {
        JobState::Queued => v1::JobState::Queued,
        JobState::Starting => v1::JobState::Starting,
        JobState::Running => v1::JobState::Running,
        JobState::Stopping => v1::JobState::Stopping,
        JobState::Succeeded => v1::JobState::Succeeded,
        JobState::Failed => v1::JobState::Failed,
        JobState::Cancelled => v1::JobState::Cancelled,
        JobState::TimedOut => v1::JobState::TimedOut,
    }
}

/// The stored name of a wire state; `None` for the unspecified one and for unknown numbers.
pub(crate) fn state_filter(number: i32) -> Option<&'static str> {
    Some(match v1::JobState::try_from(number).ok()? {
        v1::JobState::Unspecified => return None,
        v1::JobState::Queued => "queued",
        v1::JobState::Starting => "starting",
        v1::JobState::Running => "running",
        v1::JobState::Stopping => "stopping",
        v1::JobState::Succeeded => "succeeded",
        v1::JobState::Failed => "failed",
        v1::JobState::Cancelled => "cancelled",
        v1::JobState::TimedOut => "timed_out",
    })
}

fn attempt_message(job: &Job, attempt: &Attempt) -> v1::Attempt {
    let tasks = attempt
        .tasks
        .iter()
        .enumerate()
        .map(|(task, run)| v1::TaskPlacement {
            task: task as u32,
            node: run.node.0.clone(),
            devices: run.slices.iter().map(|slice| slice.index).collect(),
        });
    let (outcome, exit_code, message) = match (&attempt.verdict, attempt.ended_at) {
        (_, None) => ("running", 0, String::new()),
        (Some(verdict), Some(_)) => outcome(verdict),
        (None, Some(_)) => ("succeeded", 0, String::new()),
    };
    debug_assert!(attempt.number > 0, "job {}", job.id);
    v1::Attempt {
        number: attempt.number,
        epoch: attempt.epoch.0,
        tasks: tasks.collect(),
        placed_at_ms: attempt.placed_at.0,
        started_at_ms: millis(attempt.started_at),
        ended_at_ms: millis(attempt.ended_at),
        outcome: outcome.to_owned(),
        exit_code,
        message,
        charged_micro: attempt.charged_micro,
    }
}

fn outcome(verdict: &Verdict) -> (&'static str, i32, String) {
    match verdict {
        Verdict::Succeeded => ("succeeded", 0, String::new()),
        Verdict::Failed {
            exit_code, message, ..
        } => ("failed", *exit_code, message.clone()),
        Verdict::Cancelled => ("cancelled", 0, String::new()),
        Verdict::TimedOut => ("timed_out", 0, String::new()),
        Verdict::Lost { .. } => ("lost", 0, words::verdict(verdict).text_zh),
        Verdict::Returned { .. } => ("returned", 0, words::verdict(verdict).text_zh),
        Verdict::OutOfBalance => ("failed", 0, words::verdict(verdict).text_zh),
    }
}

/// What the shell knows of a node, beside the core's record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) heartbeat: Option<Millis>,
    pub(crate) jobs: BTreeSet<u64>,
}

pub(crate) fn node_message(node: &Node, seen: Seen) -> v1::Node {
    let state = match node.state {
        NodeState::Ready => "ready",
        NodeState::Draining => "draining",
        NodeState::Lost => "lost",
        NodeState::Refused => "refused",
    };
    let spec = &node.spec;
    let devices = spec
        .devices
        .iter()
        .enumerate()
        .map(|(index, device)| v1::Device {
            index: index as u32,
            uuid: device.uuid.clone(),
            kind: device.kind.clone(),
            memory_mib: device.memory_mib,
            simulated: device.simulated,
        });
    v1::Node {
        name: spec.name.0.clone(),
        state: state.to_owned(),
        devices: devices.collect(),
        cpu_milli: spec.cpu_milli,
        memory_mib: spec.memory_mib,
        labels: spec.labels.clone().into_iter().collect(),
        cpu_milli_free: node.cpu_milli_free,
        memory_mib_free: node.memory_mib_free,
        device_milli_free: node.free.iter().map(|free| free.milli).collect(),
        job_ids: seen.jobs.into_iter().collect(),
        last_heartbeat_at_ms: millis(seen.heartbeat),
        version: spec.version.clone(),
        work: spec
            .work
            .iter()
            .map(|work| work_name(*work).to_owned())
            .collect(),
        simulated: spec.devices.iter().any(|device| device.simulated),
    }
}

pub(crate) fn work_name(work: WorkKind) -> &'static str {
    match work {
        WorkKind::Train => "train",
        WorkKind::Batch => "batch",
        WorkKind::Serve => "serve",
        WorkKind::Command => "command",
    }
}

pub(crate) fn work_kind(name: &str) -> Option<WorkKind> {
    [
        WorkKind::Train,
        WorkKind::Batch,
        WorkKind::Serve,
        WorkKind::Command,
    ]
    .into_iter()
    .find(|work| work_name(*work) == name)
}

fn millis(at: Option<Millis>) -> i64 {
    at.map_or(0, |at| at.0)
}
