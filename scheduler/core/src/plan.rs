//! One planning pass: placements, and a reason with numbers for everything left waiting.
//!
//! Policy: serving before other work; then the tenant with the smallest weighted dominant share;
//! then its own priorities and order. A gang is placed whole or not at all. Best fit.

use crate::fair::dominant_share;
use crate::fit::{Shape, fit, leftover};
use crate::waiting::{ClassId, Walk};
use crate::{
    Amounts, DeviceSlice, FitFailure, JobId, Millis, Node, NodeName, NodeState, Reason, Shortfall,
    State, TenantName,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Where the tasks of one job go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The job.
    pub job: JobId,
    /// One per task, in order.
    pub tasks: Vec<(NodeName, Vec<DeviceSlice>)>,
}

/// Result of a pass.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// In the order in which they were decided.
    pub placements: Vec<Placement>,
    reasons: BTreeMap<ClassId, Reason>,
}

/// Nodes as they would be after the placements so far; only changed ones are copied.
struct Scratch<'a> {
    base: &'a BTreeMap<NodeName, Node>,
    changed: BTreeMap<NodeName, Node>,
}

impl<'a> Scratch<'a> {
    fn new(base: &'a BTreeMap<NodeName, Node>) -> Self {
        Self {
            base,
            changed: BTreeMap::new(),
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.base
            .iter()
            .map(|(name, node)| self.changed.get(name).unwrap_or(node))
    }

    fn change(&mut self, name: &NodeName) -> Option<&mut Node> {
        if !self.changed.contains_key(name) {
            self.changed
                .insert(name.clone(), self.base.get(name)?.clone());
        }
        self.changed.get_mut(name)
    }

    fn place_task(&mut self, shape: &Shape) -> Option<(NodeName, Vec<DeviceSlice>)> {
        let best = self
            .nodes()
            .filter_map(|node| Some((leftover(shape, node), node, fit(shape, node).ok()?)))
            .min_by(|(a, x, _), (b, y, _)| (a, &x.spec.name).cmp(&(b, &y.spec.name)));
        let (name, slices) = best.map(|(_, node, slices)| (node.spec.name.clone(), slices))?;
        self.change(&name)?.take(&shape.resources, &slices);
        Some((name, slices))
    }

    /// Places all tasks, or puts back what it took and says how many would have fitted.
    fn place_gang(&mut self, shape: &Shape) -> Result<Vec<(NodeName, Vec<DeviceSlice>)>, u64> {
        let mut placed = Vec::new();
        while placed.len() < shape.tasks as usize {
            if let Some(task) = self.place_task(shape) {
                placed.push(task);
                continue;
            }
            for (name, slices) in &placed {
                if let Some(node) = self.change(name) {
                    node.give(&shape.resources, slices);
                }
            }
            return Err(placed.len() as u64);
        }
        Ok(placed)
    }
}

impl State {
    /// Decides what starts now. Changes nothing: the placements become an event.
    #[must_use]
    pub fn plan(&self, _now: Millis) -> Plan {
        let mut pass = Pass {
            scratch: Scratch::new(&self.nodes),
            used: self
                .tenants
                .iter()
                .map(|(name, tenant)| (name.clone(), tenant.used))
                .collect(),
            total: self.capacity(),
            plan: Plan::default(),
        };
        let mut walk = self.waiting.walk();
        for serve in [true, false] {
            self.pass(&mut pass, &mut walk, serve);
        }
        pass.settle_reasons(&walk);
        pass.plan
    }

    /// Keeps the reasons of a pass, for `why` and lists.
    pub fn keep_reasons(&mut self, plan: Plan) {
        self.waiting.set_reasons(plan.reasons);
    }

    fn pass(&self, pass: &mut Pass<'_>, walk: &mut Walk<'_>, serve: bool) {
        let mut order: BTreeSet<(u128, &TenantName)> = walk
            .tenants()
            .map(|name| (self.share(pass, name), name))
            .collect();
        while let Some((_, tenant)) = order.pop_first() {
            let Some((class, id)) = walk.head(tenant, serve, &pass.plan.reasons) else {
                continue;
            };
            let (Some(job), Some(shape)) = (self.jobs.get(&id), walk.shape(class)) else {
                continue;
            };
            match pass.scratch.place_gang(shape) {
                Ok(tasks) => {
                    let used = pass.used.entry(tenant.clone()).or_default();
                    for _ in 0..shape.tasks {
                        used.add(shape.resources.amounts());
                    }
                    walk.take(tenant, class, job);
                    pass.plan.placements.push(Placement { job: id, tasks });
                }
                Err(fitting) => {
                    let reason = why_not(shape, &pass.scratch, fitting);
                    pass.plan.reasons.insert(class, reason);
                }
            }
            order.insert((self.share(pass, tenant), tenant));
        }
    }

