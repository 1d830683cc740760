//! What the lines of a batch's output come to. Content never changes under its digest, so each is
//! counted once.

use super::content::{is_bad, lines};
use crate::openai::ApiError;
use crate::openai::remote::{Remote, refused};
use dashmap::DashMap;
use futures::StreamExt as _;
use std::sync::Arc;

const MAX_KEPT: usize = 1_000;

/// Counts of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) good: u64,
    pub(crate) bad: u64,
    pub(crate) good_bytes: u64,
    pub(crate) bad_bytes: u64,
}

/// Counts of files, by digest; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Tallies(Arc<DashMap<String, Tally>>);

impl Tallies {
    /// The counts of a file that the caller may see.
    pub(crate) async fn of(&self, remote: &Remote, sha256: &str) -> Result<Tally, ApiError> {
        // Asked of the scheduler before a kept count is told: the caller may not see the file.
        let mut lines = std::pin::pin!(lines(remote, sha256).await?);
        if let Some(tally) = self.0.get(sha256) {
            return Ok(*tally);
        }
        let mut tally = Tally::default();
        while let Some(line) = lines.next().await {
            let (_, line) = line.map_err(|status| refused(&status, &format!("file-{sha256}")))?;
            let bytes = line.len() as u64 + 1;
            if is_bad(&line) {
                tally.bad += 1;
                tally.bad_bytes += bytes;
            } else {
                tally.good += 1;
                tally.good_bytes += bytes;
            }
        }
        if self.0.len() >= MAX_KEPT {
            self.0.clear();
        }
        self.0.insert(sha256.to_owned(), tally);
        Ok(tally)
    }
}
