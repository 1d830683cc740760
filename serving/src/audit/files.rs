//! The files of the audit: append-only, one after the other, continued after a restart.

use super::chain::{Head, read};
use crate::lines::private;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// The open file and the place in the chain.
pub(super) struct Files {
    folder: PathBuf,
    file: File,
    bytes: u64,
    rotate_bytes: u64,
    pub(super) head: Head,
}

/// The files of a folder, the oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            stem.is_some_and(|stem| stem.starts_with("audit-"))
                && path.extension().is_some_and(|kind| kind == "jsonl")
        })
        .collect();
    paths.sort();
    Ok(paths)
}

impl Files {
    /// Continues the newest file, or begins the first.
    pub(super) fn open(folder: &Path, rotate_bytes: u64) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let mut head = Head::begin();
        // An empty newest file continues the one before it.
        for path in list(folder)?.iter().rev() {
            let (last, torn) = last_line(path)?;
            if let Some(torn) = torn {
                set_aside(path, torn)?;
            }
            if let Some(last) = last {
                head = last;
                break;
            }
        }
        let path = list(folder)?
            .pop()
            .unwrap_or_else(|| name(folder, head.next));
        let file = append(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            folder: folder.to_owned(),
            file,
            bytes,
            rotate_bytes,
            head,
        })
    }

    /// Writes lines that end at `head`, and makes them durable.
    pub(super) fn append(&mut self, lines: &str, head: Head) -> io::Result<()> {
        let before = self.bytes;
        let written = self
            .file
            .write_all(lines.as_bytes())
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was half written would break the chain for the next try.
            self.file.set_len(before)?;
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        self.head = head;
        if self.bytes >= self.rotate_bytes {
            self.file = append(&name(&self.folder, self.head.next))?;
            self.bytes = 0;
        }
        Ok(())
    }
}

/// Named by the first line in it, so that names sort as the chain does.
fn name(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("audit-{first:012}.jsonl"))
}

fn append(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().create(true).append(true)).open(path)
}

/// The place after the last whole line, and the byte at which a torn one begins.
fn last_line(path: &Path) -> io::Result<(Option<Head>, Option<u64>)> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut last, mut at, mut line) = (None, 0, Vec::new());
    loop {
        line.clear();
        let count = reader.read_until(b'\n', &mut line)? as u64;
        if count == 0 {
            return Ok((last, None));
        }
        if line.last() != Some(&b'\n') {
            return Ok((last, Some(at)));
        }
        let text = std::str::from_utf8(&line).map(str::trim_end);
        // Only the place matters here; whether the chain holds is asked of `verify`.
        if let Ok(Ok((_, _, head))) = text.map(read) {
            last = Some(head);
        }
        at += count;
    }
}

/// A line that a crash tore is kept beside the file: the event was never promised to be written.
fn set_aside(path: &Path, at: u64) -> io::Result<()> {
    let bytes = std::fs::read(path)?;
    let torn = bytes
        .get(usize::try_from(at).unwrap_or(usize::MAX)..)
        .unwrap_or_default();
    let beside = path.with_extension("torn");
    private(OpenOptions::new().create(true).append(true))
        .open(&beside)?
        .write_all(torn)?;
    tracing::warn!(file = %path.display(), bytes = torn.len(), "a torn audit line was set aside");
    OpenOptions::new().write(true).open(path)?.set_len(at)
}
