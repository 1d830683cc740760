//! The actor: takes one event after the other, keeps time, and opens the session again by itself.

use super::link::{Link, LinkError, Opened};
use super::table::{Task, TaskKey};
use super::{Event, link};
use crate::artifacts::Artifacts;
use crate::backoff;
use crate::error::Error;
use crate::exec::NodeFacts;
use crate::lease::Input;
use crate::metrics::Metrics;
use crate::models::ModelStore;
use crate::outbox::Outbox;
use crate::replica::ReplicaTable;
use crate::rpc::Bearer;
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Endpoint;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::{Leaving, Register, TaskUsage};

const TICK: Duration = Duration::from_millis(50);
const EVENTS: usize = 1024;
/// After a refusal somebody must act first; asking every few seconds would only fill logs.
const REFUSED_PAUSE_MS: u64 = 15_000;
/// Until the first registration says otherwise.
const LEASE_MS: u64 = 30_000;
const HEARTBEAT_MS: u64 = 3_000;

/// What does not change while the worker lives.
pub(crate) struct Config {
    pub(crate) endpoint: Endpoint,
    pub(crate) bearer: Bearer,
    /// Without the running tasks, which are added at every registration.
    pub(crate) register: Register,
    pub(crate) tasks_dir: PathBuf,
    pub(crate) checkpoints_dir: PathBuf,
    pub(crate) artifacts: Artifacts,
    pub(crate) models: Arc<ModelStore>,
    pub(crate) node: Arc<NodeFacts>,
    pub(crate) replicas: ReplicaTable,
    pub(crate) metrics: Metrics,
}

/// A heartbeat whose acknowledgement is awaited.
pub(super) struct Beat {
    pub(super) sequence: u64,
    pub(super) sent_at_ms: u64,
    /// Up to where each task's log had been put on the stream before.
    pub(super) logs: Vec<(TaskKey, u64, u64)>,
}

/// An order to end everything.
pub(super) struct Ending {
    pub(super) deadline_ms: u64,
    done: oneshot::Sender<()>,
}

/// The actor's state.
pub(crate) struct Agent {
    pub(super) config: Config,
    birth: Instant,
    pub(super) tasks: BTreeMap<TaskKey, Task>,
    pub(super) outbox: Outbox,
    pub(super) link: Link,
    generation: u64,
    failures: u32,
    register_sent_ms: u64,
    pub(super) lease_ms: u64,
    pub(super) heartbeat_ms: u64,
    pub(super) next_beat_ms: u64,
    pub(super) sequence: u64,
    pub(super) beats: VecDeque<Beat>,
    pub(super) acknowledged_ms: u64,
    pub(super) ending: Option<Ending>,
    first: Option<oneshot::Sender<Result<(), Error>>>,
    events: mpsc::Receiver<Event>,
    pub(super) sender: mpsc::Sender<Event>,
}

impl Agent {
    /// An agent that has not connected yet. `first` hears of the first registration or refusal.
    pub(crate) fn new(
        config: Config,
        first: oneshot::Sender<Result<(), Error>>,
    ) -> (Self, mpsc::Sender<Event>) {
        let (sender, events) = mpsc::channel(EVENTS);
        let agent = Self {
            config,
            birth: Instant::now(),
            tasks: BTreeMap::new(),
            outbox: Outbox::default(),
            link: Link::Down { retry_at_ms: 0 },
            generation: 0,
            failures: 0,
            register_sent_ms: 0,
            lease_ms: LEASE_MS,
            heartbeat_ms: HEARTBEAT_MS,
            next_beat_ms: 0,
            sequence: 0,
            beats: VecDeque::new(),
            acknowledged_ms: 0,
            ending: None,
            first: Some(first),
            events,
            sender: sender.clone(),
        };
        (agent, sender)
    }

    /// Milliseconds by the monotonic clock.
    pub(super) fn now_ms(&self) -> u64 {
        self.birth.elapsed().as_millis() as u64
    }

