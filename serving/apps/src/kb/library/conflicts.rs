//! Contradictions between texts in force, and the work that people make of them.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::desk::must_make;
use super::{Library, LibraryError};
use crate::kb::conflict::{Contradiction, contradictions};
use crate::kb::mask::mask;
use crate::kb::store::WorkKind;
use crate::staff::Person;

/// Most open work that is looked through.
const MOST_WORK: usize = 10_000;
/// Most characters of one sentence in a note.
const MOST_SENTENCE: usize = 300;
/// Most sentences in a note.
const MOST_SIDES: usize = 5;

/// A contradiction, and the work that was made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenConflict {
    /// What the texts say.
    pub told: Contradiction,
    /// Number of the open work.
    pub work: Option<i64>,
}

impl Library {
    /// Contradictions between texts of a base that hold on a day.
    pub fn conflicts(&self, base: &str, day: Date) -> Result<Vec<OpenConflict>, LibraryError> {
        let published = self.published(base).unwrap_or_default();
        let all = contradictions(&published, day);
        let open = self.work(base, true, MOST_WORK)?;
        let work_of = |told: &Contradiction| {
            let note = note(told);
            let mut own = open.iter().filter(|item| item.kind == WorkKind::Conflict);
            own.find(|item| item.note == note).map(|item| item.id)
        };
        let with_work = all.into_iter().map(|told| OpenConflict {
            work: work_of(&told),
            told,
        });
        Ok(with_work.collect())
    }

    /// Makes work of a contradiction, named by its id; returns the number of the work, which is the
    /// same where it is open already.
    pub fn conflict_work(
        &self,
        base: &str,
        id: &str,
        day: Date,
        person: &Person,
        now_ms: i64,
    ) -> Result<i64, LibraryError> {
        must_make(person)?;
        let found = self.conflicts(base, day)?;
        let one = found.into_iter().find(|one| one.told.id() == id);
        let one = one.ok_or_else(|| LibraryError::not_found("冲突", &id))?;
        if let Some(known) = one.work {
            return Ok(known);
        }
        let (told, kind) = (&one.told, WorkKind::Conflict);
        self.open_work(base, kind, &told.about, "", &note(told), now_ms)
    }
}

/// Both sentences with their places; equal for the same contradiction.
fn note(told: &Contradiction) -> String {
    let mut note = String::new();
    for side in told.sides.iter().take(MOST_SIDES) {
        let sentence: String = side.sentence.chars().take(MOST_SENTENCE).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(note, "《{}》（{}）：{sentence}", side.title, side.version);
    }
    // As work is kept, so that it is found again.
    mask(note.trim_end()).text
}
