//! Looking at versions: lists without their texts, and one opened with all that is known of it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::add::sha256;
use super::desk::{find, list};
use super::{Library, LibraryError};
use crate::kb::extract::Block;
use crate::kb::finding::{Finding, Repair, Severity};
use crate::kb::head::Head;
use crate::kb::known::Stage;
use crate::kb::mask::mask_published;
use crate::kb::quality::{shown_extract, shown_finding, shown_repair};
use crate::kb::store::damaged;
use crate::kb::store::rows::VersionRow;
use crate::kb::store::versions::{once_published, raw};
use crate::kb::version::{SourceFile, VersionId};

/// Digits of [`VersionInfo::seen`].
const SEEN: usize = 16;

/// A version as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VersionInfo {
    /// Which it is.
    pub id: VersionId,
    /// Its base.
    pub base: String,
    /// Where it stands.
    pub stage: Stage,
    /// What it says of itself.
    pub head: Head,
    /// Its raw file.
    pub file: SourceFile,
    /// What the gate found in its text, repairs applied; places are of that text, proposed repairs
    /// of the text as it was read.
    pub findings: Vec<Finding>,
    /// Its repairs, of the text as it was read.
    pub repairs: Vec<Repair>,
    /// Ids of all who brought it in or changed it.
    pub makers: Vec<String>,
    /// Whether a person changed its text or head.
    pub changed: bool,
    /// Id of the person who published it.
    pub checker: Option<String>,
    /// When it came in, milliseconds since 1970.
    pub added_ms: i64,
    /// When it was published.
    pub published_ms: Option<i64>,
    /// Why it was withdrawn.
    pub note: String,
    /// Whether a version of its document was published before it: then it takes the place of law.
    pub follows: bool,
    /// Changes with its head and its repairs: whoever publishes says by it what they looked at.
    pub seen: String,
}

/// What [`VersionInfo::seen`] is of a version.
pub(super) fn seen(row: &VersionRow) -> Result<String, LibraryError> {
    let looked_at = serde_json::to_string(&(&row.head, &row.repairs));
    let looked_at = looked_at.map_err(|error| LibraryError::from(damaged("head", &error)))?;
    let digest = sha256(looked_at.as_bytes());
    Ok(digest.get(..SEEN).unwrap_or(&digest).to_owned())
}

/// A version with its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Opened {
    /// What lists show of it.
    pub info: VersionInfo,
    /// The text as it was read, personal numbers masked; repairs name bytes of it.
    pub original: String,
    /// The text with its repairs, personal numbers masked; findings and citations name bytes of it.
    pub text: String,
    /// Blocks of `text`.
    pub blocks: Vec<Block>,
}

impl VersionInfo {
    pub(super) fn of(row: VersionRow, published: &BTreeSet<String>) -> Result<Self, LibraryError> {
        let follows = row.published_ms.is_none() && published.contains(&row.id.document);
        Ok(Self {
            seen: seen(&row)?,
            id: row.id,
            base: row.base,
            stage: row.stage,
            head: row.head,
            file: row.file,
            findings: row.findings,
            repairs: row.repairs,
            makers: row.makers,
            changed: row.changed,
            checker: row.checker,
            added_ms: row.added_ms,
            published_ms: row.published_ms,
            note: row.note,
            follows,
        })
    }

    /// The same for people to look at: what a repair hides does not stand beside it.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.findings = self.findings.iter().map(shown_finding).collect();
        self.repairs = self.repairs.iter().map(shown_repair).collect();
        self
    }

    /// Whether only a checker who had no hand in it may publish it.
    pub fn needs_checker(&self) -> bool {
        self.changed || self.follows || self.stage == Stage::Quarantined
    }

    /// Whether it cannot be published as it is.
    pub fn is_blocked(&self) -> bool {
        let blocking = |finding: &Finding| finding.severity == Severity::Blocking;
        self.findings.iter().any(blocking)
    }
}

impl Library {
    /// Versions of a base by document and number, of one stage or of all.
    pub fn versions(
        &self,
        base: &str,
        stage: Option<Stage>,
    ) -> Result<Vec<VersionInfo>, LibraryError> {
        let desk = self.desk();
        let rows = list(desk.store.read(), base, stage)?;
        let published = once_published(desk.store.read(), base)?;
        let info = |row| VersionInfo::of(row, &published);
        rows.into_iter().map(info).collect()
    }

    /// A version with its texts.
    pub fn version(&self, id: &VersionId) -> Result<Opened, LibraryError> {
        let desk = self.desk();
        let row = find(desk.store.read(), id)?;
        let published = once_published(desk.store.read(), &row.base)?;
        drop(desk);
        let extract = shown_extract(&row.extract(), &row.repairs)?;
        Ok(Opened {
            original: mask_published(&row.text).text,
            text: extract.text,
            blocks: extract.blocks,
            info: VersionInfo::of(row, &published)?,
        })
    }

    /// The file of a version as it came in, byte for byte.
    pub fn raw(&self, id: &VersionId) -> Result<Vec<u8>, LibraryError> {
        let desk = self.desk();
        let row = find(desk.store.read(), id)?;
        let bytes = raw(desk.store.read(), &row.file.sha256)?;
        bytes.ok_or_else(|| LibraryError::not_found("原始文件", id))
    }
}
