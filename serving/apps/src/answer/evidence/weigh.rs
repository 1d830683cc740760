//! What each thing that a question names is worth, told by how rare it is in the base.

use std::collections::HashMap;

use crate::answer::question::{Concept, FILLER_CHARS, Question};
use crate::retrieve::{PassageIndex, is_han, terms};

/// What a character that stands alone counts.
const LONE_CHARACTER: f64 = 0.4;
/// What a known pair with a filler character counts.
const FILLER_PAIR: f64 = 0.4;

/// In how many passages the terms of one question stand.
struct Rarity<'a> {
    index: &'a PassageIndex,
    counts: HashMap<String, u64>,
}

impl Rarity<'_> {
    fn count(&mut self, term: &str) -> u64 {
        if let Some(count) = self.counts.get(term) {
            return *count;
        }
        let count = self.index.found_in(term);
        self.counts.insert(term.to_owned(), count);
        count
    }

    /// Whether any text of the base has a term of the word.
    fn knows_any(&mut self, word: &str) -> bool {
        let parts = terms(word);
        let pairs = parts.iter().any(|term| is_pair(term.text));
        parts
            .iter()
            .filter(|term| !pairs || is_pair(term.text))
            .any(|term| self.count(term.text) > 0)
    }

    fn knows(&mut self, concept: &Concept) -> bool {
        concept.alternatives.iter().any(|word| self.knows_any(word))
    }

    /// Inverse document frequency, natural logarithm, smoothed as in BM25.
    fn idf(&mut self, term: &str) -> f64 {
        let count = self.count(term) as f64;
        let all = self.index.len() as f64;
        (1.0 + (all - count + 0.5).max(0.5) / (count + 0.5)).ln()
    }

    /// The mean over a word's known pairs of characters; a lone character says little.
    fn weight_of_word(&mut self, word: &str) -> f64 {
        let parts = terms(word);
        if !parts.iter().any(|term| is_pair(term.text)) {
            return LONE_CHARACTER * self.idf(word);
        }
        let mut known = Vec::new();
        for term in parts.iter().filter(|term| is_pair(term.text)) {
            if self.count(term.text) > 0 {
                known.push(self.idf(term.text));
            }
        }
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }

    /// The weight of a concept: of the rarest way to call it that the base knows.
    fn weight(&mut self, concept: &Concept) -> f64 {
        let mut rarest = 0.0_f64;
        for word in &concept.alternatives {
            if self.knows_any(word) {
                rarest = rarest.max(self.weight_of_word(word));
            }
        }
        match (rarest > 0.0, concept.is_word()) {
            (true, _) => rarest,
            (false, true) => self.idf(""),
            (false, false) => LONE_CHARACTER * self.idf(""),
        }
    }
}

fn is_pair(term: &str) -> bool {
    term.chars().nth(1).is_some()
}

/// A concept with its weight.
#[derive(Debug, Clone)]
pub(crate) struct Weighted {
    pub(crate) concept: Concept,
    pub(crate) weight: f64,
    /// A word that no text of the base has.
    pub(crate) foreign: bool,
    /// Numerals and filler: never needed in a sentence.
    pub(crate) filler: bool,
}

/// Weighs a question's concepts.
///
/// A pair that the base does not know may be a word that it lacks, or only the seam of two words.
/// Between two known neighbours of the same run it is a seam and is dropped; beside one known
/// neighbour its other character is left; alone it is a word, and keeps its full weight.
pub(crate) fn weigh(question: &Question, index: &PassageIndex) -> Vec<Weighted> {
    let mut rarity = Rarity {
        index,
        counts: HashMap::new(),
    };
    let concepts = &question.concepts;
    let known: Vec<bool> = concepts.iter().map(|c| rarity.knows(c)).collect();
    let beside = |concept: &Concept, other: Option<usize>| {
        let other = other.and_then(|at| concepts.get(at).zip(known.get(at)));
        other.is_some_and(|(other, known)| other.run == concept.run && *known)
    };
    let mut kept: Vec<Weighted> = Vec::new();
    for (at, concept) in concepts.iter().enumerate() {
        let sides = (
            beside(concept, at.checked_sub(1)),
            beside(concept, Some(at + 1)),
        );
        let is_known = known.get(at).copied().unwrap_or_default();
        let filler = concept.alternatives.iter().all(|word| has_filler(word));
        if filler && !concept.is_word() {
            continue;
        }
        let (concept, factor) = match (is_known, sides) {
            (true, _) if filler => (concept.clone(), FILLER_PAIR),
            (false, (true, true)) => continue,
            (false, _) if filler => continue,
            (false, (true, false)) => (lone(concept, 1), 1.0),
            (false, (false, true)) => (lone(concept, 0), 1.0),
            (true, _) | (false, (false, false)) => (concept.clone(), 1.0),
        };
        kept.push(Weighted {
            weight: rarity.weight(&concept) * factor,
            foreign: !rarity.knows(&concept) && concept.is_word(),
            filler,
            concept,
        });
    }
    kept
}

fn has_filler(word: &str) -> bool {
    word.chars().any(|char| FILLER_CHARS.contains(char))
}

/// One character of a pair as a concept of its own; a word that is no pair stays whole.
fn lone(concept: &Concept, at: usize) -> Concept {
    let pick = |word: &String| {
        let char = word.chars().nth(at).filter(|char| is_han(*char));
        char.map_or_else(|| word.clone(), String::from)
    };
    Concept {
        alternatives: concept.alternatives.iter().map(pick).collect(),
        run: concept.run,
    }
}
