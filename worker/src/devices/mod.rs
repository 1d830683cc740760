//! What this node offers: cores and memory always, devices when there are any.

mod cpu;
mod nvidia;
mod simulated;

use crate::error::Error;
use crate::options::{Options, RESERVED_LABEL_PREFIX};
use std::collections::BTreeMap;
use zhisuan_proto::v1::Device;

/// The offer that registration carries. `simulated` and each device's mark are set here and
/// nowhere else: no setting can present a simulated device as a real one.
#[derive(Clone, Debug)]
pub(crate) struct Inventory {
    pub(crate) devices: Vec<Device>,
    pub(crate) cpu_milli: u32,
    pub(crate) memory_mib: u64,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) simulated: bool,
}

impl Inventory {
    /// Looks at the machine. A real node may offer less than it has, never more.
    pub(crate) fn discover(options: &Options) -> Result<Self, Error> {
        let machine = cpu::Machine::read()?;
        let simulated = !options.simulated_devices.is_empty();
        let devices = if simulated {
            simulated::devices(&options.node, &options.simulated_devices)
        } else {
            nvidia::devices()
        };
        let mut labels = options.labels.clone();
        if simulated {
            labels.insert(format!("{RESERVED_LABEL_PREFIX}simulated"), "true".into());
        }
        Ok(Self {
            devices,
            cpu_milli: offered(
                "cpu_milli",
                options.cpu_milli.map(u64::from),
                u64::from(machine.cpu_milli),
                simulated,
            )? as u32,
            memory_mib: offered(
                "memory_mib",
                options.memory_mib,
                machine.memory_mib,
                simulated,
            )?,
            labels,
            simulated,
        })
    }
}

/// A simulated node may claim any size, since it says that it is simulated.
fn offered(
    field: &'static str,
    wish: Option<u64>,
    machine: u64,
    simulated: bool,
) -> Result<u64, Error> {
    match wish {
        None => Ok(machine),
        Some(wish) if wish > 0 && (simulated || wish <= machine) => Ok(wish),
        Some(wish) => Err(Error::option(
            field,
            &wish.to_string(),
            &format!("1 到 {machine}(本机实有)"),
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::Inventory;
    use crate::options::{Options, SimulatedDevice};

    #[test]
    fn a_real_node_cannot_offer_more_than_it_has() {
        let options = Options {
            cpu_milli: Some(u32::MAX),
            ..Options::default()
        };
        let error = Inventory::discover(&options).unwrap_err();
        assert_eq!(error.code(), "ZS-WORKER-OPTION");
        assert!(error.to_string().contains("cpu_milli"), "{error}");
    }

    #[test]
    fn a_simulated_node_says_so_in_every_place() {
        let options = Options {
            node: "sim-1".into(),
            cpu_milli: Some(64_000),
            simulated_devices: vec![SimulatedDevice {
                kind: "nvidia-h100".into(),
                memory_mib: 81_920,
                count: 2,
            }],
            ..Options::default()
        };
        let found = Inventory::discover(&options).unwrap();
        assert!(found.simulated);
        assert_eq!(found.devices.len(), 2);
        assert!(
            found
                .devices
                .iter()
                .all(|device| device.simulated && device.uuid.starts_with("SIMULATED-"))
        );
        assert_eq!(found.labels["zhisuan.simulated"], "true");
    }
}
