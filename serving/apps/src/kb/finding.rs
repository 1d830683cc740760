//! What the quality gate found in a text, and repairs as data.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// A person must look before the text is published.
    Suspicious,
    /// The text cannot be published as it is.
    Blocking,
}

/// What kind of defect was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Characters that come of a wrong decoding.
    Mojibake,
    /// Text of a font that does not say its characters.
    UnmappedGlyphs,
    /// Pages that are pictures.
    PagesWithoutText,
    /// The body, or a large part of it, stands twice.
    RepeatedBody,
    /// The same text as another document.
    DuplicateOfAnother,
    /// A name that does not belong: spam in the place of a name.
    IntrudingName,
    /// Figures or dates that lost the dash or point between them.
    GluedFigures,
    /// Words of a draft in a text that does not call itself one, or the reverse.
    DraftMarker,
    /// Navigation, share buttons and the like.
    PageFurniture,
    /// A table that lost its columns.
    FlattenedTable,
    /// It says that it replaces another document.
    ReplacesAnother,
    /// A document number that another document has.
    NumberClaimed,
    /// Fields of the head that contradict each other or the text.
    HeadContradiction,
    /// Personal numbers in the text.
    PersonalNumber,
    /// Words addressed to a model instead of a reader.
    Instruction,
    /// Scripts or macros that were left out.
    ActiveContent,
    /// Parts that their author hid: they were left out.
    HiddenContent,
}

/// One defect, with its place and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub kind: FindingKind,
    /// How grave.
    pub severity: Severity,
    /// Bytes of the canonical text; the first place where there are several.
    pub range: Range<usize>,
    /// In how many places.
    pub count: usize,
    /// What stands there, at most 80 characters.
    pub sample: String,
    /// What happened and what to do, for the person who must act.
    pub message: String,
    /// Repairs that the gate proposes; a person accepts them.
    pub proposed: Vec<Repair>,
}

/// A change of the canonical text, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// First byte of the canonical text before any repair.
    pub start: usize,
    /// What stands there.
    pub before: String,
    /// What shall stand there.
    pub after: String,
    /// Why.
    pub reason: String,
}

impl Finding {
    /// A finding without proposed repairs.
    pub fn new(
        kind: FindingKind,
        severity: Severity,
        range: Range<usize>,
        count: usize,
        sample: &str,
        message: String,
    ) -> Self {
        Self {
            kind,
            severity,
            range,
            count,
            sample: sample.chars().take(80).collect(),
            message,
            proposed: Vec::new(),
        }
    }
}
