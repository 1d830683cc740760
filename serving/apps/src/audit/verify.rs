//! Checks a chain from its files alone, without any running program.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::chain::{Break, Place, follow, read};
use super::files::list;

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
        why: String,
    },
    /// There is nothing to check.
    #[error("{} 里没有日志。请指明问答日志的目录或其中一个文件", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
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
pub fn verify(path: &Path) -> Result<Verified, VerifyError> {
    let unreadable = |at: &Path| {
        let path = at.to_owned();
        move |source| VerifyError::Read { path, source }
    };
    let paths = if path.is_dir() {
        list(path).map_err(unreadable(path))?
    } else {
        vec![path.to_owned()]
    };
    let mut walk = Walk::default();
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
                why: why.words(),
            })?;
        }
    }
    walk.end().ok_or_else(|| VerifyError::Empty {
        path: path.to_owned(),
    })
}

/// The chain so far.
#[derive(Default)]
struct Walk {
    place: Option<Place>,
    first: u64,
    events: u64,
}

impl Walk {
    /// Takes a line with its line end; every byte counts, the line end too.
    fn step(&mut self, line: &[u8]) -> Result<(), Break> {
        let line = line.strip_suffix(b"\n").ok_or(Break::NoLine)?;
        let line = std::str::from_utf8(line).map_err(|_| Break::NoLine)?;
        let next = if let Some(place) = &self.place {
            follow(place, line)?
        } else {
            let (seq, _, next) = read(line)?;
            self.first = seq;
            // Older files may be kept elsewhere: the first line is taken at its word, except that
            // number 1 has nothing before it.
            if seq == 1 {
                follow(&Place::begin(), line)?
            } else {
                next
            }
        };
        self.place = Some(next);
        self.events += 1;
        Ok(())
    }

    fn end(self) -> Option<Verified> {
        let place = self.place?;
        Some(Verified {
            events: self.events,
            first: self.first,
            head: place.hash,
        })
    }
}
