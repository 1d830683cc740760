//! What a question asks: the kind of answer, the matter in terms, the place.

use super::fold::{fold, is_han};
use super::tokenize::terms;
use super::words::{
    ASPECT_WORDS, Aspect, DIRECTIONS, FILLER, FILLER_CHARS, LASTING, LASTS, PLACES, RECEIVING,
    SYNONYMS,
};

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
        self.alternatives.iter().any(|word| folded.contains(word))
    }
}

/// A question taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Kinds of answer asked for, most telling first.
    pub(crate) aspects: Vec<Aspect>,
    /// What it is about.
    pub(crate) concepts: Vec<Concept>,
    /// Terms for the index.
    pub(crate) terms: Vec<String>,
    /// Places elsewhere whose rules are asked for.
    pub(crate) places: Vec<&'static str>,
}

/// Takes a question apart. Pure; any text is accepted.
pub(crate) fn parse(text: &str) -> Question {
    let mut rest = fold(text);
    let places = asked_places(&rest);
    let aspects = take_aspects(&mut rest);
    let mut concepts = take_synonyms(&mut rest);
    blank_out(&mut rest, FILLER);
    for (run, piece) in rest
        .split(|char: char| !char.is_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .enumerate()
    {
        concepts.extend(run_concepts(piece, run));
    }
    let mut index_terms: Vec<String> = Vec::new();
    let words = concepts.iter().flat_map(|concept| &concept.alternatives);
    for word in words.map(String::as_str).chain([rest.as_str()]) {
        for term in terms(word) {
            if !FILLER_CHARS.contains(term.text)
                && !index_terms.iter().any(|known| known == term.text)
            {
                index_terms.push(term.text.to_owned());
            }
        }
    }
    Question {
        aspects,
        concepts,
        terms: index_terms,
        places,
    }
}

/// Replaces every phrase of a list by a blank, longer phrases first.
fn blank_out(text: &mut String, phrases: &str) {
    let mut ordered: Vec<&str> = phrases.split_whitespace().collect();
    ordered.sort_by_key(|phrase| std::cmp::Reverse(phrase.len()));
    for phrase in ordered {
        if text.contains(phrase) {
            *text = text.replace(phrase, " ");
        }
    }
}

/// Whether a text has one of the words of a list.
fn any_of(text: &str, words: &str) -> bool {
    words.split_whitespace().any(|word| text.contains(word))
}

fn take_aspects(rest: &mut String) -> Vec<Aspect> {
    let receiving = any_of(rest, RECEIVING);
    let lasts = any_of(rest, LASTS);
    let mut found = Vec::new();
    if any_of(rest, LASTING) {
        found.push(Aspect::Duration);
        blank_out(rest, LASTING);
    }
    for (aspect, phrases) in ASPECT_WORDS {
        if any_of(rest, phrases) {
            found.push(match aspect {
                Aspect::Fee if receiving => Aspect::Quantity,
                Aspect::Time if lasts => Aspect::Duration,
                other => other,
            });
            blank_out(rest, phrases);
        }
    }
    // "几" with its measure word asks for a number.
    while let Some(at) = rest.find('几') {
        let after = rest.get(at..).unwrap_or_default();
        let end = at + after.chars().take(2).map(char::len_utf8).sum::<usize>();
        rest.replace_range(at..end, " ");
        found.push(Aspect::Quantity);
    }
    found.dedup();
    found
}

fn take_synonyms(rest: &mut String) -> Vec<Concept> {
    let mut ordered: Vec<_> = SYNONYMS.iter().collect();
    ordered.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
    let mut found: Vec<Concept> = Vec::new();
    for (word, others) in ordered {
        if !rest.contains(word) {
            continue;
        }
        *rest = rest.replace(word, " ");
        let mut alternatives = vec![(*word).to_owned()];
        alternatives.extend(others.split_whitespace().map(str::to_owned));
        found.push(Concept {
            alternatives,
            run: usize::MAX - found.len(),
        });
    }
    found
}

/// Pairs of neighbouring characters, whole words elsewhere, a lone character as it is.
fn run_concepts(piece: &str, run: usize) -> Vec<Concept> {
    let single = |word: &str| Concept {
        alternatives: vec![word.to_owned()],
        run,
    };
    let pairs: Vec<Concept> = terms(piece)
        .iter()
        .filter(|term| term.text.chars().count() > 1 || !term.text.chars().all(is_han))
        .map(|term| single(term.text))
        .collect();
    if pairs.is_empty() {
        vec![single(piece)]
    } else {
        pairs
    }
}

fn asked_places(folded: &str) -> Vec<&'static str> {
    let asked = |place: &&str| {
        folded.find(*place).is_some_and(|at| {
            let before = folded.get(..at).unwrap_or_default();
            let mut directions = DIRECTIONS.split_whitespace();
            !directions.any(|word| before.ends_with(word))
        })
    };
    PLACES.split_whitespace().filter(asked).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_a_fee_about_a_matter() {
        let question = parse("請問居住證補辦多少錢？");
        assert_eq!(question.aspects, [Aspect::Fee]);
        assert!(question.concepts.iter().any(|c| c.is_in("居住证")));
        assert!(question.concepts.iter().any(|c| c.is_in("补领")));
    }

    #[test]
    fn a_destination_is_not_the_place_of_the_rule() {
        assert_eq!(parse("北京的居住证怎么办").places, ["北京"]);
        assert!(parse("去北京看病怎么备案").places.is_empty());
    }

    #[test]
    fn pure_filler_has_no_matter() {
        assert!(parse("请问怎么办理？").concepts.is_empty());
    }
}
