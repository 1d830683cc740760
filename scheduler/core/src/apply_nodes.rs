//! Nodes come, drain, come back and are lost.

use crate::{
    Effect, JobId, Millis, Node, NodeName, NodeSpec, NodeState, Refusal, State, TaskRef,
    TaskReport, Verdict,
};

impl State {
    pub(crate) fn node_registered(
        &mut self,
        spec: &NodeSpec,
        running: &[TaskReport],
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        spec.validate()?;
        self.check_devices(spec)?;
        let tasks = self.tasks_on(&spec.name);
        if let Some(node) = self.nodes.get_mut(&spec.name) {
            node.state = if node.drain {
                NodeState::Draining
            } else {
                NodeState::Ready
            };
            // Devices are those on record; cores and memory differ only when nothing runs here
            // (both checked above), so what is free moves with what there is.
            node.cpu_milli_free =
                (node.cpu_milli_free + spec.cpu_milli).saturating_sub(node.spec.cpu_milli);
            node.memory_mib_free =
                (node.memory_mib_free + spec.memory_mib).saturating_sub(node.spec.memory_mib);
            node.spec = spec.clone();
        } else {
            self.nodes
                .insert(spec.name.clone(), Node::new(spec.clone()));
        }
        self.feasible.clear();
        self.leases
            .renew(&spec.name, now.plus(self.limits.lease_ms));
        let mut effects = vec![Effect::NodeChanged(spec.name.clone())];
        for report in running
            .iter()
            .filter(|report| !tasks.contains(&report.task))
        {
            let (task, node) = (report.task, spec.name.clone());
            effects.push(Effect::Stop {
                task,
                node,
                reason: "stale",
            });
        }
        for task in tasks {
            match running.iter().find(|report| report.task == task) {
                Some(report) => {
                    effects.extend(self.catch_up(*report, now));
                    effects.extend(self.meter(*report, now));
                }
                None => effects.extend(self.missing(task, &spec.name, now)),
            }
        }
        Ok(effects)
    }

    /// The word that a task started may have been lost with the old session. It cannot have
    /// started before it was placed, whatever its worker says.
    fn catch_up(&mut self, report: TaskReport, now: Millis) -> Vec<Effect> {
        let job = self.jobs.get(&report.task.job);
        let placed_at = job.and_then(|job| job.current()).map(|a| a.placed_at);
        let unheard = self
            .task(report.task)
            .is_ok_and(|run| run.started_at.is_none());
        let (true, Some(placed_at)) = (unheard && report.used_ms > 0, placed_at) else {
            return Vec::new();
        };
        let since = Millis(now.0.saturating_sub_unsigned(report.used_ms));
        self.begin(report.task, since.max(placed_at).min(now))
            .unwrap_or_default()
    }

    /// A worker came back without a task that it should have: started ones are lost, the order
    /// for the others is sent again (workers take it once per epoch).
    fn missing(&mut self, task: TaskRef, node: &NodeName, now: Millis) -> Vec<Effect> {
        let Ok(run) = self.task(task) else {
            return Vec::new();
        };
        let verdict = self
            .jobs
            .get(&task.job)
            .and_then(|job| job.current())
            .and_then(|a| a.verdict.as_ref());
        if run.started_at.is_none() && verdict.is_none() {
            let slices = run.slices.clone();
            return vec![Effect::Assign {
                task,
                node: node.clone(),
                slices,
            }];
        }
        self.lose(task, node, now)
    }

    fn lose(&mut self, task: TaskRef, node: &NodeName, now: Millis) -> Vec<Effect> {
        self.free_task(task);
        let mut effects = self.stop_all(task.job, Verdict::Lost { node: node.clone() }, "lost");
        effects.extend(self.end_attempt(task.job, now));
        effects
    }

