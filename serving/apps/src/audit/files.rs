//! The files of a chain: append-only, one after the other, continued after a restart.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::chain::{Place, read};

/// The open file and the place in the chain.
pub(super) struct Files {
    /// Held as long as the files are written: two writers would tear the chain apart.
    _lock: File,
    folder: PathBuf,
    file: File,
    bytes: u64,
    rotate_bytes: u64,
    pub(super) place: Place,
}

/// The files of a folder, the oldest first.
pub(super) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let ours = stem.is_some_and(|stem| stem.starts_with("answers-"));
        if ours && path.extension().is_some_and(|kind| kind == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

impl Files {
    /// Continues the newest file, or begins the first.
    pub(super) fn open(folder: &Path, rotate_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let lock = append(&folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                "另一个程序正在写这份问答日志，请先停止它或换一个目录",
            ),
        })?;
        let mut place = Place::begin();
        // An empty newest file continues the one before it.
        for path in list(folder)?.iter().rev() {
            let (last, torn) = last_line(path)?;
            if let Some(torn) = torn {
                set_aside(path, torn)?;
            }
            if let Some(last) = last {
                place = last;
                break;
            }
        }
        let newest = list(folder)?.pop();
        let path = newest.unwrap_or_else(|| name(folder, place.next));
        let file = append(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Self {
            _lock: lock,
            folder: folder.to_owned(),
            file,
            bytes,
            rotate_bytes,
            place,
        })
    }

    /// Writes lines that end at `place`, and waits until they are on the disk.
    pub(super) fn append(&mut self, lines: &str, place: Place) -> io::Result<()> {
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
        self.place = place;
        if self.bytes >= self.rotate_bytes {
            self.file = append(&name(&self.folder, self.place.next))?;
            self.bytes = 0;
        }
        Ok(())
    }
}

/// Named by the first line in it, so that names sort as the chain does.
fn name(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("answers-{first:012}.jsonl"))
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

/// The place after the last whole line, and the byte at which a torn one begins.
fn last_line(path: &Path) -> io::Result<(Option<Place>, Option<u64>)> {
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
        let text = std::str::from_utf8(&line).map(|line| line.trim_end_matches('\n'));
        // Only the place matters here; whether the chain holds is asked of `verify`.
        if let Ok(Ok((_, _, place))) = text.map(read) {
            last = Some(place);
        }
        at += count;
    }
}

/// A line that a crash tore is kept beside the file: nobody was told that it was written.
fn set_aside(path: &Path, at: u64) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let torn = bytes.get(usize::try_from(at).unwrap_or(usize::MAX)..);
    let torn = torn.unwrap_or_default();
    private()
        .create(true)
        .append(true)
        .open(path.with_extension("torn"))?
        .write_all(torn)?;
    tracing::warn!(file = %path.display(), bytes = torn.len(), "a torn line was set aside");
    OpenOptions::new().write(true).open(path)?.set_len(at)
}
