//! Can this task run on that node: the slices it would take, or what is short.

use crate::{DeviceSlice, Node, NodeState, Resources, WorkKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a node lacks, in the order in which the checks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shortfall {
    /// It takes no work now.
    NotReady,
    /// It does not run this kind of work.
    Work,
    /// It lacks a label.
    Label,
    /// It has no device of the kind.
    DeviceKind,
    /// Devices with enough free share.
    Devices,
    /// Memory on one of the devices asked for, MiB.
    DeviceMemory,
    /// Cores, thousandths.
    Cpu,
    /// Host memory, MiB.
    Memory,
}

/// Why a task does not fit a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitFailure {
    /// What is short.
    pub short: Shortfall,
    /// Asked for.
    pub asked: u64,
    /// Free on this node.
    pub free: u64,
}

/// What jobs of one shape ask of nodes; jobs of the same shape share every answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Shape {
    pub(crate) work: WorkKind,
    pub(crate) resources: Resources,
    pub(crate) tasks: u32,
    pub(crate) labels: BTreeMap<String, String>,
}

/// Slices that one task of `shape` would take on `node`, or the first thing that is short.
pub(crate) fn fit(shape: &Shape, node: &Node) -> Result<Vec<DeviceSlice>, FitFailure> {
    let fail = |short, asked, free| Err(FitFailure { short, asked, free });
    if node.state != NodeState::Ready || node.drain {
        return fail(Shortfall::NotReady, 1, 0);
    }
    if !node.spec.work.contains(&shape.work) {
        return fail(Shortfall::Work, 1, 0);
    }
    let has = |(key, value): (&String, &String)| node.spec.labels.get(key) == Some(value);
    if !shape.labels.iter().all(has) {
        return fail(Shortfall::Label, 1, 0);
    }
    let ask = &shape.resources;
    let slices = fit_devices(ask, node)?;
    if ask.cpu_milli > node.cpu_milli_free {
        return fail(
            Shortfall::Cpu,
            u64::from(ask.cpu_milli),
            u64::from(node.cpu_milli_free),
        );
    }
    if ask.memory_mib > node.memory_mib_free {
        return fail(Shortfall::Memory, ask.memory_mib, node.memory_mib_free);
    }
    Ok(slices)
}

/// Devices of one kind, so that one price holds for all of them: the kind that was asked for, or
/// the first of the node that has room.
fn fit_devices(ask: &Resources, node: &Node) -> Result<Vec<DeviceSlice>, FitFailure> {
    if ask.devices == 0 {
        return Ok(Vec::new());
    }
    if !ask.device_kind.is_empty() {
        return fit_kind(ask, &ask.device_kind, node);
    }
    let mut nearest = FitFailure {
        short: Shortfall::DeviceKind,
        asked: u64::from(ask.devices),
        free: 0,
    };
    let mut seen = BTreeSet::new();
    for device in &node.spec.devices {
        if !seen.insert(&device.kind) {
            continue;
        }
        match fit_kind(ask, &device.kind, node) {
            Ok(slices) => return Ok(slices),
            Err(failure) if (failure.short, failure.free) > (nearest.short, nearest.free) => {
                nearest = failure;
            }
            Err(_) => {}
        }
    }
    Err(nearest)
}

/// The fullest devices that still have room, so that whole ones stay whole.
fn fit_kind(ask: &Resources, kind: &str, node: &Node) -> Result<Vec<DeviceSlice>, FitFailure> {
    let asked = u64::from(ask.devices);
    let fail = |short, free| Err(FitFailure { short, asked, free });
    let mut of_kind = 0_u64;
    let mut with_share = 0_u64;
    let mut room = Vec::new();
    // Of the devices with too little memory, the one that comes nearest: free, asked.
    let mut little = (0, memory_of(ask, 0));
    for (index, (device, free)) in node.spec.devices.iter().zip(&node.free).enumerate() {
        if device.kind != kind {
            continue;
        }
        of_kind += 1;
        if free.milli < ask.device_milli {
            continue;
        }
        with_share += 1;
        let memory_mib = memory_of(ask, device.memory_mib);
        if free.memory_mib < memory_mib {
            little = little.max((free.memory_mib, memory_mib));
            continue;
        }
        let slice = DeviceSlice {
            index: index as u32,
            milli: ask.device_milli,
            memory_mib,
        };
        room.push((free.milli, slice));
    }
    if of_kind == 0 {
        return fail(Shortfall::DeviceKind, 0);
    }
    if with_share < asked {
        return fail(Shortfall::Devices, with_share);
    }
    if (room.len() as u64) < asked {
        let (free, asked) = little;
        let short = Shortfall::DeviceMemory;
        return Err(FitFailure { short, asked, free });
    }
    room.sort_by_key(|(free, slice)| (*free, slice.index));
    room.truncate(ask.devices as usize);
    Ok(room.into_iter().map(|(_, slice)| slice).collect())
}

fn memory_of(ask: &Resources, device_mib: u64) -> u64 {
    if ask.device_memory_mib > 0 {
        ask.device_memory_mib
    } else {
        device_mib * u64::from(ask.device_milli) / 1000
    }
}

/// What would be left over: smaller is the better fit; the node's name breaks ties.
pub(crate) fn leftover(shape: &Shape, node: &Node) -> (u64, u64, u64) {
    let device: u64 = node.free.iter().map(|free| u64::from(free.milli)).sum();
    let ask = shape.resources.amounts();
    (
        device.saturating_sub(ask.device_milli),
        u64::from(node.cpu_milli_free).saturating_sub(ask.cpu_milli),
        node.memory_mib_free.saturating_sub(ask.memory_mib),
    )
}
