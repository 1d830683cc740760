//! The roles of the platform, put together in one process.

pub(crate) mod data;
pub(crate) mod door;
pub(crate) mod examples;
pub(crate) mod knowledge;
pub(crate) mod operations;
pub(crate) mod stack;
pub(crate) mod tenants;

use crate::error::{Exit, Failure};
use crate::words::say;
use std::collections::BTreeMap;
use std::path::PathBuf;
use zhisuan_worker::{HubOptions, SimulatedDevice};

/// A role that did not start.
pub(crate) fn not_started(role: &str, code: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        Exit::Failed,
        code,
        say!("{} 没有启动:{}", "{} did not start: {}", role, error),
    )
}

/// Where model files are kept: `ZHISUAN_CACHE`, else the user's cache folder.
pub(crate) fn cache_dir() -> PathBuf {
    let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    var("ZHISUAN_CACHE").map_or_else(
        || PathBuf::from(var("HOME").unwrap_or_default()).join(".cache/zhisuan"),
        PathBuf::from,
    )
}

/// Hubs that the operator named; what is not named is not contacted.
pub(crate) fn hub() -> HubOptions {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    HubOptions {
        huggingface_endpoint: var("ZHISUAN_HUB_HUGGINGFACE"),
        modelscope_endpoint: var("ZHISUAN_HUB_MODELSCOPE"),
        pip_env: BTreeMap::new(),
    }
}

/// The machine's name as a node's name.
pub(crate) fn node_name() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let name: String = host
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .take(63)
        .collect();
    if name.is_empty() {
        "local".to_owned()
    } else {
        name
    }
}

/// "nvidia-h100:8:81920" to simulated devices.
pub(crate) fn simulated(texts: &[String]) -> Result<Vec<SimulatedDevice>, Failure> {
    texts
        .iter()
        .map(|text| {
            let mut parts = text.split(':');
            let kind = parts.next().filter(|kind| !kind.is_empty());
            let count = parts.next().and_then(|count| count.parse().ok());
            let memory = parts.next().and_then(|memory| memory.parse().ok());
            match (kind, count, memory, parts.next()) {
                (Some(kind), Some(count), Some(memory_mib), None) => Ok(SimulatedDevice {
                    kind: kind.to_owned(),
                    memory_mib,
                    count,
                }),
                _ => Err(Failure::usage(
                    "ZS-CLI-VALUE",
                    say!(
                        "模拟设备 \"{}\" 的写法不对",
                        "cannot read the simulated device \"{}\"",
                        text
                    ),
                )
                .field("simulate-devices")
                .hint("KIND:COUNT:MEMORY_MIB, nvidia-h100:8:81920")),
            }
        })
        .collect()
}