    /// A node keeps the devices that it first came with, and no device is on two nodes.
    fn check_devices(&self, spec: &NodeSpec) -> Result<(), Refusal> {
        for device in &spec.devices {
            let owner = self.nodes.values().find(|node| {
                node.spec.name != spec.name
                    && node
                        .spec
                        .devices
                        .iter()
                        .any(|other| other.uuid == device.uuid)
            });
            if let Some(owner) = owner {
                let (uuid, owner) = (device.uuid.clone(), owner.spec.name.clone());
                return Err(Refusal::DeviceTaken { uuid, owner });
            }
        }
        let Some(node) = self.nodes.get(&spec.name) else {
            return Ok(());
        };
        let known = &node.spec;
        let same = (&known.devices, known.cpu_milli, known.memory_mib)
            == (&spec.devices, spec.cpu_milli, spec.memory_mib);
        // A machine on which nothing runs may change its cores and memory, never its devices.
        let idle = *node
            == Node {
                drain: node.drain,
                state: node.state,
                ..node.emptied()
            };
        if same || (idle && known.devices == spec.devices) {
            return Ok(());
        }
        let node = spec.name.clone();
        Err(Refusal::DevicesChanged {
            node,
            was: inventory(known),
            now: inventory(spec),
        })
    }

    /// Unlike a drain this ends by itself: the next registration makes the node ready again.
    pub(crate) fn node_leaving(&mut self, name: &NodeName) -> Result<Vec<Effect>, Refusal> {
        let unknown = || Refusal::UnknownNode(name.clone());
        let node = self.nodes.get_mut(name).ok_or_else(unknown)?;
        if node.state == NodeState::Ready {
            node.state = NodeState::Draining;
        }
        Ok(vec![Effect::NodeChanged(name.clone())])
    }

    pub(crate) fn node_drained(
        &mut self,
        name: &NodeName,
        drain: bool,
    ) -> Result<Vec<Effect>, Refusal> {
        let node = self
            .nodes
            .get_mut(name)
            .ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
        node.drain = drain;
        if matches!(node.state, NodeState::Ready | NodeState::Draining) {
            node.state = if drain {
                NodeState::Draining
            } else {
                NodeState::Ready
            };
        }
        Ok(vec![Effect::NodeChanged(name.clone())])
    }

    pub(crate) fn node_forgotten(&mut self, name: &NodeName) -> Result<Vec<Effect>, Refusal> {
        if !self.nodes.contains_key(name) {
            return Err(Refusal::UnknownNode(name.clone()));
        }
        let tasks = self.tasks_on(name);
        if let Some(task) = tasks.first() {
            return Err(Refusal::Conflict(format!(
                "node {name} (it runs job {})",
                task.job
            )));
        }
        self.nodes.remove(name);
        self.leases.forget(name);
        self.feasible.clear();
        Ok(vec![Effect::NodeChanged(name.clone())])
    }

    pub(crate) fn node_lost(
        &mut self,
        name: &NodeName,
        confirmed: &[TaskReport],
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let node = self
            .nodes
            .get_mut(name)
            .ok_or_else(|| Refusal::UnknownNode(name.clone()))?;
        node.state = NodeState::Lost;
        self.leases.forget(name);
        let mut effects = vec![Effect::NodeChanged(name.clone())];
        for task in self.tasks_on(name) {
            if let Some(report) = confirmed.iter().find(|report| report.task == task) {
                effects.extend(self.meter(*report, now));
            }
            effects.extend(self.lose(task, name, now));
        }
        Ok(effects)
    }

    /// Tasks that have not ended on a node.
    #[must_use]
    pub fn tasks_on(&self, name: &NodeName) -> Vec<TaskRef> {
        let on = |(id, job): (&JobId, &crate::Job)| {
            let attempt = job.current()?;
            let here = attempt
                .tasks
                .iter()
                .enumerate()
                .filter(|(_, run)| !run.ended && run.node == *name);
            let tasks: Vec<TaskRef> = here
                .map(|(task, _)| TaskRef {
                    job: *id,
                    attempt: attempt.number,
                    task: task as u32,
                    epoch: attempt.epoch,
                })
                .collect();
            Some(tasks)
        };
        self.jobs.iter().filter_map(on).flatten().collect()
    }
}

fn inventory(spec: &NodeSpec) -> String {
    let devices: Vec<String> = spec
        .devices
        .iter()
        .map(|device| format!("{} ({} MiB)", device.kind, device.memory_mib))
        .collect();
    format!(
        "{} devices [{}], {} millicores, {} MiB",
        devices.len(),
        devices.join(", "),
        spec.cpu_milli,
        spec.memory_mib
    )
}
