//! One version of a document as it was published: text, head, passages and where it came from.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::extract::{Block, Format};
use super::finding::{Finding, Repair};
use super::head::Head;
use super::passage::Passage;
use super::state::State;

/// A version of a document: `residence-permit@2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct VersionId {
    /// Name of the document, stable over its versions.
    pub document: String,
    /// Number of the version, from 1.
    pub number: u32,
}

impl fmt::Display for VersionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.document, self.number)
    }
}

/// The raw file that a version was read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Name as it was given.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

/// A version that answers may come from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Version {
    /// Which it is.
    pub id: VersionId,
    /// What it says of itself.
    pub head: Head,
    /// Its raw file.
    pub file: SourceFile,
    /// The canonical text with its repairs; citations point into it by byte.
    pub text: Arc<str>,
    /// SHA-256 of `text`, lower-case hexadecimal.
    pub text_sha256: String,
    /// The repairs that made `text` of the file's text.
    pub repairs: Vec<Repair>,
    /// Blocks of `text`.
    pub blocks: Vec<Block>,
    /// Passages of `text`.
    pub passages: Vec<Passage>,
    /// First day on which it took the place of an earlier version; none where there is none.
    pub replaces_from: Option<Date>,
    /// First day on which another version or document took its place.
    pub replaced_from: Option<Date>,
    /// Number of the version of the same file that is read in its place on every day.
    pub corrected_by: Option<u32>,
    /// What the gate found that still stands in the text; readers are told of repairs and gaps.
    pub findings: Vec<Finding>,
    /// When it was published in the base, milliseconds since 1970.
    pub published_ms: i64,
}

impl Version {
    /// Its state on a day.
    pub fn state_on(&self, day: Date) -> State {
        self.days().state_on(day, &self.head)
    }
}
