//! The first passages in the order of a model that reads them with the question, where one is
//! served.

use super::base::{Base, passage_text};
use super::find::{Found, Limits};
use super::question::Question;
use crate::retrieve::{ModelFault, place_value};

/// Passages that a model for reranking reads: it says which texts are graded, and of equal ones
/// which comes first. Whether a text answers is not its to say.
const RERANKED: usize = 24;

impl Base {
    /// Puts the first passages into the order of the model for reranking, where there is one.
    pub(super) fn rerank(&self, question: &Question, limits: &Limits, found: &mut [Found]) {
        let Some(model) = self.reranker.as_ref().filter(|_| limits.help.may()) else {
            return;
        };
        let first = found.iter().take(RERANKED);
        let passages: Vec<String> = first.map(|one| self.passage(one)).collect();
        if passages.is_empty() {
            return;
        }
        let scores = limits
            .help
            .told(|| model.scores(&question.folded, &passages));
        let scores = scores.and_then(|scores| {
            let odd = || ModelFault("重排模型给的分数与段落数不符".to_owned());
            (scores.len() == passages.len())
                .then_some(scores)
                .ok_or_else(odd)
        });
        if let Some(scores) = limits.help.given(scores, "passages") {
            reorder(found, &scores, limits);
        }
    }

    /// A passage as models get it; empty for one that is gone.
    fn passage(&self, found: &Found) -> String {
        let version = self.published.versions.get(found.version);
        let passage =
            version.and_then(|version| Some((version, version.passages.get(found.passage)?)));
        passage.map_or_else(String::new, |(version, passage)| {
            passage_text(version, passage, &passage.sentences)
        })
    }
}

/// Puts the first passages into the order of their scores by a model, less what their states take
/// from them. The best place keeps the best retrieval score, the next one the next, each a little
/// less than its own, so that the order shows where all were equal. Pure.
fn reorder(found: &mut [Found], scores: &[f32], limits: &Limits) {
    let value = |one: &Found, score: f32| score * limits.factor(one.state) as f32;
    let read = found.iter().zip(scores);
    let mut order: Vec<(f32, Found)> = read
        .map(|(one, score)| (value(one, *score), *one))
        .collect();
    // Equal ones stay as they were.
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut order = order.into_iter().map(|(_, one)| one);
    for (rank, slot) in found.iter_mut().enumerate() {
        let score = slot.score * place_value(rank.min(scores.len()));
        let one = order.next().unwrap_or(*slot);
        *slot = Found { score, ..one };
    }
}
