//! The dialogue: which question comes next. Pure; the whole state is the path of answers.

use serde::Serialize;

use super::item::{Feature, Item};
use crate::retrieve::fold;

/// So many items are shown by title: one more choice ends the search.
const SHOWN: usize = 6;

/// The answers so far: a value, or none where the asker does not know.
pub type Path = Vec<(Feature, Option<String>)>;

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "step")]
pub enum Step {
    /// A question.
    Ask(Choice),
    /// Few enough items, or items that no question tells apart; those that say all that was
    /// answered before those that say nothing of some of it.
    Pick {
        /// They, by title.
        items: Vec<Item>,
    },
    /// The item.
    Found {
        /// It.
        item: Item,
    },
    /// No item is left.
    Nothing,
}

/// A question with its options.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// What it is about.
    pub feature: Feature,
    /// The question.
    pub question: &'static str,
    /// The options, the one with most items first.
    pub options: Vec<Offer>,
    /// Items left before it is answered.
    pub left: usize,
}

/// One option of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Offer {
    /// The value.
    pub value: String,
    /// Items that are left after it: those that name it, and those that say nothing of the matter.
    pub items: usize,
}

/// The next step after a path of answers.
pub fn next(items: &[Item], path: &Path) -> Step {
    let mut left: Vec<&Item> = items
        .iter()
        .filter(|item| path.iter().all(|answer| fits(item, answer)))
        .collect();
    left.sort_by_key(|item| !names(item, path));
    match left.as_slice() {
        [] => return Step::Nothing,
        [only] => {
            return Step::Found {
                item: (*only).clone(),
            };
        }
        _ => {}
    }
    let asked = |feature: Feature| path.iter().any(|(known, _)| *known == feature);
    let best = Feature::ALL
        .into_iter()
        .filter(|feature| !asked(*feature))
        .map(|feature| (expected(&left, feature), feature))
        .filter(|(expected, _)| *expected < left.len() * left.len())
        .min();
    match best {
        Some((_, feature)) if left.len() > SHOWN => Step::Ask(choice(&left, feature)),
        _ => Step::Pick {
            items: left.into_iter().cloned().collect(),
        },
    }
}

/// Whether an item may be meant: an item that says nothing of a feature always may.
fn fits(item: &Item, (feature, value): &(Feature, Option<String>)) -> bool {
    match (item.values.get(feature), value) {
        (Some(own), Some(value)) => own.iter().any(|own| fold(own) == fold(value)),
        _ => true,
    }
}

/// Whether an item says all that was answered, rather than nothing of some of it.
pub fn names(item: &Item, path: &Path) -> bool {
    let known = path.iter().filter(|(_, value)| value.is_some());
    known
        .into_iter()
        .all(|(feature, _)| item.values.contains_key(feature))
}

fn options(left: &[&Item], feature: Feature) -> Vec<Offer> {
    let mut found: Vec<Offer> = Vec::new();
    let values = left.iter().filter_map(|item| item.values.get(&feature));
    for value in values.flatten() {
        if found.iter().all(|known| known.value != *value) {
            let answer = (feature, Some(value.clone()));
            found.push(Offer {
                value: value.clone(),
                items: left.iter().filter(|item| fits(item, &answer)).count(),
            });
        }
    }
    found.sort_by(|a, b| b.items.cmp(&a.items).then_with(|| a.value.cmp(&b.value)));
    found
}

/// Items left after the question, summed over all items that may be meant: each is thought equally
/// likely, and an item of several values, or of none, to be looked for under the widest of them.
fn expected(left: &[&Item], feature: Feature) -> usize {
    let options = options(left, feature);
    let named = |value: &String| options.iter().find(|offer| offer.value == *value);
    let of = |value: &String| named(value).map_or(0, |offer| offer.items);
    let each = left.iter().map(|item| match item.values.get(&feature) {
        Some(own) => own.iter().map(of).max().unwrap_or(left.len()),
        None => left.len(),
    });
    each.sum()
}

fn choice(left: &[&Item], feature: Feature) -> Choice {
    Choice {
        feature,
        question: feature.question(),
        options: options(left, feature),
        left: left.len(),
    }
}
