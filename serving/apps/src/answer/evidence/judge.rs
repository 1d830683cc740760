//! Whether passages can answer a question at all: their matter, their place, the specific terms.

use super::view::View;
use super::weigh::Weighted;
use crate::answer::question::{Concept, Question, elsewhere};

/// Share of the question's weight that the text must name.
const MIN_COVERAGE: f64 = 0.55;
/// The same when the question has a word that no text of the base has.
const MIN_COVERAGE_FOREIGN: f64 = 0.7;
/// Share of the question's weight that the title must name.
const MIN_TITLE: f64 = 0.12;
/// Share of the question's weight that makes up for a title that names none of it.
const FULL_COVERAGE: f64 = 0.8;
/// Share of the weight of the words beyond the title that the text must name.
const MIN_SPECIFIC: f64 = 0.45;
/// Why a text cannot answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gap {
    /// The question names nothing that could be looked up.
    NoMatter,
    /// It asks for another place's rules.
    OtherPlace,
    /// The text is about another matter.
    OtherMatter,
    /// The text is about the matter but does not name what is asked about it.
    Uncovered,
}

/// Judges whether a text covers a question; pure.
pub(crate) fn judge(question: &Question, weighted: &[Weighted], view: &View) -> Result<(), Gap> {
    let sum = |keep: &dyn Fn(&Concept) -> bool| -> f64 {
        let kept = weighted.iter().filter(|item| keep(&item.concept));
        kept.map(|item| item.weight).sum()
    };
    let all = sum(&|_| true);
    if all <= 0.0 {
        return Err(Gap::NoMatter);
    }
    let unnamed = |place: &&str| !view.place.contains(*place) && !view.body.contains(*place);
    if elsewhere(&question.folded).iter().any(unnamed) {
        return Err(Gap::OtherPlace);
    }
    let covered = sum(&|concept| view.names(concept));
    let titled = sum(&|concept| concept.is_in(&view.title));
    if titled < MIN_TITLE * all && covered < FULL_COVERAGE * all {
        return Err(Gap::OtherMatter);
    }
    let specific = |item: &&Weighted| {
        item.concept.is_word() && !item.filler && !item.concept.is_in(&view.title)
    };
    let asked: f64 = weighted
        .iter()
        .filter(specific)
        .map(|item| item.weight)
        .sum();
    let stated = weighted.iter().filter(specific);
    let stated = stated
        .filter(|item| view.names(&item.concept))
        .map(|item| item.weight);
    if stated.sum::<f64>() < MIN_SPECIFIC * asked {
        return Err(Gap::Uncovered);
    }
    let foreign = weighted.iter().any(|item| item.foreign);
    let needed = if foreign {
        MIN_COVERAGE_FOREIGN
    } else {
        MIN_COVERAGE
    };
    if covered < needed * all {
        return Err(Gap::Uncovered);
    }
    Ok(())
}
