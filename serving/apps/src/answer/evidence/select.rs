//! Which sentences of a text answer a question; none when the asked kind of fact is not there.

use super::kinds::{asked_section, has_type, is_strict};
use super::view::{SentenceView, View};
use super::weigh::Weighted;
use crate::answer::question::{Aspect, Question};
use crate::kb::SectionKind;

/// Most sentences of a section shown together.
const MAX_SECTION: usize = 10;
/// Most single sentences shown.
const MAX_SINGLE: usize = 4;
/// Share of the specific terms' weight that the best single sentence must name.
const MIN_SPECIFIC: f64 = 0.34;
/// A sentence of another section is added when it names this share of the specific terms.
const STRONG_SPECIFIC: f64 = 0.6;

/// Sentences of `view` that answer, best first or as a section in its own order; pure.
pub(crate) fn select<'a>(
    question: &Question,
    weighted: &[Weighted],
    view: &'a View,
) -> Vec<&'a SentenceView> {
    let specific: Vec<&Weighted> = weighted
        .iter()
        .filter(|item| !item.filler && !item.concept.is_in(&view.title))
        .collect();
    // Only lone characters beyond the title: too little to single out a sentence.
    let vague = specific.iter().all(|item| !item.concept.is_word());
    let wanted: f64 = specific.iter().map(|item| item.weight).sum();
    let named = |sentence: &SentenceView| -> f64 {
        let here = specific.iter().map(|item| {
            if item.concept.is_in(&sentence.folded) {
                item.weight
            } else if item.concept.is_in(&sentence.heading) {
                item.weight * 0.5
            } else {
                0.0
            }
        });
        here.sum()
    };
    let strict = question.aspects.iter().copied().find(|a| is_strict(*a));
    let by_specific = singles(question, view, wanted, &named, strict);
    let section = question
        .aspects
        .iter()
        .map(|aspect| section_of(view, asked_section(*aspect)))
        .find(|section| !section.is_empty());
    match (section, strict) {
        (Some(section), _) if wanted <= 0.0 => section,
        (Some(section), Some(aspect)) if !matches!(aspect, Aspect::Quantity | Aspect::Duration) => {
            with_best_outside(section, by_specific, wanted, &named)
        }
        (Some(section), None) => lean(section, by_specific, wanted, &named),
        (None, None) if wanted <= 0.0 => overview(view),
        (Some(section), Some(_))
            if by_specific.is_empty() && (vague || names_some(&section, &named)) =>
        {
            section
        }
        _ => by_specific,
    }
}

/// Whether some sentence names a specific term.
fn names_some(section: &[&SentenceView], named: &dyn Fn(&SentenceView) -> f64) -> bool {
    section.iter().any(|sentence| named(sentence) > 0.0)
}

fn section_of(view: &View, kind: SectionKind) -> Vec<&SentenceView> {
    let all = view.sentences.iter().filter(|s| s.kind == kind);
    all.take(MAX_SECTION).collect()
}

/// What a text is about, for a question that only names it.
fn overview(view: &View) -> Vec<&SentenceView> {
    let mut found: Vec<&SentenceView> = Vec::new();
    for kind in [SectionKind::Conditions, SectionKind::Process] {
        found.extend(section_of(view, kind).into_iter().take(MAX_SINGLE));
    }
    if found.is_empty() {
        found.extend(view.sentences.iter().take(MAX_SINGLE));
    }
    found
}

/// The asked section, led by the best sentence of another section when that names the specific
/// terms and the section does not.
fn with_best_outside<'a>(
    section: Vec<&'a SentenceView>,
    singles: Vec<&'a SentenceView>,
    wanted: f64,
    named: &dyn Fn(&SentenceView) -> f64,
) -> Vec<&'a SentenceView> {
    let inside = section.iter().map(|s| named(s)).fold(0.0, f64::max);
    let outside = singles.into_iter().find(|single| {
        let weight = named(single);
        weight >= STRONG_SPECIFIC * wanted
            && weight > inside
            && !section.iter().any(|s| s.span == single.span)
    });
    outside.into_iter().chain(section).collect()
}

/// Single sentences where they are specific; the section that the question leans to otherwise.
fn lean<'a>(
    section: Vec<&'a SentenceView>,
    singles: Vec<&'a SentenceView>,
    wanted: f64,
    named: &dyn Fn(&SentenceView) -> f64,
) -> Vec<&'a SentenceView> {
    let inside = section.iter().map(|s| named(s)).fold(0.0, f64::max);
    if inside >= MIN_SPECIFIC * wanted || singles.is_empty() {
        let mut found: Vec<&SentenceView> = singles.into_iter().take(1).collect();
        for sentence in section {
            if !found.iter().any(|known| known.span == sentence.span) {
                found.push(sentence);
            }
        }
        return found;
    }
    singles
}

/// The sentences that name most of the specific terms, best first.
fn singles<'a>(
    question: &Question,
    view: &'a View,
    wanted: f64,
    named: &dyn Fn(&SentenceView) -> f64,
    strict: Option<Aspect>,
) -> Vec<&'a SentenceView> {
    let kinds: Vec<SectionKind> = question
        .aspects
        .iter()
        .map(|aspect| asked_section(*aspect))
        .collect();
    let mut scored: Vec<(f64, &SentenceView)> = view
        .sentences
        .iter()
        .filter(|s| strict.is_none_or(|aspect| has_type(aspect, &s.folded)))
        .map(|s| {
            let leans = if kinds.contains(&s.kind) {
                0.2 * wanted
            } else {
                0.0
            };
            (named(s), leans, s)
        })
        .filter(|(weight, _, _)| *weight > 0.0 && *weight >= MIN_SPECIFIC * wanted)
        .map(|(weight, leans, s)| (weight + leans, s))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |(weight, _)| *weight);
    scored
        .into_iter()
        .filter(|(weight, _)| *weight >= 0.5 * best)
        .take(MAX_SINGLE)
        .map(|(_, sentence)| sentence)
        .collect()
}
