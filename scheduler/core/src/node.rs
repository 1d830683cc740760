//! Nodes and their devices: what they have, what is free, who took it.

use crate::{Amounts, MAX_DEVICES, NodeName, Refusal, Resources, WorkKind};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One accelerator as its worker described it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Identity from the driver, the same after a restart.
    pub uuid: String,
    /// Kind that jobs and prices name.
    pub kind: String,
    /// Memory, MiB.
    pub memory_mib: u64,
    /// No real device stands behind it.
    pub simulated: bool,
}

/// What a worker says of its machine when it registers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeSpec {
    /// Unique name.
    pub name: NodeName,
    /// In index order.
    pub devices: Vec<Device>,
    /// Thousandths of cores.
    pub cpu_milli: u32,
    /// Host memory, MiB.
    pub memory_mib: u64,
    /// For node selection.
    pub labels: BTreeMap<String, String>,
    /// Kinds of work that it runs.
    pub work: BTreeSet<WorkKind>,
    /// Version of the worker.
    pub version: String,
    /// host:port of its replicas.
    pub replica_address: String,
}

impl NodeSpec {
    /// Refuses descriptions that no machine can have.
    pub fn validate(&self) -> Result<(), Refusal> {
        let name = &self.name.0;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 63 || !name.chars().all(plain) {
            let accepted = "1 to 63 letters, digits, '-', '_', '.'";
            return Err(Refusal::invalid("register.node", name, accepted));
        }
        if self.devices.len() > MAX_DEVICES as usize {
            let accepted = format!("at most {MAX_DEVICES} devices");
            return Err(Refusal::invalid(
                "register.devices",
                self.devices.len(),
                accepted,
            ));
        }
        let mut seen = BTreeSet::new();
        for (index, device) in self.devices.iter().enumerate() {
            let field = |part: &str| format!("register.devices[{index}].{part}");
            if device.uuid.is_empty() || !seen.insert(&device.uuid) {
                let accepted = "a device identity, once per node";
                return Err(Refusal::invalid(field("uuid"), &device.uuid, accepted));
            }
            if device.kind.is_empty() || device.kind.len() > 64 {
                let accepted = "1 to 64 characters";
                return Err(Refusal::invalid(field("kind"), &device.kind, accepted));
            }
            if device.memory_mib == 0 || device.memory_mib > 16 * 1024 * 1024 {
                let accepted = "1 to 16777216 MiB";
                return Err(Refusal::invalid(
                    field("memory_mib"),
                    device.memory_mib,
                    accepted,
                ));
            }
        }
        if self.cpu_milli == 0 || self.cpu_milli > 4_096_000 {
            let accepted = "1 to 4096000 (thousandths of a core)";
            return Err(Refusal::invalid(
                "register.cpu_milli",
                self.cpu_milli,
                accepted,
            ));
        }
        if self.memory_mib == 0 || self.memory_mib > 64 * 1024 * 1024 {
            let accepted = "1 to 67108864 MiB";
            return Err(Refusal::invalid(
                "register.memory_mib",
                self.memory_mib,
                accepted,
            ));
        }
        Ok(())
    }
}

/// Whether a node takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// Takes work.
    Ready,
    /// Finishes what it has, takes nothing new.
    Draining,
    /// Its lease ran out.
    Lost,
    /// Its devices differ from those accepted; an operator must look.
    Refused,
}

/// Part of one device, as placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceSlice {
    /// Index on the node.
    pub index: u32,
    /// Thousandths taken.
    pub milli: u32,
    /// Memory taken, MiB.
    pub memory_mib: u64,
}

/// Free part of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceFree {
    /// Thousandths.
    pub milli: u32,
    /// MiB.
    pub memory_mib: u64,
}

/// A node with its free capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// As registered and accepted.
    pub spec: NodeSpec,
    /// Whether it takes work.
    pub state: NodeState,
    /// An operator's wish that outlives a lost session.
    pub drain: bool,
    /// Thousandths of cores not taken.
    pub cpu_milli_free: u32,
    /// Host memory not taken, MiB.
    pub memory_mib_free: u64,
    /// Per device, in index order.
    pub free: Vec<DeviceFree>,
}

impl Node {
    /// A node with nothing placed on it.
    #[must_use]
    pub fn new(spec: NodeSpec) -> Self {
        let free = spec
            .devices
            .iter()
            .map(|device| DeviceFree {
                milli: 1000,
                memory_mib: device.memory_mib,
            })
            .collect();
        Self {
            state: NodeState::Ready,
            drain: false,
            cpu_milli_free: spec.cpu_milli,
            memory_mib_free: spec.memory_mib,
            free,
            spec,
        }
    }

    /// The same node as if nothing ran on it: the question "could it ever?".
    #[must_use]
    pub fn emptied(&self) -> Self {
        Self::new(self.spec.clone())
    }

    /// Everything it has.
    #[must_use]
    pub fn capacity(&self) -> Amounts {
        Amounts {
            device_milli: self.spec.devices.len() as u64 * 1000,
            cpu_milli: u64::from(self.spec.cpu_milli),
            memory_mib: self.spec.memory_mib,
        }
    }

    /// Whether the node takes work and exactly these slices are free on it.
    pub(crate) fn has(&self, ask: &Resources, slices: &[DeviceSlice]) -> bool {
        let distinct: BTreeSet<u32> = slices.iter().map(|slice| slice.index).collect();
        let free = |slice: &DeviceSlice| {
            self.free.get(slice.index as usize).is_some_and(|free| {
                free.milli >= slice.milli && free.memory_mib >= slice.memory_mib
            })
        };
        self.state == NodeState::Ready
            && self.cpu_milli_free >= ask.cpu_milli
            && self.memory_mib_free >= ask.memory_mib
            && slices.len() == ask.devices as usize
            && distinct.len() == slices.len()
            && slices.iter().all(free)
    }

    /// Takes the resources of one task; the caller has checked that they fit.
    pub(crate) fn take(&mut self, ask: &Resources, slices: &[DeviceSlice]) {
        self.cpu_milli_free = self.cpu_milli_free.saturating_sub(ask.cpu_milli);
        self.memory_mib_free = self.memory_mib_free.saturating_sub(ask.memory_mib);
        for slice in slices {
            if let Some(free) = self.free.get_mut(slice.index as usize) {
                free.milli = free.milli.saturating_sub(slice.milli);
                free.memory_mib = free.memory_mib.saturating_sub(slice.memory_mib);
            }
        }
    }

    /// Gives back what [`Node::take`] took.
    pub(crate) fn give(&mut self, ask: &Resources, slices: &[DeviceSlice]) {
        self.cpu_milli_free = self.cpu_milli_free.saturating_add(ask.cpu_milli);
        self.memory_mib_free = self.memory_mib_free.saturating_add(ask.memory_mib);
        for slice in slices {
            if let Some(free) = self.free.get_mut(slice.index as usize) {
                free.milli = free.milli.saturating_add(slice.milli);
                free.memory_mib = free.memory_mib.saturating_add(slice.memory_mib);
            }
        }
    }
}
