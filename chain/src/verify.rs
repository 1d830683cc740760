//! Checks a chain from its files alone, without any running program.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files::{first_in, list};
use crate::line::{Break, Link, follow, read};
use crate::{Digest, Kind};

/// A chain that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Events read.
    pub events: u64,
    /// Number of the first event: 1, unless older files were taken away.
    pub first: u64,
    /// The last event: who keeps its place elsewhere can later have it shown that nothing up to it
    /// changed, and that nothing was cut off.
    pub head: Link,
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
    #[error(
        "日志链从第 {seq} 条起不能证明（{} 的第 {line} 行）：{why}。请保全文件和备份后核查",
        path.display()
    )]
    Broken {
        /// The event from which on nothing is proven.
        seq: u64,
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with the line.
        why: Break,
    },
    /// The lines fit each other, but not what was kept of them elsewhere.
    #[error("{} 里的日志与另行保存的链头不符：{lost}", path.display())]
    Lost {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        lost: Lost,
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
            Self::Lost { .. } => "ZS-AUDIT-LOST",
            Self::Empty { .. } => "ZS-AUDIT-EMPTY",
        }
    }
}

/// How a chain differs from the head that was kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Lost {
    /// It ends before the head.
    #[error(
        "链只到第 {last} 条，应当到第 {head} 条：从第 {} 条起缺失。\
         请保全现有文件，从备份找回缺失的部分",
        last + 1
    )]
    CutOff {
        /// Number of its last event; 0 for none.
        last: u64,
        /// Number of the head.
        head: u64,
    },
    /// The head's place holds another event.
    #[error("第 {head} 条不是当时的那一条：它或它之前的记录被整段重写。请保全文件和备份后核查")]
    Rewritten {
        /// Number of the head.
        head: u64,
    },
    /// It begins after the head.
    #[error("这里从第 {first} 条开始，不含第 {head} 条：请连同更早的文件一起核对")]
    Elsewhere {
        /// Number of its first event.
        first: u64,
        /// Number of the head.
        head: u64,
    },
}

/// Checks one file, or all files of a folder in their order, and names the first event that does
/// not hold. With a head that was kept elsewhere it is also checked that nothing up to it was cut
/// off or written anew; events after it are as good as any that are not kept elsewhere.
pub fn verify(path: &Path, kind: Kind, kept: Option<&Link>) -> Result<Verified, VerifyError> {
    let unreadable = |at: &Path| {
        let path = at.to_owned();
        move |source| VerifyError::Read { path, source }
    };
    let paths = if path.is_dir() {
        list(path, kind).map_err(unreadable(path))?
    } else {
        vec![path.to_owned()]
    };
    let lost = |lost| VerifyError::Lost {
        path: path.to_owned(),
        lost,
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
                seq: walk.next().or_else(|| first_in(path, kind)).unwrap_or(1),
                path: path.clone(),
                line: number,
                why,
            })?;
            if let (Some(kept), Some(last)) = (kept, &walk.last) {
                other(last, kept).map_err(lost)?;
            }
        }
    }
    let Some(verified) = walk.end() else {
        return Err(match kept {
            Some(kept) => lost(Lost::CutOff {
                last: 0,
                head: kept.seq,
            }),
            None => VerifyError::Empty {
                path: path.to_owned(),
                name: kind.name,
            },
        });
    };
    if let Some(kept) = kept {
        within(verified.first, verified.head.seq, kept.seq).map_err(lost)?;
    }
    Ok(verified)
}

/// Whether the chain of a folder still has an event that was kept elsewhere. Reads only the files
/// from that event on; whether all lines hold is asked of [`verify`].
pub fn holds(folder: &Path, kind: Kind, kept: &Link) -> Result<(), VerifyError> {
    let unreadable = |at: &Path| {
        let path = at.to_owned();
        move |source| VerifyError::Read { path, source }
    };
    let lost = |lost| VerifyError::Lost {
        path: folder.to_owned(),
        lost,
    };
    let mut last = 0;
    for path in list(folder, kind).map_err(unreadable(folder))?.iter().rev() {
        let mut first = None;
        let file = File::open(path).map_err(unreadable(path))?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(unreadable(path))?;
            let text = std::str::from_utf8(&line).ok();
            let Some((link, _)) = text.and_then(|text| read(kind.digest, text).ok()) else {
                continue;
            };
            if link.seq == kept.seq {
                return other(&link, kept).map_err(lost);
            }
            first.get_or_insert(link.seq);
            last = last.max(link.seq);
        }
        if first.is_some_and(|first| first < kept.seq) {
            break;
        }
    }
    // It is not there: the chain ends before it, or its line is no whole one any more.
    Err(lost(if last < kept.seq {
        Lost::CutOff {
            last,
            head: kept.seq,
        }
    } else {
        Lost::Rewritten { head: kept.seq }
    }))
}

/// An event in the place of one that was kept must be that one.
fn other(found: &Link, kept: &Link) -> Result<(), Lost> {
    if found.seq == kept.seq && found.hash != kept.hash {
        return Err(Lost::Rewritten { head: kept.seq });
    }
    Ok(())
}

/// Whether a chain from one number to another has the head.
fn within(first: u64, last: u64, head: u64) -> Result<(), Lost> {
    if head > last {
        Err(Lost::CutOff { last, head })
    } else if head < first {
        Err(Lost::Elsewhere { first, head })
    } else {
        Ok(())
    }
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

    /// The number that must come next; none before the first line.
    fn next(&self) -> Option<u64> {
        Some(self.last.as_ref()?.seq.saturating_add(1))
    }

    fn end(self) -> Option<Verified> {
        let last = self.last?;
        Some(Verified {
            events: self.events,
            first: self.first,
            head: last,
        })
    }
}
