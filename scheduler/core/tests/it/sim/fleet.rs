//! Simulated workers: they start, run and end tasks, fall silent, come back, repeat themselves.

use super::rng::Rng;
use std::collections::BTreeMap;
use zhisuan_core::{
    Effect, Event, Heartbeat, Millis, NodeName, NodeSpec, Outcome, TaskRef, TaskReport,
};

#[derive(Clone)]
struct Work {
    starts_at: Millis,
    ends_at: Millis,
    started: bool,
    stopping: bool,
}

pub(crate) struct Worker {
    pub(crate) spec: NodeSpec,
    /// Whether it has a session; without one it hears and says nothing.
    pub(crate) up: bool,
    work: BTreeMap<TaskRef, Work>,
}

impl Worker {
    pub(crate) fn new(spec: NodeSpec) -> Self {
        let work = BTreeMap::new();
        Self {
            spec,
            up: false,
            work,
        }
    }

    pub(crate) fn heartbeat(&self, now: Millis) -> Heartbeat {
        let node = self.spec.name.clone();
        let running = self.reports(now);
        Heartbeat { node, running }
    }

    pub(crate) fn register(&self, now: Millis) -> Event {
        let node = self.spec.clone();
        let running = self.reports(now);
        Event::NodeRegistered { node, running }
    }

    fn reports(&self, now: Millis) -> Vec<TaskReport> {
        let report = |(task, work): (&TaskRef, &Work)| TaskReport {
            task: *task,
            used_ms: used(work, now),
        };
        self.work.iter().map(report).collect()
    }

    /// The machine restarted: it knows nothing of what it ran.
    pub(crate) fn forget(&mut self) {
        self.work.clear();
    }

    pub(crate) fn stop(&mut self, task: TaskRef) {
        if let Some(work) = self.work.get_mut(&task) {
            work.stopping = true;
        }
    }

    fn assign(&mut self, task: TaskRef, now: Millis, rng: &mut Rng) {
        let starts_at = now.plus(rng.between(0, 3_000));
        let work = Work {
            starts_at,
            ends_at: starts_at.plus(rng.between(500, 200_000)),
            started: false,
            stopping: false,
        };
        self.work.entry(task).or_insert(work);
    }

    /// What happened by `now`: tasks that started or ended, as reports.
    pub(crate) fn progress(&mut self, now: Millis, rng: &mut Rng) -> Vec<Event> {
        let mut events = Vec::new();
        for (task, work) in &mut self.work {
            if !work.started && !work.stopping && work.starts_at <= now {
                work.started = true;
                work.starts_at = now;
                events.push(Event::TaskStarted { task: *task });
            }
        }
        let over = |work: &Work| work.stopping || (work.started && work.ends_at <= now);
        let ended: Vec<TaskRef> = self
            .work
            .iter()
            .filter(|(_, work)| over(work))
            .map(|(task, _)| *task)
            .collect();
        for task in ended {
            let Some(work) = self.work.remove(&task) else {
                continue;
            };
            let mut used_ms = used(&work, now);
            if rng.once_in(20) {
                used_ms += 3_600_000;
            }
            let outcome = match rng.below(10) {
                _ if work.stopping => Outcome::Stopped,
                0 => Outcome::Failed {
                    exit_code: 1,
                    code: "WORK".to_owned(),
                    message: "it broke".to_owned(),
                },
                1 => Outcome::Stopped,
                _ => Outcome::Succeeded,
            };
            let report = TaskReport { task, used_ms };
            events.push(Event::TaskEnded { report, outcome });
        }
        events
    }
}

fn used(work: &Work, now: Millis) -> u64 {
    if work.started {
        now.since(work.starts_at)
    } else {
        0
    }
}

#[derive(Default)]
pub(crate) struct Fleet {
    pub(crate) workers: BTreeMap<NodeName, Worker>,
}

impl Fleet {
    /// Orders reach a worker that has a session; the others are lost on the way.
    pub(crate) fn deliver(&mut self, effects: &[Effect], now: Millis, rng: &mut Rng) {
        for effect in effects {
            match effect {
                Effect::Assign { task, node, .. } => {
                    if let Some(worker) = self.up(node) {
                        worker.assign(*task, now, rng);
                    }
                }
                Effect::Stop { task, node, .. } => {
                    if let Some(worker) = self.up(node) {
                        worker.stop(*task);
                    }
                }
                _ => {}
            }
        }
    }

    fn up(&mut self, node: &NodeName) -> Option<&mut Worker> {
        self.workers.get_mut(node).filter(|worker| worker.up)
    }

    pub(crate) fn named(&self, up: bool) -> Vec<NodeName> {
        self.workers
            .iter()
            .filter(|(_, worker)| worker.up == up)
            .map(|(name, _)| name.clone())
            .collect()
    }
}
