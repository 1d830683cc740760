//! What an executor is given and what it gives back.

use super::ExecError;
use crate::artifacts::Artifacts;
use crate::lease::{Outcome, StopReason};
use crate::logs::TaskLog;
use crate::models::ModelStore;
use crate::replica::ReplicaTable;
use crate::session::{Event, TaskKey};
use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zhisuan_proto::v1::{Assign, Device, ModelManifest, Resources, UpdateReplica};

/// One task's view of the worker.
pub(crate) struct Context {
    pub(crate) assign: Assign,
    pub(crate) log: TaskLog,
    pub(crate) stop: StopSignal,
    /// What a replica shall serve instead, the latest wish.
    pub(crate) wishes: watch::Receiver<Option<UpdateReplica>>,
    pub(crate) events: TaskEvents,
    pub(crate) artifacts: Artifacts,
    pub(crate) models: Arc<ModelStore>,
    /// Fresh and private; removed after the end.
    pub(crate) folder: PathBuf,
    /// Where checkpoints of this task outlive an attempt on this node; may not exist.
    pub(crate) keep: PathBuf,
    pub(crate) node: Arc<NodeFacts>,
    pub(crate) replicas: ReplicaTable,
    /// Every thread that computes for the task: the end is told after the last has returned.
    pub(crate) blocking: TaskTracker,
}

/// What does not change while the worker lives.
pub(crate) struct NodeFacts {
    pub(crate) simulated: bool,
    pub(crate) devices: Vec<Device>,
    pub(crate) allow_commands: bool,
    /// Most threads of one task.
    pub(crate) threads: Option<usize>,
}

impl Context {
    /// What the task declared and pays for.
    fn resources(&self) -> Option<&Resources> {
        let spec = self.assign.spec.as_ref()?;
        spec.resources.as_ref()
    }

    /// Most memory of the task, MiB; 0 is not limited.
    pub(crate) fn memory_mib(&self) -> u64 {
        self.resources().map_or(0, |wanted| wanted.memory_mib)
    }

    /// Threads for the task's arithmetic: as many as the cores that it declared and pays for.
    pub(crate) fn threads(&self) -> usize {
        let cpu_milli = self.resources().map_or(0, |wanted| wanted.cpu_milli);
        let available = std::thread::available_parallelism().map_or(1, NonZero::get);
        threads(
            cpu_milli,
            available.min(self.node.threads.unwrap_or(available)),
        )
    }

    /// Makes the working folder, emptying what a crash may have left there.
    pub(crate) async fn make_folder(&self) -> Result<(), ExecError> {
        let folder = self.folder.clone();
        let made = tokio::task::spawn_blocking(move || {
            use std::os::unix::fs::DirBuilderExt as _;
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&folder)
        })
        .await;
        match made {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ExecError::new(
                "ZS-WORKER-IO",
                format!("无法建立工作目录 {}:{error}", self.folder.display()),
            )),
            Err(error) => Err(ExecError::new("ZS-WORKER-IO", error.to_string())),
        }
    }
}

/// A part of a core needs a thread, and nothing declared is one.
fn threads(cpu_milli: u32, most: usize) -> usize {
    (cpu_milli.div_ceil(1000) as usize).clamp(1, most.max(1))
}

/// How the work ended.
#[derive(Clone, Debug)]
pub(crate) struct Finish {
    pub(crate) outcome: Outcome,
    pub(crate) exit_code: i32,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) outputs: HashMap<String, String>,
    pub(crate) model: Option<ModelManifest>,
}

impl Finish {
    /// An end without anything else to say.
    pub(crate) fn of(outcome: Outcome) -> Self {
        Self {
            outcome,
            exit_code: 0,
            code: String::new(),
            message: String::new(),
            outputs: HashMap::new(),
            model: None,
        }
    }
}

/// A wish to stop with the time by which it must have happened.
#[derive(Clone, Debug)]
pub(crate) struct StopOrder {
    pub(crate) reason: StopReason,
    pub(crate) deadline: Instant,
}

/// The executor's side of a stop. A later order can only bring the deadline nearer.
#[derive(Clone)]
pub(crate) struct StopSignal(watch::Receiver<Option<StopOrder>>);

impl StopSignal {
    /// A sender for the session and the signal for the executor.
    pub(crate) fn channel() -> (watch::Sender<Option<StopOrder>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// The order, once there is one.
    pub(crate) fn order(&self) -> Option<StopOrder> {
        self.0.borrow().clone()
    }

    /// Whether somebody wants the task to stop.
    pub(crate) fn requested(&self) -> bool {
        // A session that is gone counts as a stop: nobody can renew the lease.
        self.0.borrow().is_some() || self.0.has_changed().is_err()
    }

    /// Waits for an order.
    pub(crate) async fn wait(&mut self) -> StopOrder {
        loop {
            if let Some(order) = self.order() {
                return order;
            }
            if self.0.changed().await.is_err() {
                // The session is gone, and nobody can renew the lease.
                return StopOrder {
                    reason: StopReason::Shutdown,
                    deadline: Instant::now(),
                };
            }
        }
    }

    /// Waits until the grace of an order, plus `slack`, has passed.
    pub(crate) async fn past_deadline(&mut self, slack: Duration) {
        let mut order = self.wait().await;
        while Instant::now() < order.deadline + slack {
            tokio::select! {
                () = tokio::time::sleep_until(order.deadline + slack) => return,
                changed = self.0.changed() => {
                    let Some(newer) = changed.ok().and_then(|()| self.order()) else {
                        tokio::time::sleep_until(order.deadline + slack).await;
                        return;
                    };
                    order = newer;
                }
            }
        }
    }

    /// Runs `work` unless a stop comes first.
    pub(crate) async fn unless_stopped<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, ExecError> {
        let mut stop = self.clone();
        tokio::select! {
            biased;
            _ = stop.wait() => Err(ExecError::stopped()),
            done = work => Ok(done),
        }
    }
}

/// What an executor tells the session.
#[derive(Debug)]
pub(crate) enum TaskEvent {
    /// Prepared; the work runs and is paid for from now on.
    Started,
    /// The latest line about how far it is.
    Progress(String),
    /// A replica answers requests.
    Ready {
        models: Vec<String>,
        context_length: u32,
        abilities: Vec<String>,
    },
    /// The end.
    Exit(Box<Finish>),
}

/// The way to the session, marked with the task and its epoch.
#[derive(Clone)]
pub(crate) struct TaskEvents {
    pub(crate) key: TaskKey,
    pub(crate) epoch: u64,
    pub(crate) sender: mpsc::Sender<Event>,
}

impl TaskEvents {
    fn wrap(&self, event: TaskEvent) -> Event {
        Event::Task {
            key: self.key,
            epoch: self.epoch,
            event,
        }
    }

    /// Sends; if the session is gone there is nobody to tell.
    pub(crate) async fn send(&self, event: TaskEvent) {
        let _ = self.sender.send(self.wrap(event)).await;
    }

    /// Progress is worth sending only if the session has room; the next line replaces it anyway.
    pub(crate) fn progress(&self, text: impl Into<String>) {
        let _ = self
            .sender
            .try_send(self.wrap(TaskEvent::Progress(text.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::threads;

    #[test]
    fn a_task_has_the_threads_of_the_cores_it_declared() {
        let of = |cpu_milli| threads(cpu_milli, 8);
        assert_eq!(
            [0, 1, 1000, 1001, 2500, 8000, 64_000].map(of),
            [1, 1, 1, 2, 3, 8, 8]
        );
        assert_eq!(threads(4000, 0), 1);
    }
}
