//! What the quality gate must know of the texts that are there already.

use serde::{Deserialize, Serialize};

use super::head::Head;
use super::quality::Sketch;
use super::script::bare;
use super::version::VersionId;

/// Another text, as far as the quality gate compares with it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Known {
    /// Which version it is.
    pub id: VersionId,
    /// Title.
    pub title: String,
    /// Document number.
    pub number: Option<String>,
    /// The number as it is compared: script and width do not matter.
    pub(super) number_key: Option<String>,
    /// Issuing body.
    pub issuer: Option<String>,
    /// The place where it applies.
    pub place: Option<String>,
    /// What its text looks like.
    pub sketch: Sketch,
}

impl Known {
    /// What is compared of a version.
    pub fn of(id: VersionId, head: &Head, sketch: Sketch) -> Self {
        Self {
            id,
            title: head.title.clone(),
            number: head.number.clone(),
            number_key: head.number.as_deref().map(bare),
            issuer: head.issuer.clone(),
            place: head.place.clone(),
            sketch,
        }
    }
}

/// How far a version has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Held back by the quality gate: a checker must look (隔离待核).
    Quarantined,
    /// Clean, not yet published (待发布).
    Ready,
    /// Answers may come from it (已发布).
    Published,
    /// Taken out of the base by a person (已撤下).
    Withdrawn,
}

impl Stage {
    /// The name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quarantined => "quarantined",
            Self::Ready => "ready",
            Self::Published => "published",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The stage of a name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Quarantined,
            Self::Ready,
            Self::Published,
            Self::Withdrawn,
        ];
        all.into_iter().find(|stage| stage.name() == name)
    }

    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Quarantined => "隔离待核",
            Self::Ready => "待发布",
            Self::Published => "已发布",
            Self::Withdrawn => "已撤下",
        }
    }
}
