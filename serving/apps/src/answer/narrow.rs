//! What a base may still answer at once when something was withdrawn or closed, before an index of
//! what is published now is built, and where none can be built.

use std::collections::HashMap;
use std::sync::Arc;

use super::base::Base;
use super::hashes::digest;
use crate::kb::{Published, VersionId};

/// The place of a version that is gone: no base has so many.
const GONE: u32 = u32::MAX;

impl Base {
    /// This base without the versions that are not published any more, with the states, synonyms,
    /// closed themes and home of what is published now. What is new is not in it. Cheap: the
    /// indexes are shared.
    #[must_use]
    pub fn narrowed(&self, now: &Published) -> Self {
        let known: HashMap<&VersionId, _> = now.versions.iter().map(|v| (&v.id, v)).collect();
        let mut moved = Vec::with_capacity(self.published.versions.len());
        let mut versions = Vec::new();
        for old in &self.published.versions {
            let kept = known.get(&old.id);
            match kept.filter(|kept| kept.text_sha256 == old.text_sha256) {
                Some(kept) => {
                    moved.push(versions.len() as u32);
                    versions.push(Arc::clone(kept));
                }
                None => moved.push(GONE),
            }
        }
        let entries = self.entries.iter().map(|(version, passage)| {
            let at = moved.get(*version as usize).copied().unwrap_or(GONE);
            (at, *passage)
        });
        let place = |old: u32| moved.get(old as usize).copied().filter(|at| *at != GONE);
        let bank = self.bank.narrowed(&self.published.bank, &now.bank, place);
        let published = Published {
            versions,
            digest: digest(&["narrowed", &self.published.digest, &now.digest]),
            ..now.clone()
        };
        Self::of(
            Arc::new(published),
            entries.collect(),
            (Arc::clone(&self.index), self.dense.clone()),
            bank,
        )
        .reranked_by(self.reranker.clone())
    }
}
