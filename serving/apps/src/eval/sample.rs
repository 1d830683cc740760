//! What the evidence gate sees of questions whose answers are known: the data its weights are
//! fitted on.

use std::collections::HashSet;

use jiff::civil::Date;
use serde::Serialize;

use super::case::Case;
use super::{EVIDENCE_AT, asked};
use crate::answer::{Base, Seen};
use crate::retrieve::fold;

/// One question as the gate sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Sample {
    /// Name of the question.
    pub id: String,
    /// The best candidate answers.
    pub right: bool,
    /// Its answer only seems to be in the base.
    pub near_miss: bool,
    /// Documents that answer; none where none does.
    pub documents: Vec<String>,
    /// Texts that hold the answer, folded.
    pub evidence: Vec<String>,
    /// What the gate and the reader see. Questions whose best text is of one document belong
    /// together when some are held out.
    #[serde(flatten)]
    seen: Seen,
}

/// Samples of the questions that have an answer in this base or only seem to.
pub fn samples(base: &Base, cases: &[Case], day: Date) -> Vec<Sample> {
    let known = cases.iter().filter(|case| {
        let nothing = matches!(case.kind.as_str(), "near_miss" | "far" | "other_place");
        !case.documents.is_empty() || nothing
    });
    let mut told = HashSet::new();
    known
        .filter_map(|case| {
            let asked = asked(case, day, EVIDENCE_AT);
            let mut seen = base.seen(&asked, case.style == "typo")?;
            for sentence in &mut seen.sentences {
                if !told.insert(sentence.key) {
                    sentence.vector.clear();
                }
            }
            Some(Sample {
                id: case.id.clone(),
                right: case.documents.contains(&seen.document),
                near_miss: case.kind == "near_miss",
                documents: case.documents.clone(),
                evidence: case.evidence.iter().map(|text| fold(text)).collect(),
                seen,
            })
        })
        .collect()
}