    fn share(&self, pass: &Pass<'_>, name: &TenantName) -> u128 {
        let used = pass.used.get(name).copied().unwrap_or_default();
        self.tenants
            .get(name)
            .map_or(u128::MAX, |tenant| dominant_share(tenant, used, pass.total))
    }

    /// Why `shape` would wait if it were submitted now; `None` when it would start.
    pub(crate) fn would_wait(&self, shape: &Shape) -> Option<Reason> {
        let mut scratch = Scratch::new(&self.nodes);
        let fitting = scratch.place_gang(shape).err()?;
        Some(why_not(shape, &scratch, fitting))
    }

    /// Why `shape` can never run on this fleet. A fleet that nobody has joined yet may still grow.
    pub(crate) fn never(&self, shape: &Shape) -> Option<Reason> {
        if let Some(known) = self.feasible.get(shape) {
            return known.clone();
        }
        if self.nodes.is_empty() {
            return None;
        }
        let empty: BTreeMap<NodeName, Node> = self
            .nodes
            .iter()
            .map(|(name, node)| (name.clone(), node.emptied()))
            .collect();
        let mut scratch = Scratch::new(&empty);
        let fitting = scratch.place_gang(shape).err()?;
        let (nearest, most) = nearest(shape, empty.values());
        Some(Reason::Never {
            short: if fitting > 0 {
                Shortfall::Devices
            } else {
                nearest.short
            },
            asked: if fitting > 0 {
                u64::from(shape.tasks)
            } else {
                nearest.asked
            },
            most: if fitting > 0 { fitting } else { most },
            tasks: u64::from(shape.tasks),
        })
    }
}

struct Pass<'a> {
    scratch: Scratch<'a>,
    used: BTreeMap<TenantName, Amounts>,
    total: Amounts,
    plan: Plan,
}

impl Pass<'_> {
    /// Work placed later in the pass may have taken more: the kept numbers are those after it.
    fn settle_reasons(&mut self, walk: &Walk<'_>) {
        for (class, reason) in &mut self.plan.reasons {
            let Some(shape) = walk.shape(*class) else {
                continue;
            };
            if let Err(fitting) = self.scratch.place_gang(shape) {
                *reason = why_not(shape, &self.scratch, fitting);
            }
        }
    }
}

fn why_not(shape: &Shape, scratch: &Scratch<'_>, fitting: u64) -> Reason {
    if fitting > 0 {
        return Reason::Gang {
            tasks: u64::from(shape.tasks),
            fit: fitting,
        };
    }
    let ready: Vec<&Node> = scratch
        .nodes()
        .filter(|node| node.state == NodeState::Ready)
        .collect();
    if ready.is_empty() {
        return Reason::NoNodes {
            known: scratch.base.len() as u64,
        };
    }
    let (nearest, most) = nearest(shape, ready.iter().copied());
    let capable = ready
        .iter()
        .filter(|node| fit(shape, &node.emptied()).is_ok())
        .count();
    Reason::Insufficient {
        short: nearest.short,
        asked: nearest.asked,
        free: nearest.free,
        most,
        capable_nodes: capable as u64,
    }
}

/// The failure of the node that passed the most checks and misses least, and the most that any
/// node has in all of what is short there.
fn nearest<'a>(shape: &Shape, nodes: impl Iterator<Item = &'a Node>) -> (FitFailure, u64) {
    let nodes: Vec<&Node> = nodes.collect();
    let failures = nodes.iter().filter_map(|node| fit(shape, node).err());
    let none = FitFailure {
        short: Shortfall::NotReady,
        asked: 1,
        free: 0,
    };
    let nearest = failures
        .max_by_key(|failure| (failure.short, failure.free))
        .unwrap_or(none);
    let has = |node: &&Node| match nearest.short {
        Shortfall::Devices | Shortfall::DeviceKind => {
            let kind = &shape.resources.device_kind;
            let fits = |device: &&crate::Device| kind.is_empty() || *kind == device.kind;
            node.spec.devices.iter().filter(fits).count() as u64
        }
        Shortfall::DeviceMemory => node
            .spec
            .devices
            .iter()
            .map(|device| device.memory_mib)
            .max()
            .unwrap_or(0),
        Shortfall::Cpu => u64::from(node.spec.cpu_milli),
        Shortfall::Memory => node.spec.memory_mib,
        Shortfall::NotReady | Shortfall::Work | Shortfall::Label => 0,
    };
    (nearest, nodes.iter().map(has).max().unwrap_or(0))
}
