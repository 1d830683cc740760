//! Whether one answer is right; pure.

use crate::answer::{Answer, Hit, Outcome};
use crate::kb::{Published, State};
use crate::retrieve::fold;

use super::case::Case;

/// Passages among which the evidence must be.
pub const EVIDENCE_AT: usize = 5;

/// What one answer got right and wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Score {
    /// The question has an answer in the base.
    pub answerable: bool,
    /// It is a question whose answer only seems to be in the base, or belongs to another place.
    pub near_miss: bool,
    /// All facts stand in the best passages of the right document.
    pub evidence: bool,
    /// The answer holds all facts, from the right document.
    pub facts: bool,
    /// It ended as it must.
    pub outcome: bool,
    /// Sentences were given where none answer.
    pub false_answer: bool,
    /// No sentences were given where some answer.
    pub false_refusal: bool,
    /// It quotes a text of another place than the one asked about.
    pub wrong_place: bool,
    /// It quotes a draft, or a text that does not hold, without saying so.
    pub unlabelled: bool,
    /// Citations that it shows.
    pub citations: usize,
    /// Those whose bytes hold their quote.
    pub verbatim: usize,
}

/// Compares an answer and the passages found with what a question expects.
pub fn score(case: &Case, hits: &[Hit], answer: &Answer, published: &Published) -> Score {
    let answerable = !case.facts.is_empty();
    let wanted = |document: &str| case.document.as_ref().is_none_or(|own| own == document);
    let best = hits
        .iter()
        .take(EVIDENCE_AT)
        .filter(|h| wanted(&h.document));
    let found: String = best
        .map(|hit| format!("{}\n{}\n{}\n", hit.title, hit.path.join("\n"), hit.text))
        .collect();
    let told = answer.sentences.iter().filter(|sentence| {
        let mut citations = sentence.citations.iter();
        citations.any(|citation| wanted(&citation.document))
    });
    let told: String = told
        .map(|s| format!("{}\n{}\n", s.section, s.text))
        .collect();
    let gave = !answer.sentences.is_empty() || !answer.conflicts.is_empty();
    let sides = answer
        .conflicts
        .iter()
        .flat_map(|c| &c.sides)
        .map(|s| &s.citation);
    let quoted = answer.sentences.iter().flat_map(|s| &s.citations);
    let shown: Vec<_> = quoted.chain(sides).collect();
    let holds_quote = |citation: &&&crate::answer::Citation| {
        let mut versions = published.versions.iter();
        let version = versions.find(|version| {
            version.id.document == citation.document && version.id.number == citation.version
        });
        version.is_some_and(|version| citation.verify(&version.text).is_ok())
    };
    let conflict: String = shown.iter().map(|c| format!("{}\n", c.quote)).collect();
    let facts = answerable && (holds(&told, &case.facts) || holds(&conflict, &case.facts));
    Score {
        answerable,
        near_miss: !answerable && matches!(case.outcome, Outcome::NoEvidence | Outcome::OutOfScope),
        evidence: answerable && holds(&found, &case.facts),
        facts,
        outcome: answer.outcome == case.outcome,
        false_answer: !answerable && gave,
        false_refusal: answerable && !gave,
        wrong_place: shown
            .iter()
            .any(|c| elsewhere(case.place.as_deref(), c.place.as_deref())),
        unlabelled: shown.iter().any(|c| {
            let labelled = answer.notices.iter().any(|n| n.document == c.document);
            !matches!(c.state, State::InForce) && !labelled
        }),
        citations: shown.len(),
        verbatim: shown.iter().filter(holds_quote).count(),
    }
}

/// Whether a text holds all facts; scripts, widths and blanks do not count.
fn holds(text: &str, facts: &[String]) -> bool {
    let text = bare(text);
    facts.iter().all(|fact| text.contains(&bare(fact)))
}

fn bare(text: &str) -> String {
    let folded = fold(text);
    folded
        .chars()
        .filter(|char| !char.is_whitespace())
        .collect()
}

/// Whether a cited text applies in another place than the asker's.
fn elsewhere(asked: Option<&str>, cited: Option<&str>) -> bool {
    let (Some(asked), Some(cited)) = (asked, cited) else {
        return false;
    };
    let stem = |place: &str| {
        let place = fold(place);
        place
            .trim_end_matches(['市', '盟', '旗', '县', '区', '省'])
            .to_owned()
    };
    let (asked, cited) = (stem(asked), stem(cited));
    !asked.contains(&cited) && !cited.contains(&asked)
}
