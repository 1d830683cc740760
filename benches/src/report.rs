//! Samples, medians, the machine they come from, and the file they are kept in.

use anyhow::{Context, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// One measured thing.
#[derive(Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// In the order in which they were taken.
    pub(crate) samples: Vec<f64>,
    pub(crate) median: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
    /// The same on the peer, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<Peer>,
}

/// What a peer did in the same run.
#[derive(Serialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) samples: Vec<f64>,
    pub(crate) median: f64,
    /// Our median divided by the peer's.
    pub(crate) ratio: f64,
}

impl Row {
    pub(crate) fn new(name: impl Into<String>, unit: &'static str, samples: Vec<f64>) -> Self {
        Self {
            name: name.into(),
            unit,
            median: quantile(&samples, 50),
            p95: quantile(&samples, 95),
            p99: quantile(&samples, 99),
            samples,
            peer: None,
        }
    }

    pub(crate) fn against(mut self, name: &str, samples: Vec<f64>) -> Self {
        let median = quantile(&samples, 50);
        let ratio = if median > 0.0 {
            self.median / median
        } else {
            0.0
        };
        let name = name.to_owned();
        self.peer = Some(Peer {
            name,
            samples,
            median,
            ratio,
        });
        self
    }
}

/// A word of the command as anyone may repeat it: what lies below the home folder starts with `~`.
fn below_home(word: &str, home: &str) -> String {
    match word.strip_prefix(home.trim_end_matches('/')) {
        Some(rest) if !home.is_empty() && rest.starts_with('/') => format!("~{rest}"),
        _ => word.to_owned(),
    }
}

/// Nearest-rank quantile, 0 for no samples.
pub(crate) fn quantile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(0.0)
}

#[derive(Serialize)]
struct Machine {
    cpu: String,
    cores: usize,
    memory_mib: u64,
    system: String,
}

/// The result of one bench.
#[derive(Serialize)]
pub(crate) struct Report {
    bench: &'static str,
    /// What is not the product's own part of the measurement.
    note: String,
    command: String,
    profile: &'static str,
    commit: String,
    /// Seconds since the Unix epoch.
    at: u64,
    machine: Machine,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(bench: &'static str, note: impl Into<String>, rows: Vec<Row>) -> Self {
        let home = std::env::var("HOME").unwrap_or_default();
        let words: Vec<String> = std::env::args()
            .skip(1)
            .map(|word| below_home(&word, &home))
            .collect();
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            bench,
            note: note.into(),
            command: format!("cargo xtask bench {}", words.join(" ")),
            profile: if cfg!(debug_assertions) {
                "dev"
            } else {
                "release"
            },
            commit: commit(),
            at: at.map_or(0, |since| since.as_secs()),
            machine: Machine::here(),
            rows,
        }
    }

    /// For the terminal.
    pub(crate) fn table(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "{} ({}, commit {})\n{}, {} cores, {} MiB\n{}\n\n",
            self.bench,
            self.profile,
            self.commit,
            machine.cpu,
            machine.cores,
            machine.memory_mib,
            self.note
        );
        let width = self.rows.iter().map(|row| row.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for row in &self.rows {
            let (name, unit, count) = (&row.name, row.unit, row.samples.len());
            let _ = write!(
                text,
                "{name:width$}  median {:>12.3} {unit}  p95 {:>12.3}  p99 {:>12.3}  of {count}",
                row.median, row.p95, row.p99
            );
            if let Some(peer) = &row.peer {
                let _ = write!(
                    text,
                    "  {} {:.3}  ratio {:.2}",
                    peer.name, peer.median, peer.ratio
                );
            }
            text.push('\n');
        }
        text
    }

    pub(crate) fn write(&self, out: Option<&str>) -> Result<PathBuf> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("runs");
        let path = out.map_or_else(|| own.join(format!("{}.json", self.bench)), PathBuf::from);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Machine {
    fn here() -> Self {
        let cpu = field("/proc/cpuinfo", "model name");
        let memory = field("/proc/meminfo", "MemTotal");
        let kib: u64 = memory
            .split(' ')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        Self {
            cpu: if cpu.is_empty() {
                std::env::consts::ARCH.to_owned()
            } else {
                cpu
            },
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: kib / 1024,
            system: std::env::consts::OS.to_owned(),
        }
    }
}

/// First line `name : value` of a file of the system, empty when there is none.
fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_once(':'));
    value
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}

/// The commit, with a mark when the tree has changes that are in none.
fn commit() -> String {
    let git = |args: &[&str]| {
        let mut run = Command::new("git");
        run.args(args).current_dir(env!("CARGO_MANIFEST_DIR"));
        let text = run.output().map(|run| run.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).trim().to_owned()
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).is_empty();
    match (commit.is_empty(), changed) {
        (true, _) => "unknown".to_owned(),
        (_, true) => format!("{commit}+changes"),
        _ => commit,
    }
}
