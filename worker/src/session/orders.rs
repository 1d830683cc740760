//! What the scheduler orders and what tasks report, run through the lease machine.

use super::agent::Agent;
use super::table::{Run, Task, TaskKey};
use crate::exec::{self, Context, Finish, StopOrder, StopSignal, TaskEvent, TaskEvents};
use crate::lease::{Input, Lease, Outcome, Output, StopReason};
use crate::logs::TaskLog;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::{
    Assign, ReplicaReady, SchedulerMessage, Stop, TaskEnded, TaskRef, TaskStarted, UpdateReplica,
};

/// Beyond the grace, for the last reports of a shutdown to be confirmed.
const FAREWELL_MS: u64 = 7_000;

impl Agent {
    pub(super) fn incoming(&mut self, message: SchedulerMessage) {
        match message.message {
            Some(Order::HeartbeatAck(ack)) => self.acknowledged(ack.sequence),
            Some(Order::Assign(assign)) => self.assign(&assign),
            Some(Order::Stop(Stop {
                task: Some(task),
                reason,
                grace_ms,
            })) => self.stop_order(&task, &reason, u64::from(grace_ms)),
            Some(Order::Stop(Stop { task: None, .. })) => {
                tracing::warn!("a stop without a task");
            }
            Some(Order::Refused(refused)) => {
                let code = refused.error.unwrap_or_default().code;
                tracing::error!(code, "the scheduler refuses this worker");
                self.disconnect("refused");
            }
            Some(Order::Drained(_)) => tracing::info!("the scheduler has drained this node"),
            Some(Order::UpdateReplica(update)) => self.update_replica(update),
            Some(Order::Registered(_)) | None => {}
        }
    }

    /// A wish for the replica itself; one of another epoch, or for what does not run, is void.
    fn update_replica(&mut self, update: UpdateReplica) {
        let Some(task) = update.task else { return };
        let row = self.tasks.get_mut(&TaskKey::of(&task));
        let run = row.and_then(|row| row.run.as_mut());
        if let Some(run) = run.filter(|run| run.task.epoch == task.epoch) {
            run.wish.send_replace(Some(update));
        }
    }

    fn assign(&mut self, assign: &Assign) {
        let Some(task) = assign.task else {
            tracing::warn!("an assignment without a task");
            return;
        };
        let key = TaskKey::of(&task);
        let runs = |row: &Task| {
            row.run
                .as_ref()
                .is_some_and(|run| run.task.epoch == task.epoch)
        };
        let again = self.tasks.get(&key).is_some_and(runs);
        if self.ending.is_some() && !again {
            let text = "节点正在关闭";
            self.outbox
                .push(stopped(task, StopReason::Shutdown.code(), text));
            return;
        }
        let (now, lease_ms) = (self.now_ms(), self.lease_ms);
        let row = self.tasks.entry(key).or_insert_with(|| Task {
            lease: Lease::new(lease_ms, now),
            run: None,
            deferred: None,
        });
        for output in row.lease.apply(Input::Assign { epoch: task.epoch }, now) {
            match output {
                Output::Start => self.start(key, assign.clone(), task),
                Output::Defer { .. } => {
                    if let Some(row) = self.tasks.get_mut(&key) {
                        row.deferred = Some(assign.clone());
                    }
                }
                other => self.perform(key, other),
            }
        }
    }

    /// Only called for [`Output::Start`].
    fn start(&mut self, key: TaskKey, assign: Assign, task: TaskRef) {
        let log = TaskLog::new(assign.log_limit_bytes);
        let (stop, signal) = StopSignal::channel();
        let (wish, wishes) = watch::channel(None);
        let events = TaskEvents {
            key,
            epoch: task.epoch,
            sender: self.sender.clone(),
        };
        let name = format!(
            "{}-{}-{}-{}",
            task.job_id, task.attempt, task.task, task.epoch
        );
        let context = Context {
            assign,
            log: log.clone(),
            stop: signal,
            wishes,
            events: events.clone(),
            artifacts: self.config.artifacts.clone(),
            models: Arc::clone(&self.config.models),
            folder: self.config.tasks_dir.join(name),
            keep: self
                .config
                .checkpoints_dir
                .join(format!("{}-{}", task.job_id, task.task)),
            node: Arc::clone(&self.config.node),
            replicas: self.config.replicas.clone(),
            blocking: TaskTracker::new(),
        };
        if let Some(row) = self.tasks.get_mut(&key) {
            row.run = Some(Run {
                task,
                log,
                stop,
                wish,
                progress: None,
                ready: None,
                ended: None,
                counted_drops: 0,
            });
        }
        tracing::info!(
            job = task.job_id,
            task = task.task,
            epoch = task.epoch,
            "task assigned"
        );
        tokio::spawn(async move {
            let finish = Box::pin(exec::run(context)).await;
            events.send(TaskEvent::Exit(Box::new(finish))).await;
        });
    }

    pub(super) fn stop_order(&mut self, task: &TaskRef, reason: &str, grace_ms: u64) {
        let key = TaskKey::of(task);
        if !self.tasks.contains_key(&key) {
            // Of a worker process that is gone: nothing runs, and the scheduler should know.
            let text = "本节点没有这个任务，可能在重启时已终止";
            self.outbox.push(stopped(*task, "ZS-TASK-UNKNOWN", text));
            return;
        }
        let reason = StopReason::Asked(reason.to_owned());
        let input = Input::Stop {
            epoch: task.epoch,
            reason,
            grace_ms,
        };
        self.step(key, input);
    }

