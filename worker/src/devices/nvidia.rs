//! NVIDIA devices through NVML, when the driver's library is on the machine.

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use std::ffi::OsStr;
use zhisuan_proto::v1::Device;

/// Drivers install the versioned name; the plain one comes only with developer packages.
const LIBRARIES: [&str; 2] = ["libnvidia-ml.so.1", "libnvidia-ml.so"];

/// All devices of the driver, or none when there is no driver. Never fails: a node without
/// working devices is a node without devices.
pub(crate) fn devices() -> Vec<Device> {
    for library in LIBRARIES {
        match Nvml::builder().lib_path(OsStr::new(library)).init() {
            Ok(nvml) => return read(&nvml),
            Err(NvmlError::LibloadingError(_)) => {}
            Err(error) => {
                tracing::warn!(%error, library, "NVML is present but does not work");
                return Vec::new();
            }
        }
    }
    Vec::new()
}

fn read(nvml: &Nvml) -> Vec<Device> {
    let count = nvml.device_count().unwrap_or_else(|error| {
        tracing::warn!(%error, "NVML cannot count the devices");
        0
    });
    let mut devices = Vec::new();
    for index in 0..count {
        match read_one(nvml, index) {
            Ok(device) => devices.push(device),
            // A device that cannot be read cannot be given to a task either.
            Err(error) => tracing::warn!(%error, index, "NVML cannot read a device"),
        }
    }
    devices
}

fn read_one(nvml: &Nvml, index: u32) -> Result<Device, NvmlError> {
    let device = nvml.device_by_index(index)?;
    Ok(Device {
        index,
        uuid: device.uuid()?,
        kind: kind_of(&device.name()?),
        memory_mib: device.memory_info()?.total / (1024 * 1024),
        simulated: false,
    })
}

/// "NVIDIA H100 80GB HBM3" gives "nvidia-h100", "NVIDIA GeForce RTX 4090" gives "nvidia-rtx-4090":
/// the maker, an "rtx" where the product has it, and the first word with a digit.
fn kind_of(name: &str) -> String {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut kind = String::from("nvidia");
    if words.iter().any(|word| word == "rtx") {
        kind.push_str("-rtx");
    }
    match words
        .iter()
        .find(|word| word.bytes().any(|b| b.is_ascii_digit()))
    {
        Some(model) => {
            kind.push('-');
            kind.push_str(model);
        }
        None => {
            for word in words.iter().filter(|w| *w != "nvidia" && *w != "rtx") {
                kind.push('-');
                kind.push_str(word);
            }
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::kind_of;

    #[test]
    fn kinds_are_short_and_stable() {
        for (name, kind) in [
            ("NVIDIA H100 80GB HBM3", "nvidia-h100"),
            ("NVIDIA H200", "nvidia-h200"),
            ("NVIDIA A100-SXM4-40GB", "nvidia-a100"),
            ("Tesla T4", "nvidia-t4"),
            ("NVIDIA GeForce RTX 4090", "nvidia-rtx-4090"),
            ("NVIDIA RTX 6000 Ada Generation", "nvidia-rtx-6000"),
            ("NVIDIA TITAN V", "nvidia-titan-v"),
        ] {
            assert_eq!(kind_of(name), kind);
        }
    }
}
