//! Cores and memory of this machine, or of the control group that it may use, whichever is less.

use crate::error::Error;
use std::path::{Path, PathBuf};

const CGROUP_ROOT: &str = "/sys/fs/cgroup";
const MIB: u64 = 1024 * 1024;

/// What can be offered at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cpu_milli: u32,
    pub(crate) memory_mib: u64,
}

impl Machine {
    /// Reads the system. Only an unreadable memory size is an error; limits that cannot be read
    /// do not exist.
    pub(crate) fn read() -> Result<Self, Error> {
        // Affinity and whole-core quotas are known to the standard library.
        let cores = std::thread::available_parallelism()
            .map_err(|source| Error::io("无法得知处理器核数", source))?;
        let machine_cpu = u32::try_from(cores.get().saturating_mul(1000)).unwrap_or(u32::MAX);
        let text = std::fs::read_to_string("/proc/meminfo")
            .map_err(|source| Error::io("无法读取 /proc/meminfo", source))?;
        let total = parse_memory_total(&text).ok_or_else(|| {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidData);
            Error::io("/proc/meminfo 中没有 MemTotal", source)
        })?;
        let (mut cpu, mut memory) = (machine_cpu, total);
        for folder in cgroup_folders() {
            let limits = [
                read_limit(&folder.join("memory.max")),
                read_limit(&folder.join("memory.limit_in_bytes")),
            ];
            for limit in limits.into_iter().flatten() {
                memory = memory.min(limit);
            }
            if let Ok(text) = std::fs::read_to_string(folder.join("cpu.max")) {
                cpu = cpu.min(parse_cpu_max(&text).unwrap_or(u32::MAX));
            }
        }
        Ok(Self {
            cpu_milli: cpu.max(1),
            memory_mib: (memory / MIB).max(1),
        })
    }
}

/// The process's own control group and all above it: the tightest limit counts.
fn cgroup_folders() -> Vec<PathBuf> {
    let root = Path::new(CGROUP_ROOT);
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut folders = vec![root.to_path_buf(), root.join("memory")];
    for line in text.lines() {
        // "0::/path" (version 2) or "5:memory:/path" (version 1).
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controller), Some(path)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let base = match controller {
            "" => root.to_path_buf(),
            "memory" => root.join("memory"),
            _ => continue,
        };
        let own = base.join(path.trim_start_matches('/'));
        folders.extend(
            own.ancestors()
                .take_while(|folder| folder.starts_with(&base))
                .map(Path::to_path_buf),
        );
    }
    folders
}

fn read_limit(path: &Path) -> Option<u64> {
    // "max" stands for no limit and is no number.
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Bytes after "MemTotal:", which the kernel gives in KiB.
fn parse_memory_total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

/// "150000 100000" (quota and period, microseconds) gives 1500; "max 100000" gives `None`.
fn parse_cpu_max(text: &str) -> Option<u32> {
    let mut words = text.split_whitespace();
    let quota: u64 = words.next()?.parse().ok()?;
    let period: u64 = words.next()?.parse().ok()?;
    let milli = quota.checked_mul(1000)?.checked_div(period)?;
    u32::try_from(milli).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{Machine, parse_cpu_max, parse_memory_total};

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse_cpu_max("150000 100000\n"), Some(1500));
        assert_eq!(parse_cpu_max("max 100000\n"), None);
        assert_eq!(parse_cpu_max("1 0"), None);
        let text = "MemFree: 1 kB\nMemTotal:       24576 kB\n";
        assert_eq!(parse_memory_total(text), Some(24_576 * 1024));
        assert_eq!(parse_memory_total("MemTotal: many"), None);
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::read().unwrap();
        assert!(machine.cpu_milli >= 1 && machine.memory_mib >= 64);
    }
}