    /// Runs until a shutdown has ended or the first registration was refused.
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = self.events.recv() => {
                    let Some(event) = event else { return };
                    if self.handle(event).is_break() {
                        return;
                    }
                }
                _ = ticks.tick() => {}
            }
            self.tick();
            if self.is_over() {
                self.link = Link::Down { retry_at_ms: 0 };
                if let Some(ending) = self.ending.take() {
                    let _ = ending.done.send(());
                }
                return;
            }
        }
    }

    fn handle(&mut self, event: Event) -> std::ops::ControlFlow<()> {
        match event {
            Event::Opened(generation, result) if self.is_opening(generation) => match result {
                Ok(opened) => self.opened(*opened),
                Err(error) => return self.not_opened(error),
            },
            Event::Incoming(generation, message) if self.is_up(generation) => match message {
                Some(message) => self.incoming(*message),
                None => self.disconnect("the scheduler closed the session"),
            },
            // Of a session that is no more.
            Event::Opened(..) | Event::Incoming(..) => {}
            Event::Task { key, epoch, event } => self.task_event(key, epoch, event),
            Event::Shutdown { grace, done } => self.begin_shutdown(grace, done),
        }
        std::ops::ControlFlow::Continue(())
    }

    fn is_opening(&self, number: u64) -> bool {
        matches!(self.link, Link::Opening { generation, .. } if generation == number)
    }

    fn is_up(&self, number: u64) -> bool {
        matches!(self.link, Link::Up { generation, .. } if generation == number)
    }

    fn tick(&mut self) {
        let now = self.now_ms();
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.step(key, Input::Tick);
        }
        match self.link {
            Link::Down { retry_at_ms } if now >= retry_at_ms => self.begin_open(),
            // Half-open connections look alive; the lease is the judge.
            Link::Up { .. } if now.saturating_sub(self.acknowledged_ms) > self.lease_ms => {
                self.disconnect("no acknowledgement within the lease");
            }
            _ => {}
        }
        self.pump();
        let active = self.tasks.values().filter(|task| task.lease.is_active());
        self.config.metrics.tasks.set(active.count() as i64);
    }

    fn begin_open(&mut self) {
        let now = self.now_ms();
        self.generation += 1;
        self.register_sent_ms = now;
        let generation = self.generation;
        let mut register = self.config.register.clone();
        register.running = self.running(now);
        // Ended, but perhaps not heard: not lost either, or it would be run a second time.
        let ends = self.outbox.unconfirmed_ends();
        register.running.extend(ends);
        let (endpoint, bearer) = (self.config.endpoint.clone(), self.config.bearer.clone());
        let sender = self.sender.clone();
        let task = tokio::spawn(async move {
            let result = Box::pin(link::open(endpoint, bearer, register)).await;
            let _ = sender.send(Event::Opened(generation, result)).await;
        });
        self.link = Link::Opening {
            generation,
            _task: AbortOnDropHandle::new(task),
        };
    }

    /// Every task that may be alive, with its cumulative use.
    pub(super) fn running(&self, now: u64) -> Vec<TaskUsage> {
        self.tasks
            .values()
            .filter(|task| task.lease.is_active())
            .filter_map(|task| {
                task.run.as_ref().map(|run| TaskUsage {
                    task: Some(run.task),
                    used_ms: task.lease.used_ms(now),
                })
            })
            .collect()
    }

    fn opened(&mut self, opened: Opened) {
        let Opened {
            registered,
            outgoing,
            incoming,
        } = opened;
        let generation = self.generation;
        let reader = tokio::spawn(link::read(generation, incoming, self.sender.clone()));
        self.link = Link::Up {
            generation,
            outgoing,
            _reader: AbortOnDropHandle::new(reader),
        };
        self.failures = 0;
        self.lease_ms = u64::from(registered.lease_ms).max(1);
        self.heartbeat_ms = u64::from(registered.heartbeat_ms).max(10);
        self.next_beat_ms = 0;
        self.beats.clear();
        self.outbox.rewind();
        for task in self.tasks.values_mut() {
            task.lease.set_lease_ms(self.lease_ms);
            if let Some(run) = &task.run {
                run.log.with(crate::logs::LogBuffer::rewind);
                if let Some(ready) = run.ready.clone().filter(|_| run.ended.is_none()) {
                    self.outbox.push(Report::ReplicaReady(ready));
                }
            }
        }
        self.acknowledge(self.register_sent_ms);
        self.config.metrics.connected.set(1);
        self.config.metrics.reconnects.inc();
        tracing::info!(lease_ms = self.lease_ms, "registered with the scheduler");
        for task in &registered.stop {
            self.stop_order(task, "lost", 0);
        }
        if let Some(first) = self.first.take() {
            let _ = first.send(Ok(()));
        }
    }

    fn not_opened(&mut self, error: LinkError) -> std::ops::ControlFlow<()> {
        let pause = match error {
            LinkError::Refused { code, message } => {
                tracing::error!(code, message, "the scheduler refuses this worker");
                if let Some(first) = self.first.take() {
                    let _ = first.send(Err(Error::Refused { code, message }));
                    return std::ops::ControlFlow::Break(());
                }
                REFUSED_PAUSE_MS
            }
            LinkError::Unreachable(reason) => {
                tracing::warn!(reason, "cannot reach the scheduler, trying again");
                backoff::pause_ms(self.failures, backoff::seed())
            }
        };
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down {
            retry_at_ms: self.now_ms() + pause,
        };
        std::ops::ControlFlow::Continue(())
    }

    pub(super) fn disconnect(&mut self, reason: &str) {
        tracing::warn!(reason, "session ended");
        let pause = backoff::pause_ms(self.failures, backoff::seed());
        self.failures = self.failures.saturating_add(1);
        self.link = Link::Down {
            retry_at_ms: self.now_ms() + pause,
        };
        self.config.metrics.connected.set(0);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.step(key, Input::Disconnected);
        }
    }

    /// What had been sent at this time has arrived: renews every lease.
    pub(super) fn acknowledge(&mut self, sent_at_ms: u64) {
        self.acknowledged_ms = self.acknowledged_ms.max(sent_at_ms);
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            self.step(key, Input::SchedulerAck { sent_at_ms });
        }
    }

    fn begin_shutdown(&mut self, grace: Duration, done: oneshot::Sender<()>) {
        let grace_ms = grace.as_millis() as u64;
        self.ending = Some(Ending {
            deadline_ms: self.now_ms() + grace_ms,
            done,
        });
        self.outbox.push(Report::Leaving(Leaving {}));
        self.stop_all(grace_ms);
    }
}
