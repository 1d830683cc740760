//! Which bytes of the store go: those that nobody can reach any more, some time after the last one
//! could. What is there is looked up, what goes is decided, both apart from each other.

use super::error::ArtifactError;
use super::is_digest;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

/// How long bytes stay that nobody refers to: outputs are uploaded before their job says so.
pub(super) const GRACE_MS: i64 = 24 * 3_600_000;

/// A file of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) sha256: String,
    pub(super) bytes: u64,
    /// When it was stored, or taken from a tenant's sight, whichever was later.
    pub(super) touched_ms: i64,
}

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Swept {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// Whether bytes go at `now_ms`. Pure.
pub(super) fn goes(found: &Found, wanted: &BTreeSet<String>, now_ms: i64) -> bool {
    // A clock that went backwards keeps everything.
    let age = now_ms.saturating_sub(found.touched_ms);
    age >= GRACE_MS && !wanted.contains(&found.sha256)
}

/// Every file in the store at `folder`; what is not named by a digest is not the store's.
pub(super) fn files(folder: &Path) -> Result<Vec<Found>, ArtifactError> {
    let mut all = Vec::new();
    for shelf in fs::read_dir(folder)? {
        let shelf = shelf?;
        if shelf.file_name().len() != 2 || !shelf.file_type()?.is_dir() {
            continue;
        }
        for file in fs::read_dir(shelf.path())? {
            let file = file?;
            let Some(sha256) = file.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            if is_digest(&sha256)
                && let Some(found) = look(&file.path(), sha256)?
            {
                all.push(found);
            }
        }
    }
    Ok(all)
}

/// One file; `None` when it is gone.
pub(super) fn look(path: &Path, sha256: String) -> Result<Option<Found>, ArtifactError> {
    let about = match fs::metadata(path) {
        Ok(about) => about,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let since = about.modified()?.duration_since(UNIX_EPOCH);
    let touched_ms = since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    });
    Ok(Some(Found {
        sha256,
        bytes: about.len(),
        touched_ms,
    }))
}
