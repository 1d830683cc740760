//! Whether a text is law on a day; pure.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::head::{Declared, Head};

/// The state of a version on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// In force (现行).
    InForce,
    /// Published, but its first day has not come (尚未生效).
    NotYet,
    /// Out for comment (草案).
    Draft,
    /// A later version or document took its place (已被替代).
    Superseded,
    /// No longer in force (失效).
    Repealed,
    /// Held back by the quality gate (隔离待核).
    Quarantined,
    /// The text does not say (未注明).
    Unstated,
}

impl State {
    /// The state of a published text on a day: what its head declares, corrected by its dates and
    /// by the first day of the version that took its place.
    pub fn on(day: Date, head: &Head, replaced_from: Option<Date>) -> Self {
        if head.declared == Declared::Draft {
            // The text that came of it is the one to read.
            let done = replaced_from.is_some_and(|from| from <= day);
            return if done { Self::Superseded } else { Self::Draft };
        }
        if head.repealed.is_some_and(|ended| ended <= day) {
            return Self::Repealed;
        }
        if head.declared == Declared::Repealed && head.repealed.is_none() {
            return Self::Repealed;
        }
        if head.effective.is_some_and(|first| day < first) {
            return Self::NotYet;
        }
        if replaced_from.is_some_and(|from| from <= day) {
            return Self::Superseded;
        }
        match head.declared {
            // Repealed on a later day: still in force on this one.
            Declared::Repealed | Declared::InForce => Self::InForce,
            Declared::Draft => Self::Draft,
            Declared::Unstated => Self::Unstated,
        }
    }

    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::InForce => "现行",
            Self::NotYet => "尚未生效",
            Self::Draft => "草案",
            Self::Superseded => "已被替代",
            Self::Repealed => "失效",
            Self::Quarantined => "隔离待核",
            Self::Unstated => "效力未注明",
        }
    }

    /// Whether it may be quoted as what holds: in force, or of unstated force and told so.
    pub fn holds(self) -> bool {
        matches!(self, Self::InForce | Self::Unstated)
    }
}
