//! One file on its way in: written beside the store, hashed as it comes, kept only when right.

use super::error::ArtifactError;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Blocks on the disk; dropped before [`Upload::finish`] it leaves nothing behind.
pub(crate) struct Upload {
    file: File,
    partial: PathBuf,
    hash: Sha256,
    got: u64,
    sha256: String,
    bytes: u64,
}

impl Upload {
    pub(crate) fn begin(folder: &Path, sha256: &str, bytes: u64) -> Result<Self, ArtifactError> {
        let mut random = [0_u8; 8];
        getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
        let partial = folder.join(format!("{}.part", hex::encode(random)));
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&partial)?;
        Ok(Self {
            file,
            partial,
            hash: Sha256::new(),
            got: 0,
            sha256: sha256.to_owned(),
            bytes,
        })
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(), ArtifactError> {
        self.got = self.got.saturating_add(data.len() as u64);
        if self.got > self.bytes {
            return Err(self.mismatch());
        }
        self.hash.update(data);
        Ok(self.file.write_all(data)?)
    }

    /// Checks length and hash, makes the file durable and moves it to `path`.
    pub(crate) fn finish(self, path: &Path) -> Result<(), ArtifactError> {
        if self.got != self.bytes || hex::encode(self.hash.clone().finalize()) != self.sha256 {
            return Err(self.mismatch());
        }
        self.file.sync_all()?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
            fs::rename(&self.partial, path)?;
            // The name is durable only when its folder is.
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    fn mismatch(&self) -> ArtifactError {
        ArtifactError::Hash {
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            got_sha256: hex::encode(self.hash.clone().finalize()),
            got_bytes: self.got,
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After a rename there is nothing of this name any more.
        let _ = fs::remove_file(&self.partial);
    }
}
