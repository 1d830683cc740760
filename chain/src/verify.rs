//! Checks a chain from its files alone, without any running program.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files::list;
use crate::line::{Break, Link, follow, read};
use crate::{Digest, Kind};

/// A chain that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Events read.
    pub events: u64,
    /// Number of the first event: 1, unless older files were taken away.
    pub first: u64,
    /// Hash of the last event: who keeps it elsewhere knows later that nothing before it changed,
    /// and that nothing was cut off.
    pub head: String,
}

/// Why a chain does not hold.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("无法读取 {}：{source}。请检查路径和读取权限", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The chain breaks.
    #[error("日志链在 {} 的第 {line} 行断开：{why}。请保全文件和备份后核查", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with the line.
        why: Break,
    },
    /// There is nothing to check.
    #[error("{} 里没有日志。请指明 {name}-*.jsonl 所在的目录或其中一个文件", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
        /// What names of its files begin with.
        name: &'static str,
    },
}

impl VerifyError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "ZS-AUDIT-READ",
            Self::Broken { .. } => "ZS-AUDIT-BROKEN",
            Self::Empty { .. } => "ZS-AUDIT-EMPTY",
        }
    }
}

/// Checks one file, or all files of a folder in their order, and names the first broken line.
pub fn verify(path: &Path, kind: Kind) -> Result<Verified, VerifyError> {
    let unreadable = |at: &Path| {
        let path = at.to_owned();
        move |source| VerifyError::Read { path, source }
    };
    let paths = if path.is_dir() {
        list(path, kind).map_err(unreadable(path))?
    } else {
        vec![path.to_owned()]
    };
    let mut walk = Walk {
        digest: kind.digest,
        last: None,
        first: 0,
        events: 0,
    };
    for path in &paths {
        let file = File::open(path).map_err(unreadable(path))?;
        let mut reader = BufReader::new(file);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let count = reader.read_until(b'\n', &mut line);
            if count.map_err(unreadable(path))? == 0 {
                break;
            }
            walk.step(&line).map_err(|why| VerifyError::Broken {
                path: path.clone(),
                line: number,
                why,
            })?;
        }
    }
    walk.end().ok_or_else(|| VerifyError::Empty {
        path: path.to_owned(),
        name: kind.name,
    })
}

/// The chain so far.
struct Walk {
    digest: Digest,
    last: Option<Link>,
    first: u64,
    events: u64,
}

impl Walk {
    /// Takes a line with its line end; every byte counts, the line end too.
    fn step(&mut self, line: &[u8]) -> Result<(), Break> {
        let line = line.strip_suffix(b"\n").ok_or(Break::NoLine)?;
        let line = std::str::from_utf8(line).map_err(|_| Break::NoLine)?;
        let next = if let Some(last) = &self.last {
            follow(self.digest, last, line)?
        } else {
            let (link, _) = read(self.digest, line)?;
            self.first = link.seq;
            // Older files may be kept elsewhere: the first line is taken at its word, except that
            // number 1 has nothing before it.
            if link.seq == 1 {
                follow(self.digest, &Link::begin(), line)?
            } else {
                link
            }
        };
        self.last = Some(next);
        self.events += 1;
        Ok(())
    }

    fn end(self) -> Option<Verified> {
        let last = self.last?;
        Some(Verified {
            events: self.events,
            first: self.first,
            head: last.hash,
        })
    }
}
