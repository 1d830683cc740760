//! Whether a text can answer a question at all: its matter, its place, its specific terms.
//!
//! A retrieval score cannot tell a near miss from a hit, so this looks at what the question names.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::document::Document;
use super::fold::{fold, is_han};
use super::passage::{Passage, SectionKind};
use super::question::{Concept, Question};
use super::tokenize::terms;
use super::words::FILLER_CHARS;

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
/// What a character that stands alone counts.
const LONE_CHARACTER: f64 = 0.4;
/// What a known pair with a filler character counts.
const FILLER_PAIR: f64 = 0.4;

/// A text folded for comparing.
#[derive(Debug)]
pub(crate) struct TextView {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) place: String,
    pub(crate) sentences: Vec<SentenceView>,
}

/// A sentence folded for comparing, with its raw byte range.
#[derive(Debug)]
pub(crate) struct SentenceView {
    pub(crate) folded: String,
    pub(crate) section: String,
    pub(crate) heading: String,
    pub(crate) kind: SectionKind,
    pub(crate) span: Range<usize>,
}

impl TextView {
    pub(crate) fn new<'a>(
        document: &Document,
        passages: impl Iterator<Item = &'a Passage>,
    ) -> Self {
        let mut view = Self {
            title: fold(&document.title),
            body: String::new(),
            place: fold(document.place.as_deref().unwrap_or_default()),
            sentences: Vec::new(),
        };
        for passage in passages {
            let heading = fold(&passage.section);
            for span in &passage.sentences {
                let raw = document.raw.get(span.clone()).unwrap_or_default();
                let folded = fold(raw);
                view.body.push_str(&folded);
                view.body.push('\n');
                view.sentences.push(SentenceView {
                    folded,
                    section: passage.section.clone(),
                    heading: heading.clone(),
                    kind: passage.kind,
                    span: span.clone(),
                });
            }
        }
        view
    }

    /// Whether title or body names a concept.
    pub(crate) fn names(&self, concept: &Concept) -> bool {
        concept.is_in(&self.title) || concept.is_in(&self.body)
    }
}

/// In how many passages each term occurs.
#[derive(Debug, Default)]
pub(crate) struct TermStats {
    passages: usize,
    found_in: HashMap<String, usize>,
}

impl TermStats {
    /// Counts one passage's folded text.
    pub(crate) fn add(&mut self, folded: &str) {
        self.passages += 1;
        let distinct: BTreeSet<&str> = terms(folded).iter().map(|term| term.text).collect();
        for term in distinct {
            *self.found_in.entry(term.to_owned()).or_insert(0) += 1;
        }
    }

    /// Whether any text of the base has a term of the word.
    fn knows_any(&self, word: &str) -> bool {
        let parts = terms(word);
        let pairs = parts.iter().any(|term| term.text.chars().count() > 1);
        let telling = |text: &str| !pairs || text.chars().count() > 1;
        parts
            .iter()
            .any(|term| telling(term.text) && self.found_in.contains_key(term.text))
    }

    /// Inverse document frequency, natural logarithm, smoothed as in BM25.
    pub(crate) fn idf(&self, term: &str) -> f64 {
        let count = self.found_in.get(term).copied().unwrap_or(0) as f64;
        let all = self.passages as f64;
        (1.0 + (all - count + 0.5).max(0.5) / (count + 0.5)).ln()
    }

    /// The weight of a concept: the mean over its known pairs of characters, of the rarest way to
    /// call it that the base knows; a lone character says little.
    fn weight(&self, concept: &Concept) -> f64 {
        let of_word = |word: &String| {
            let parts = terms(word);
            let is_pair = |text: &str| text.chars().nth(1).is_some();
            let mut pairs = parts.iter().filter(|t| is_pair(t.text)).peekable();
            if pairs.peek().is_none() {
                return LONE_CHARACTER * self.idf(word);
            }
            let known: Vec<f64> = pairs
                .filter(|term| self.found_in.contains_key(term.text))
                .map(|term| self.idf(term.text))
                .collect();
            known.iter().sum::<f64>() / known.len().max(1) as f64
        };
        let known = |word: &&String| self.knows_any(word);
        let weights = concept.alternatives.iter().filter(known).map(of_word);
        let rarest = weights.fold(0.0, f64::max);
        match (rarest > 0.0, concept.is_word()) {
            (true, _) => rarest,
            (false, true) => self.idf(""),
            (false, false) => LONE_CHARACTER * self.idf(""),
        }
    }
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
pub(crate) fn weigh(question: &Question, stats: &TermStats) -> Vec<Weighted> {
    let concepts = &question.concepts;
    let known = |concept: &Concept| {
        concept
            .alternatives
            .iter()
            .any(|word| stats.knows_any(word))
    };
    let beside = |concept: &Concept, other: Option<&Concept>| {
        other.is_some_and(|other| other.run == concept.run && known(other))
    };
    let mut kept: Vec<Weighted> = Vec::new();
    for (at, concept) in concepts.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| concepts.get(before));
        let sides = (
            beside(concept, before),
            beside(concept, concepts.get(at + 1)),
        );
        let filler = concept.alternatives.iter().all(|word| has_filler(word));
        if filler && !concept.is_word() {
            continue;
        }
        let (concept, factor) = match (known(concept), sides) {
            (true, _) if filler => (concept.clone(), FILLER_PAIR),
            (false, (true, true)) => continue,
            (false, _) if filler => continue,
            (false, (true, false)) => (lone(concept, 1), 1.0),
            (false, (false, true)) => (lone(concept, 0), 1.0),
            (true, _) | (false, (false, false)) => (concept.clone(), 1.0),
        };
        kept.push(Weighted {
            weight: stats.weight(&concept) * factor,
            foreign: !known(&concept) && concept.is_word(),
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
pub(crate) fn judge(
    question: &Question,
    weighted: &[Weighted],
    view: &TextView,
) -> Result<(), Gap> {
    let sum = |keep: &dyn Fn(&Concept) -> bool| -> f64 {
        let kept = weighted.iter().filter(|item| keep(&item.concept));
        kept.map(|item| item.weight).sum()
    };
    let all = sum(&|_| true);
    if all <= 0.0 {
        return Err(Gap::NoMatter);
    }
    let elsewhere = |place: &&str| !view.place.contains(*place) && !view.body.contains(*place);
    if question.places.iter().any(elsewhere) {
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
