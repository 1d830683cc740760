//! The files of a chain: append-only, one after the other, continued after a restart.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::Kind;
use crate::line::{Link, link, read};

/// The usual size at which a file is closed and the next one begun.
pub const ROTATE_BYTES: u64 = 64 << 20;

/// The open file of a chain. Calls block.
#[derive(Debug)]
pub struct Files {
    /// Held as long as the files are written: two writers would tear the chain apart.
    _lock: File,
    kind: Kind,
    folder: PathBuf,
    file: File,
    bytes: u64,
    rotate_bytes: u64,
    last: Link,
}

impl Files {
    /// Continues the newest file of a folder, or begins the first. A second writer of the same
    /// folder is refused. A file of `rotate_bytes` is closed and the next one begun.
    pub fn open(folder: &Path, kind: Kind, rotate_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = lock(folder)?;
        let mut last = Link::begin();
        // An empty newest file continues the one before it.
        for path in list(folder, kind)?.iter().rev() {
            let (found, torn) = last_line(path, kind)?;
            if let Some(torn) = torn {
                set_aside(path, torn)?;
            }
            if let Some(found) = found {
                last = found;
                break;
            }
        }
        let newest = list(folder, kind)?.pop();
        let file = append(&newest.unwrap_or_else(|| name(folder, kind, &last)))?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            _lock: lock,
            kind,
            folder: folder.to_owned(),
            file,
            bytes,
            rotate_bytes: rotate_bytes.max(1),
            last,
        })
    }

    /// Writes events, waits until they are on the disk and returns their places, in order. Where
    /// that fails nothing was written, and the same may be tried again. Members `seq`, `prev` and
    /// `hash` are the chain's own.
    pub fn append(&mut self, events: &[Map<String, Value>]) -> io::Result<Vec<Link>> {
        let mut lines = String::new();
        let mut links: Vec<Link> = Vec::with_capacity(events.len());
        for event in events {
            let last = links.last().unwrap_or(&self.last);
            let (line, next) = link(self.kind.digest, last, event);
            lines.extend([line.as_str(), "\n"]);
            links.push(next);
        }
        let written = self
            .file
            .write_all(lines.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was half written would break the chain for the next try.
            self.file.set_len(self.bytes)?;
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        if let Some(last) = links.last() {
            self.last = last.clone();
        }
        if self.bytes >= self.rotate_bytes {
            self.file = append(&name(&self.folder, self.kind, &self.last))?;
            self.bytes = 0;
        }
        Ok(links)
    }
}

/// The files of a folder, the oldest first.
pub(crate) fn list(folder: &Path, kind: Kind) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem
            .and_then(|stem| stem.strip_prefix(kind.name))
            .and_then(|rest| rest.strip_prefix('-'));
        if number.is_some() && path.extension().is_some_and(|kind| kind == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// The number of the first line in a file, as its name tells it.
pub(crate) fn first_in(path: &Path, kind: Kind) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let number = stem.strip_prefix(kind.name)?.strip_prefix('-')?;
    number.parse().ok()
}

/// Named by the first line in it, so that names sort as the chain does.
fn name(folder: &Path, kind: Kind, last: &Link) -> PathBuf {
    let first = last.seq.saturating_add(1);
    folder.join(format!("{}-{first:012}.jsonl", kind.name))
}

fn lock(folder: &Path) -> io::Result<File> {
    let file = append(&folder.join("lock"))?;
    file.try_lock().map_err(|error| match error {
        TryLockError::Error(error) => error,
        TryLockError::WouldBlock => io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!(
                "另一个程序正在写 {} 里的日志，两个程序写同一条链会把它写断。\
                 请先停止那个程序，或者给这一个另外的目录",
                folder.display()
            ),
        ),
    })?;
    Ok(file)
}

fn append(path: &Path) -> io::Result<File> {
    private().create(true).append(true).open(path)
}

/// Only the program's own account may read what it writes.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The place of the last whole line, and the byte at which a torn one begins.
fn last_line(path: &Path, kind: Kind) -> io::Result<(Option<Link>, Option<u64>)> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut last, mut at, mut line) = (None, 0, Vec::new());
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)? as u64;
        if count == 0 {
            return Ok((last, None));
        }
        let Some(whole) = line.strip_suffix(b"\n") else {
            return Ok((last, Some(at)));
        };
        // Only the place matters here; whether the chain holds is asked of `verify`.
        let text = std::str::from_utf8(whole).ok();
        if let Some((link, _)) = text.and_then(|text| read(kind.digest, text).ok()) {
            last = Some(link);
        }
        at += count;
    }
}

/// A line that a crash tore is kept beside the file: nobody was told that it was written.
fn set_aside(path: &Path, at: u64) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let torn = bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..);
    let torn = torn.unwrap_or_default();
    append(&path.with_extension("torn"))?.write_all(torn)?;
    tracing::warn!(file = %path.display(), bytes = torn.len(), "a torn line was set aside");
    OpenOptions::new().write(true).open(path)?.set_len(at)
}
