//! What a question is about, as words with other ways to say them.

use crate::retrieve::{Synonyms, is_han, terms};

/// A thing the question names, in any of the ways the texts may call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Concept {
    /// Folded; the first is the citizen's own word.
    pub(crate) alternatives: Vec<String>,
    /// Position of its run of text, so that neighbours can be told from strangers.
    pub(crate) run: usize,
}

impl Concept {
    /// Whether it is more than a lone character.
    pub(crate) fn is_word(&self) -> bool {
        self.alternatives
            .iter()
            .any(|word| word.chars().nth(1).is_some())
    }

    /// Whether a folded text names it.
    pub(crate) fn is_in(&self, folded: &str) -> bool {
        self.alternatives
            .iter()
            .any(|word| folded.contains(word.as_str()))
    }
}

/// Takes the words of the table out of a text, longest first.
pub(super) fn take_synonyms(rest: &mut String, table: &Synonyms) -> Vec<Concept> {
    let mut found: Vec<Concept> = Vec::new();
    for (word, alternatives) in table.entries() {
        if !rest.contains(word) {
            continue;
        }
        *rest = rest.replace(word, " ");
        found.push(Concept {
            alternatives: alternatives.to_vec(),
            run: usize::MAX - found.len(),
        });
    }
    found
}

/// Pairs of neighbouring characters, whole words elsewhere, a lone character as it is.
pub(super) fn run_concepts(piece: &str, run: usize) -> Vec<Concept> {
    let single = |word: &str| Concept {
        alternatives: vec![word.to_owned()],
        run,
    };
    let pairs: Vec<Concept> = terms(piece)
        .iter()
        .filter(|term| term.text.chars().nth(1).is_some() || !term.text.chars().all(is_han))
        .map(|term| single(term.text))
        .collect();
    if pairs.is_empty() {
        vec![single(piece)]
    } else {
        pairs
    }
}
