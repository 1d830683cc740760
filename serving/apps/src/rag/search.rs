//! From scored passages to ranked texts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::Serialize;

use super::document::{Document, Status};
use super::evidence::TextView;
use super::question::Question;

/// How much the second and later passages of a text add to its best one.
const DEPTH: f32 = 0.1;

/// One text found for a question.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// Position of the text in the base.
    #[serde(skip)]
    pub document: usize,
    /// Name of the text.
    pub document_id: String,
    /// Title.
    pub title: String,
    /// Status on the day asked for.
    pub status: Status,
    /// Rank score; comparable only within one question.
    pub score: f32,
}

/// How far a text that is not law today falls behind one that is.
fn status_factor(status: Status) -> f32 {
    match status {
        Status::InForce => 1.0,
        Status::Unstated => 0.9,
        Status::NotYet => 0.7,
        Status::Draft => 0.65,
        Status::Repealed => 0.55,
    }
}

/// Ranks texts by their passages' scores; pure.
pub(crate) fn rank(
    documents: &[Document],
    views: &[TextView],
    question: &Question,
    passages: &[(usize, f32)],
    as_of: Date,
) -> Vec<Hit> {
    let mut scores: BTreeMap<usize, f32> = BTreeMap::new();
    for &(document, score) in passages {
        scores
            .entry(document)
            .and_modify(|sum| *sum += score * DEPTH)
            .or_insert(score);
    }
    let mut hits: Vec<Hit> = scores
        .into_iter()
        .filter_map(|(at, score)| {
            let document = documents.get(at)?;
            let view = views.get(at)?;
            let named = question.concepts.iter().filter(|c| c.is_in(&view.title));
            let share = named.count() as f32 / question.concepts.len().max(1) as f32;
            let status = document.status_on(as_of);
            Some(Hit {
                document: at,
                document_id: document.id.clone(),
                title: document.title.clone(),
                status,
                score: score * (1.0 + share) * status_factor(status),
            })
        })
        .collect();
    hits.sort_by(|a, b| {
        let order = b.score.total_cmp(&a.score);
        order.then_with(|| a.document.cmp(&b.document))
    });
    hits
}
