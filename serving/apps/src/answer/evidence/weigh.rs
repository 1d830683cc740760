//! What each unit of a question's matter is worth, told by how rare it is in the base.

use crate::answer::question::Matter;
use crate::retrieve::{PassageIndex, is_han, terms};

/// What a word counts, in characters.
const WORD: f64 = 2.0;
/// What a character that stands alone counts.
const LONE: f64 = 0.5;
/// What a filler character counts where a text has its pair.
const FILLER: f64 = 0.3;
/// What a unit counts that no text of the base has, against the rarest that some text has.
const UNKNOWN: f64 = 0.85;

/// A unit with its weight.
#[derive(Debug, Clone)]
pub(crate) struct Weighed {
    pub(crate) matter: Matter,
    pub(crate) weight: f64,
}

/// Weighs a question's units. Filler that no text has is left out.
pub(crate) fn weigh(matters: &[Matter], index: &PassageIndex) -> Vec<Weighed> {
    let all = index.len() as f64;
    let idf = |count: u64| {
        let count = count as f64;
        (1.0 + (all - count + 0.5).max(0.5) / (count + 0.5)).ln()
    };
    let rarest = idf(1);
    let mut kept = Vec::new();
    for matter in matters {
        let counts = matter.ways.iter().map(|way| found_in(way, index));
        let often = counts.filter(|count| *count > 0).min();
        if matter.filler && (often.is_none() || matter.lone) {
            continue;
        }
        let base = often.map_or(UNKNOWN * rarest, idf) / rarest.max(f64::MIN_POSITIVE);
        let size = match (matter.word, matter.lone, matter.filler) {
            (_, _, true) => FILLER,
            (_, true, _) => LONE,
            (true, ..) => WORD,
            _ => 1.0,
        };
        kept.push(Weighed {
            matter: matter.clone(),
            weight: size * base.max(0.15),
        });
    }
    kept
}

/// In how many passages a way of saying it may stand: as often as its rarest pair.
fn found_in(way: &str, index: &PassageIndex) -> u64 {
    let parts = terms(way);
    let telling = |text: &str| text.chars().nth(1).is_some() || !text.chars().all(is_han);
    let any_telling = parts.iter().any(|term| telling(term.text));
    parts
        .iter()
        .filter(|term| !any_telling || telling(term.text))
        .map(|term| index.found_in(term.text))
        .min()
        .unwrap_or(0)
}
