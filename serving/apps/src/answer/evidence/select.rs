//! Which sentences of a view are shown with the best one; pure.

use super::grade::Grade;
use super::kinds::is_strict;
use super::view::{SentenceView, View};
use crate::answer::question::{Aspect, Question};

/// Most sentences of a section shown together.
const MAX_SECTION: usize = 10;
/// Most single sentences shown.
const MAX_SINGLE: usize = 4;
/// A sentence is shown with the best one when it scores this share of it.
const NEAR_BEST: f64 = 0.8;

/// The sentences shown, the best first or a section in its own order.
pub(crate) fn select<'a>(
    question: &Question,
    view: &'a View,
    grades: &[Grade],
    best: usize,
) -> Vec<&'a SentenceView> {
    let Some((own, grade)) = view.sentences.get(best).zip(grades.get(best)) else {
        return Vec::new();
    };
    let whole = question.aspects.iter().any(|aspect| {
        matches!(
            aspect,
            Aspect::Materials | Aspect::Process | Aspect::Conditions | Aspect::Fee
        ) || !is_strict(*aspect)
    });
    let mut chosen: Vec<usize> = Vec::new();
    if grade.section && (whole || grade.titled > 0.9) {
        let same = |s: &SentenceView| s.heading == own.heading && s.kind == own.kind;
        let section = view.sentences.iter().enumerate().filter(|(_, s)| same(s));
        let section: Vec<usize> = section.map(|(at, _)| at).collect();
        let from = section.iter().position(|at| *at == best).unwrap_or(0);
        let skip = from
            .saturating_sub(MAX_SECTION / 2)
            .min(section.len().saturating_sub(MAX_SECTION));
        chosen.extend(section.into_iter().skip(skip).take(MAX_SECTION));
    } else {
        chosen.push(best);
        chosen.extend(near_best(grades, best));
        // The rest of its line says under which condition it holds.
        let line = view.sentences.iter().enumerate();
        let line = line.filter(|(_, s)| s.line == own.line && (own.note || !s.note));
        chosen.extend(line.map(|(at, _)| at).take(MAX_SINGLE));
    }
    let mut seen = Vec::new();
    for at in chosen {
        if !seen.contains(&at) {
            seen.push(at);
        }
    }
    seen.iter()
        .filter_map(|at| view.sentences.get(*at))
        .collect()
}

/// Other typed sentences that score nearly as well, the better first.
fn near_best(grades: &[Grade], best: usize) -> Vec<usize> {
    let top = grades.get(best).map_or(0.0, |grade| grade.score);
    let near = grades.iter().enumerate().filter(|(at, grade)| {
        *at != best && grade.typed && grade.score >= NEAR_BEST * top && grade.specific > 0.0
    });
    let mut near: Vec<(usize, f64)> = near.map(|(at, grade)| (at, grade.score)).collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    near.into_iter()
        .take(MAX_SINGLE - 1)
        .map(|(at, _)| at)
        .collect()
}
