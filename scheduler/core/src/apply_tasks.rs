//! Attempts: placed, started, charged, ended, retried.

use crate::{
    Attempt, Effect, Epoch, JobId, JobState, Millis, Node, NodeName, NodeState, Outcome, Placement,
    Refusal, State, TaskRef, TaskReport, TaskRun, Verdict,
};
use std::collections::{BTreeMap, BTreeSet};

impl State {
    pub(crate) fn placed(
        &mut self,
        placements: &[Placement],
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        self.check_placements(placements)?;
        let mut effects = Vec::new();
        for placement in placements {
            self.place(placement, now, &mut effects);
        }
        Ok(effects)
    }

    /// No job is placed twice and no device is given twice, whoever made the placements.
    fn check_placements(&self, placements: &[Placement]) -> Result<(), Refusal> {
        let mut seen = BTreeSet::new();
        let mut nodes: BTreeMap<&NodeName, Node> = BTreeMap::new();
        for placement in placements {
            let id = placement.job;
            let job = self.jobs.get(&id).ok_or(Refusal::UnknownJob(id))?;
            let whole = placement.tasks.len() == job.spec.tasks as usize;
            if job.state != JobState::Queued || !whole || !seen.insert(id) {
                return Err(Refusal::Conflict(format!("place of job {id}")));
            }
            let ask = &job.spec.resources;
            for (name, slices) in &placement.tasks {
                if !nodes.contains_key(name) {
                    let node = self.nodes.get(name).cloned();
                    let unknown = || Refusal::UnknownNode(name.clone());
                    nodes.insert(name, node.ok_or_else(unknown)?);
                }
                let node = nodes.get_mut(name).filter(|node| node.has(ask, slices));
                let full = || Refusal::Conflict(format!("room of job {id} on {name}"));
                node.ok_or_else(full)?.take(ask, slices);
            }
        }
        Ok(())
    }

    fn place(&mut self, placement: &Placement, now: Millis, effects: &mut Vec<Effect>) {
        let Some(job) = self.jobs.get_mut(&placement.job) else {
            return;
        };
        self.waiting.remove(job);
        self.last_epoch += 1;
        let epoch = Epoch(self.last_epoch);
        let number = job.attempts.len() as u32 + 1;
        let ask = job.spec.resources.clone();
        let mut tasks = Vec::with_capacity(placement.tasks.len());
        for (index, (name, slices)) in placement.tasks.iter().enumerate() {
            let Some(node) = self.nodes.get_mut(name) else {
                continue;
            };
            node.take(&ask, slices);
            let device = slices
                .first()
                .and_then(|slice| node.spec.devices.get(slice.index as usize));
            let device_kind = device.map(|device| device.kind.clone()).unwrap_or_default();
            tasks.push(new_task(name, slices.clone(), device_kind));
            if let Some(tenant) = self.tenants.get_mut(&job.tenant) {
                tenant.used.add(ask.amounts());
            }
            let task = TaskRef {
                job: job.id,
                attempt: number,
                task: index as u32,
                epoch,
            };
            let (node, slices) = (name.clone(), slices.clone());
            effects.push(Effect::Assign { task, node, slices });
        }
        job.attempts.push(Attempt {
            number,
            epoch,
            tasks,
            placed_at: now,
            started_at: None,
            ended_at: None,
            verdict: None,
            charged_micro: 0,
        });
        job.state = JobState::Starting;
        job.revision += 1;
        effects.push(Effect::JobChanged(job.id));
    }

    /// The task that a report is about, if the report's epoch is the current one.
    pub(crate) fn task(&self, task: TaskRef) -> Result<&TaskRun, Refusal> {
        self.jobs
            .get(&task.job)
            .and_then(|job| job.current())
            .filter(|attempt| attempt.epoch == task.epoch && attempt.number == task.attempt)
            .and_then(|attempt| attempt.tasks.get(task.task as usize))
            .filter(|run| !run.ended)
            .ok_or(Refusal::Stale(task))
    }

    pub(crate) fn task_started(
        &mut self,
        task: TaskRef,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        self.begin(task, now)
    }

    /// A task runs since `at`.
    pub(crate) fn begin(&mut self, task: TaskRef, at: Millis) -> Result<Vec<Effect>, Refusal> {
        if self.task(task)?.started_at.is_some() {
            return Ok(Vec::new());
        }
        let Some(job) = self.jobs.get_mut(&task.job) else {
            return Err(Refusal::Stale(task));
        };
        let Some(attempt) = job.current_mut() else {
            return Err(Refusal::Stale(task));
        };
        if let Some(run) = attempt.tasks.get_mut(task.task as usize) {
            run.started_at = Some(at);
        }
        if attempt.tasks.iter().all(|run| run.started_at.is_some()) {
            attempt.started_at = Some(at);
            job.started_at.get_or_insert(at);
            if job.state == JobState::Starting {
                job.state = JobState::Running;
            }
        }
        job.revision += 1;
        Ok(vec![Effect::JobChanged(task.job)])
    }

    pub(crate) fn used(&mut self, report: TaskReport, now: Millis) -> Result<Vec<Effect>, Refusal> {
        self.task(report.task)?;
        let mut effects = self.meter(report, now);
        effects.extend(self.renew_hold(report.task.job, now));
        Ok(effects)
    }

