//! What the evidence gate sees of questions whose answers are known: the data its weights are
//! fitted on.

use jiff::civil::Date;
use serde::Serialize;

use super::case::Case;
use super::{EVIDENCE_AT, asked};
use crate::answer::Base;

/// One question as the gate sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// Name of the question.
    pub id: String,
    /// The document of the best candidate. Questions about one document belong together when some
    /// are held out.
    pub document: String,
    /// The best candidate answers.
    pub right: bool,
    /// Its answer only seems to be in the base.
    pub near_miss: bool,
    /// The gate's signals.
    pub signals: Vec<f64>,
}

/// Samples of the questions that have an answer in this base or only seem to; where another
/// document than the right one comes first, the gate has nothing to learn.
pub fn samples(base: &Base, cases: &[Case], day: Date) -> Vec<Sample> {
    let known = cases.iter().filter(|case| {
        let nothing = matches!(case.kind.as_str(), "near_miss" | "far");
        !case.documents.is_empty() || nothing
    });
    known
        .filter_map(|case| {
            let asked = asked(case, day, EVIDENCE_AT);
            let (document, signals) = base.gate_signals(&asked, case.style == "typo")?;
            let right = case.documents.contains(&document);
            (right || case.documents.is_empty()).then(|| Sample {
                id: case.id.clone(),
                document,
                right,
                near_miss: case.kind == "near_miss",
                signals: signals.to_vec(),
            })
        })
        .collect()
}
