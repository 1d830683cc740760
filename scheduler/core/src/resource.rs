//! What a task asks for, and sums of it. Integers only.

use crate::Refusal;
use serde::{Deserialize, Serialize};

/// Most devices that one task may ask for, and that one node may have.
pub const MAX_DEVICES: u32 = 64;
const MAX_CPU_MILLI: u32 = 4_096_000;
const MAX_MEMORY_MIB: u64 = 64 * 1024 * 1024;

/// Request of one task; zero asks for none of a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resources {
    /// Accelerators on one node.
    pub devices: u32,
    /// Accelerator kind; empty accepts any.
    pub device_kind: String,
    /// Thousandths of each device, 1 to 1000; 0 when no device is asked for.
    pub device_milli: u32,
    /// Memory on each device, MiB; 0 means the same part of it as `device_milli`.
    pub device_memory_mib: u64,
    /// Thousandths of a core.
    pub cpu_milli: u32,
    /// Host memory, MiB.
    pub memory_mib: u64,
}

impl Resources {
    /// Refuses absurd numbers, naming the field; `path` is put before the field's name.
    pub fn validate(&self, path: &str) -> Result<(), Refusal> {
        let field = |name: &str| format!("{path}.{name}");
        if self.devices > MAX_DEVICES {
            let accepted = format!("0 to {MAX_DEVICES}");
            return Err(Refusal::invalid(field("devices"), self.devices, accepted));
        }
        if self.devices == 0 && (self.device_milli > 0 || self.device_memory_mib > 0) {
            let accepted = "at least 1 when a share or memory of a device is asked for";
            return Err(Refusal::invalid(field("devices"), self.devices, accepted));
        }
        if self.device_milli > 1000 || (self.devices > 0 && self.device_milli == 0) {
            let accepted = "1 to 1000 (thousandths of a device)";
            return Err(Refusal::invalid(
                field("device_milli"),
                self.device_milli,
                accepted,
            ));
        }
        if self.device_kind.len() > 64 {
            let accepted = "at most 64 characters";
            return Err(Refusal::invalid(
                field("device_kind"),
                &self.device_kind,
                accepted,
            ));
        }
        if self.cpu_milli == 0 || self.cpu_milli > MAX_CPU_MILLI {
            let accepted = format!("1 to {MAX_CPU_MILLI} (thousandths of a core)");
            return Err(Refusal::invalid(
                field("cpu_milli"),
                self.cpu_milli,
                accepted,
            ));
        }
        for (name, value) in [
            ("memory_mib", self.memory_mib),
            ("device_memory_mib", self.device_memory_mib),
        ] {
            if value > MAX_MEMORY_MIB {
                let accepted = format!("at most {MAX_MEMORY_MIB} (MiB)");
                return Err(Refusal::invalid(field(name), value, accepted));
            }
        }
        Ok(())
    }

    /// What one task takes, as plain sums.
    #[must_use]
    pub fn amounts(&self) -> Amounts {
        Amounts {
            device_milli: u64::from(self.devices) * u64::from(self.device_milli),
            cpu_milli: u64::from(self.cpu_milli),
            memory_mib: self.memory_mib,
        }
    }
}

/// Sums over tasks or nodes, the basis of shares and of charges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Amounts {
    /// Thousandths of devices.
    pub device_milli: u64,
    /// Thousandths of cores.
    pub cpu_milli: u64,
    /// Host memory, MiB.
    pub memory_mib: u64,
}

impl Amounts {
    /// Adds `other`, saturating.
    pub fn add(&mut self, other: Self) {
        self.device_milli = self.device_milli.saturating_add(other.device_milli);
        self.cpu_milli = self.cpu_milli.saturating_add(other.cpu_milli);
        self.memory_mib = self.memory_mib.saturating_add(other.memory_mib);
    }

    /// Takes `other` away, saturating at zero.
    pub fn take(&mut self, other: Self) {
        self.device_milli = self.device_milli.saturating_sub(other.device_milli);
        self.cpu_milli = self.cpu_milli.saturating_sub(other.cpu_milli);
        self.memory_mib = self.memory_mib.saturating_sub(other.memory_mib);
    }
}
