//! The questions that people corrected, asked again: of a base that is in use, not of a set.

use serde::Serialize;

use crate::answer::Base;
use crate::kb::Regression;
use crate::service::holds;

/// How the corrected questions of a base end.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Corrected {
    /// Questions.
    pub questions: usize,
    /// Of them: the answer holds what it must.
    pub held: usize,
    /// The others.
    pub lost: Vec<Regression>,
}

/// Asks every corrected question as it is asked after each publication.
pub fn corrected(base: &Base, kept: &[Regression]) -> Corrected {
    let lost: Vec<Regression> = kept
        .iter()
        .filter(|kept| !holds(base, kept))
        .cloned()
        .collect();
    Corrected {
        questions: kept.len(),
        held: kept.len() - lost.len(),
        lost,
    }
}
