//! A file under construction: bytes are hashed while they are written, and the file gets its final
//! name only if the hash is right.

use super::error::SourceError;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Writes, hashes and counts. Disk writes of at most a few hundred KiB happen in place: they go to
/// the page cache, and hashing them costs more than a thread switch would save.
pub(crate) struct Sink {
    path: PathBuf,
    file: std::fs::File,
    hasher: Sha256,
    position: u64,
    limit: u64,
}

impl Sink {
    /// Opens `path` and takes over what an earlier, broken transfer left there. `limit` is the most
    /// bytes that may be written, 0 for no limit.
    pub(crate) async fn open(path: &Path, limit: u64) -> std::io::Result<Self> {
        let path = path.to_path_buf();
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(path, limit)).await;
        opened.map_err(std::io::Error::other)?
    }

    fn open_blocking(path: PathBuf, limit: u64) -> std::io::Result<Self> {
        let mut file = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        let (mut hasher, mut position) = (Sha256::new(), 0_u64);
        let mut buffer = vec![0; 1024 * 1024];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            position += count as u64;
        }
        let mut sink = Self {
            path,
            file,
            hasher,
            position,
            limit,
        };
        if limit != 0 && position > limit {
            sink.restart()?;
        }
        Ok(sink)
    }

    /// Bytes so far: where a resumed transfer goes on.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self) -> std::io::Result<()> {
        use std::io::Seek as _;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher = Sha256::new();
        self.position = 0;
        Ok(())
    }

    /// Appends, refusing more than the limit before anything is written.
    pub(crate) fn append(&mut self, data: &[u8]) -> Result<(), SourceError> {
        let end = self.position.saturating_add(data.len() as u64);
        if self.limit != 0 && end > self.limit {
            return Err(SourceError::TooLong { limit: self.limit });
        }
        self.file.write_all(data)?;
        self.hasher.update(data);
        self.position = end;
        Ok(())
    }

    /// [`Sink::append`], then gives other tasks of the thread a turn.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), SourceError> {
        self.append(data)?;
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Checks the hash, makes the bytes durable and moves the file to `target` at once. Wrong bytes
    /// are deleted.
    pub(crate) async fn finish(self, sha256: &str, target: &Path) -> Result<(), SourceError> {
        let actual = hex::encode(self.hasher.finalize());
        if actual != sha256 {
            std::fs::remove_file(&self.path)?;
            return Err(SourceError::Hash { actual });
        }
        let (file, path, target) = (self.file, self.path, target.to_path_buf());
        let moved = tokio::task::spawn_blocking(move || {
            file.sync_all()?;
            std::fs::rename(path, target)
        })
        .await;
        Ok(moved.map_err(std::io::Error::other)??)
    }
}
