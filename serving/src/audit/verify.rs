//! Checks a chain of audit events, from outside of any gateway.

use super::chain::{Break, Head, follow, read};
use super::files::list;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

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
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The chain breaks.
    #[error("the audit chain breaks at line {line} of {}: {why}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with the line.
        why: String,
    },
    /// There is nothing to check.
    #[error("no audit event in {}: name the gateway's audit folder, or one file of it", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
}

impl VerifyError {
    /// Stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "ZS-AUDIT-READ",
            Self::Broken { .. } => "ZS-AUDIT-BROKEN",
            Self::Empty { .. } => "ZS-AUDIT-EMPTY",
        }
    }
}

/// Checks one file, or all files of an audit folder in their order.
pub fn verify_audit(path: &Path) -> Result<Verified, VerifyError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| VerifyError::Read { path, source }
    };
    let paths = if path.is_dir() {
        list(path).map_err(unreadable(path))?
    } else {
        vec![path.to_owned()]
    };
    let mut head: Option<Head> = None;
    let (mut events, mut first) = (0, 0);
    for path in &paths {
        let file = File::open(path).map_err(unreadable(path))?;
        for (line, number) in BufReader::new(file).lines().zip(1..) {
            let line = line.map_err(unreadable(path))?;
            let broken = |why: Break| VerifyError::Broken {
                path: path.clone(),
                line: number,
                why: describe(&why),
            };
            let next = match &head {
                Some(head) => follow(head, &line),
                // Older files may be kept elsewhere: the first line is taken at its word, except
                // that number 1 has nothing before it.
                None => read(&line).and_then(|(seq, _, next)| {
                    first = seq;
                    if seq == 1 {
                        follow(&Head::begin(), &line)
                    } else {
                        Ok(next)
                    }
                }),
            };
            head = Some(next.map_err(broken)?);
            events += 1;
        }
    }
    let head = head.ok_or_else(|| VerifyError::Empty {
        path: path.to_owned(),
    })?;
    Ok(Verified {
        events,
        first,
        head: head.hash,
    })
}

fn describe(why: &Break) -> String {
    match why {
        Break::NoLine => "it is no audit event, or it is torn".to_owned(),
        Break::Changed => "its content does not have its hash: it was changed".to_owned(),
        Break::Missing { expected, found } => {
            format!("event {expected} should stand here, but it is event {found}")
        }
        Break::OtherBefore => {
            "the event before it is not the one that it was written after".to_owned()
        }
    }
}
