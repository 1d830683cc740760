//! Devices that do not exist, for trying a cluster out. Each one is marked.

use crate::options::SimulatedDevice;
use zhisuan_proto::v1::Device;

/// Numbered in the order of the settings.
pub(crate) fn devices(node: &str, wanted: &[SimulatedDevice]) -> Vec<Device> {
    wanted
        .iter()
        .flat_map(|device| std::iter::repeat_n(device, device.count as usize))
        .zip(0_u32..)
        .map(|(device, index)| Device {
            index,
            uuid: format!("SIMULATED-{node}-{index}"),
            kind: device.kind.clone(),
            memory_mib: device.memory_mib,
            simulated: true,
        })
        .collect()
}