    pub(super) fn stop_all(&mut self, grace_ms: u64) {
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            let input = Input::Stop {
                epoch: 0,
                reason: StopReason::Shutdown,
                grace_ms,
            };
            self.step(key, input);
            if let Some(row) = self.tasks.get_mut(&key) {
                row.deferred = None;
            }
        }
    }

    /// Whether a shutdown has nothing left to wait for.
    pub(super) fn is_over(&self) -> bool {
        let Some(ending) = &self.ending else {
            return false;
        };
        let idle = self.tasks.values().all(|task| !task.lease.is_active());
        (idle && self.outbox.is_empty()) || self.now_ms() > ending.deadline_ms + FAREWELL_MS
    }

    pub(super) fn task_event(&mut self, key: TaskKey, epoch: u64, event: TaskEvent) {
        let Some(row) = self.tasks.get_mut(&key) else {
            return;
        };
        let Some(run) = row.run.as_mut().filter(|run| run.task.epoch == epoch) else {
            return;
        };
        match event {
            TaskEvent::Started => self.step(key, Input::Started),
            TaskEvent::Progress(text) => run.progress = Some(text),
            TaskEvent::Ready {
                models,
                context_length,
                abilities,
            } => {
                let ready = ReplicaReady {
                    task: Some(run.task),
                    models,
                    context_length,
                    abilities,
                };
                run.ready = Some(ready.clone());
                self.outbox.push(Report::ReplicaReady(ready));
            }
            TaskEvent::Exit(finish) => {
                let outcome = finish.outcome;
                run.ended = Some(ended(run.task, *finish, run.stop.borrow().as_ref()));
                self.step(key, Input::Exit(outcome));
                let deferred = self.tasks.get_mut(&key).and_then(|row| row.deferred.take());
                if let Some(assign) = deferred {
                    self.assign(&assign);
                }
            }
        }
    }

    /// Feeds one input to a task's machine and does what it says.
    pub(super) fn step(&mut self, key: TaskKey, input: Input) {
        let now = self.now_ms();
        let Some(row) = self.tasks.get_mut(&key) else {
            return;
        };
        for output in row.lease.apply(input, now) {
            self.perform(key, output);
        }
    }

    fn perform(&mut self, key: TaskKey, output: Output) {
        if output == Output::Forget {
            self.tasks.remove(&key);
            return;
        }
        let Some(row) = self.tasks.get_mut(&key) else {
            return;
        };
        match (output, row.run.as_mut()) {
            (Output::Kill { reason, grace_ms }, Some(run)) => {
                tracing::info!(
                    job = key.job_id,
                    task = key.task,
                    ?reason,
                    grace_ms,
                    "stopping"
                );
                run.stop.send_replace(Some(StopOrder {
                    reason,
                    deadline: Instant::now() + Duration::from_millis(grace_ms),
                }));
            }
            (Output::ReportStarted, Some(run)) => {
                self.outbox.push(Report::Started(TaskStarted {
                    task: Some(run.task),
                }));
            }
            (Output::ReportEnded { outcome, used_ms }, Some(run)) => {
                if let Some(report) = run.ended.as_mut() {
                    report.outcome = outcome.word().into();
                    report.used_ms = used_ms;
                    self.config
                        .metrics
                        .ended
                        .with_label_values(&[outcome.word()])
                        .inc();
                    self.outbox.push(Report::Ended(report.clone()));
                }
            }
            (Output::Refuse { epoch, holds }, _) => {
                self.config.metrics.refused_orders.inc();
                tracing::warn!(
                    job = key.job_id,
                    task = key.task,
                    epoch,
                    holds,
                    "order of another epoch refused"
                );
            }
            // `assign` handles these two; the rest needs a run, which exists from the start on.
            _ => {}
        }
    }
}

fn stopped(task: TaskRef, code: &str, message: &str) -> Report {
    Report::Ended(TaskEnded {
        task: Some(task),
        outcome: Outcome::Stopped.word().into(),
        code: code.into(),
        message: message.into(),
        ..TaskEnded::default()
    })
}

fn ended(task: TaskRef, finish: Finish, order: Option<&StopOrder>) -> TaskEnded {
    let (mut code, mut message) = (finish.code, finish.message);
    if let Some(order) = order.filter(|_| finish.outcome != Outcome::Succeeded) {
        code = order.reason.code().into();
        let why = match &order.reason {
            StopReason::Asked(reason) => format!("已按调度器的要求停止（{reason}）"),
            StopReason::LeaseExpired => "与调度器失去联系超过租约时间，任务已停止".into(),
            StopReason::Shutdown => "节点关闭，任务已停止".into(),
            StopReason::Superseded => "任务的新一次尝试已到，旧的已停止".into(),
        };
        message = if message.is_empty() {
            why
        } else {
            format!("{why};{message}")
        };
    }
    TaskEnded {
        task: Some(task),
        // The lease machine sets the outcome and the use.
        outcome: String::new(),
        exit_code: finish.exit_code,
        code,
        message,
        used_ms: 0,
        outputs: finish.outputs,
        model: finish.model,
    }
}