    pub(crate) fn task_ended(
        &mut self,
        report: TaskReport,
        outcome: &Outcome,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let node = self.task(report.task)?.node.clone();
        let mut effects = self.meter(report, now);
        self.free_task(report.task);
        let id = report.task.job;
        match outcome {
            Outcome::Succeeded => {}
            Outcome::Failed {
                exit_code,
                code,
                message,
            } => {
                let (exit_code, code, message) = (*exit_code, code.clone(), message.clone());
                let verdict = Verdict::Failed {
                    exit_code,
                    code,
                    message,
                };
                effects.extend(self.stop_all(id, verdict, "failed"));
            }
            // Stopped without having been asked: the worker is going away.
            Outcome::Stopped => {
                let leaving = self
                    .nodes
                    .get(&node)
                    .is_some_and(|node| node.state == NodeState::Draining);
                let verdict = if leaving {
                    Verdict::Returned { node }
                } else {
                    Verdict::Lost { node }
                };
                effects.extend(self.stop_all(id, verdict, "lost"));
            }
        }
        effects.extend(self.end_attempt(id, now));
        Ok(effects)
    }

    /// Gives back the resources of a task and marks it ended.
    pub(crate) fn free_task(&mut self, task: TaskRef) {
        let Some(job) = self.jobs.get_mut(&task.job) else {
            return;
        };
        let ask = job.spec.resources.clone();
        let tenant = job.tenant.clone();
        let Some(run) = job
            .current_mut()
            .and_then(|attempt| attempt.tasks.get_mut(task.task as usize))
        else {
            return;
        };
        run.ended = true;
        if let Some(node) = self.nodes.get_mut(&run.node) {
            node.give(&ask, &run.slices);
        }
        if let Some(tenant) = self.tenants.get_mut(&tenant) {
            tenant.used.take(ask.amounts());
        }
    }

    /// Decides how the attempt ends, unless that is decided, and asks its tasks to stop.
    pub(crate) fn stop_all(
        &mut self,
        id: JobId,
        verdict: Verdict,
        reason: &'static str,
    ) -> Vec<Effect> {
        let Some(job) = self.jobs.get_mut(&id) else {
            return Vec::new();
        };
        let Some(attempt) = job.current_mut() else {
            return Vec::new();
        };
        if attempt.verdict.is_some() {
            return Vec::new();
        }
        attempt.verdict = Some(verdict);
        let (number, epoch) = (attempt.number, attempt.epoch);
        let running = attempt
            .tasks
            .iter()
            .enumerate()
            .filter(|(_, run)| !run.ended);
        let mut effects: Vec<Effect> = running
            .map(|(index, run)| {
                let task = TaskRef {
                    job: id,
                    attempt: number,
                    task: index as u32,
                    epoch,
                };
                Effect::Stop {
                    task,
                    node: run.node.clone(),
                    reason,
                }
            })
            .collect();
        job.state = JobState::Stopping;
        job.revision += 1;
        effects.push(Effect::JobChanged(id));
        effects
    }

    /// When the last task has ended: ends the job, or queues it again after a lost node.
    pub(crate) fn end_attempt(&mut self, id: JobId, now: Millis) -> Vec<Effect> {
        let Some(job) = self.jobs.get_mut(&id) else {
            return Vec::new();
        };
        job.revision += 1;
        // What a node handed back in order was no try.
        let returned =
            |attempt: &&Attempt| matches!(attempt.verdict, Some(Verdict::Returned { .. }));
        let tries = job.attempts.len() - job.attempts.iter().filter(returned).count();
        let may_retry = (tries as u32) < job.spec.max_attempts;
        let Some(attempt) = job.current_mut() else {
            return Vec::new();
        };
        if attempt.tasks.iter().any(|run| !run.ended) {
            return vec![Effect::JobChanged(id)];
        }
        attempt.ended_at = Some(now);
        let verdict = attempt.verdict.get_or_insert(Verdict::Succeeded).clone();
        match verdict {
            Verdict::Succeeded => self.finish(id, JobState::Succeeded, now),
            Verdict::Failed { .. } | Verdict::OutOfBalance => {
                self.finish(id, JobState::Failed, now)
            }
            Verdict::Cancelled => self.finish(id, JobState::Cancelled, now),
            Verdict::TimedOut => self.finish(id, JobState::TimedOut, now),
            Verdict::Returned { .. } => {
                let mut effects = self.take_back_charges(id, now);
                effects.extend(self.queue_again(id));
                effects
            }
            Verdict::Lost { .. } => {
                let mut effects = self.take_back_charges(id, now);
                if may_retry {
                    effects.extend(self.queue_again(id));
                } else {
                    effects.extend(self.finish(id, JobState::Failed, now));
                }
                effects
            }
        }
    }

    fn queue_again(&mut self, id: JobId) -> Vec<Effect> {
        let Some(job) = self.jobs.get_mut(&id) else {
            return Vec::new();
        };
        job.state = JobState::Queued;
        job.revision += 1;
        self.waiting.insert(job);
        vec![Effect::JobChanged(id)]
    }
}

fn new_task(node: &NodeName, slices: Vec<crate::DeviceSlice>, device_kind: String) -> TaskRun {
    TaskRun {
        node: node.clone(),
        slices,
        device_kind,
        started_at: None,
        ended: false,
        metered_ms: 0,
        price_from_ms: 0,
        charged: BTreeMap::new(),
        first_charge: BTreeMap::new(),
    }
}
