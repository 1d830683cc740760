//! Whether one answer is right; pure.

use crate::answer::{Answer, Citation, Hit, Outcome};
use crate::kb::{Published, Version};
use crate::retrieve::fold;

use super::case::{Case, Fact};

/// Passages among which the evidence must be.
pub const EVIDENCE_AT: usize = 5;

/// What one answer got right and wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent verdict"
)]
pub struct Score {
    /// The question has an answer in the base.
    pub answerable: bool,
    /// Its answer only seems to be in the base.
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
    /// It gives as law what a draft says, or a text that does not hold.
    pub draft_as_law: bool,
    /// Citations that it shows.
    pub citations: usize,
    /// Those whose bytes hold their quote.
    pub verbatim: usize,
}

/// Compares an answer and the passages found with what a question expects.
pub fn score(case: &Case, hits: &[Hit], answer: &Answer, published: &Published) -> Score {
    let allowed = |document: &str| case.documents.iter().any(|own| own == document);
    let answerable = !case.documents.is_empty() && !case.evidence.is_empty();
    let best = hits
        .iter()
        .take(EVIDENCE_AT)
        .filter(|h| allowed(&h.document));
    let found: Vec<String> = best
        .map(|hit| format!("{}\n{}\n{}\n", hit.title, hit.path.join("\n"), hit.text))
        .collect();
    let shown = shown(answer);
    let right = shown.iter().filter(|c| allowed(&c.document));
    let told: Vec<String> = right
        .map(|c| format!("{}\n{}\n", c.path.join("\n"), c.quote))
        .collect();
    let gave = !shown.is_empty();
    let evidence: Vec<Fact> = case.evidence.iter().cloned().map(Fact::Words).collect();
    let leads = shown.first().is_some_and(|c| allowed(&c.document));
    Score {
        answerable,
        near_miss: case.kind == "near_miss",
        evidence: answerable && holds(&found.concat(), &evidence),
        facts: answerable && leads && holds(&told.concat(), &case.facts),
        outcome: answer.outcome == case.outcome,
        false_answer: !answerable && gave,
        false_refusal: answerable && !gave,
        wrong_place: shown.iter().any(|c| elsewhere(case, c, published)),
        draft_as_law: gave
            && answer.outcome.is_answer()
            && (case.outcome == Outcome::NotInForce || shown.iter().any(|c| !c.state.holds())),
        citations: shown.len(),
        verbatim: shown
            .iter()
            .filter(|c| {
                let version = version_of(published, &c.document, c.version);
                version.is_some_and(|version| c.verify(&version.text).is_ok())
            })
            .count(),
    }
}

/// All citations of an answer, in order.
fn shown(answer: &Answer) -> Vec<&Citation> {
    let sides = answer.conflicts.iter().flat_map(|c| &c.sides);
    let quoted = answer.sentences.iter().flat_map(|s| &s.citations);
    quoted.chain(sides.map(|side| &side.citation)).collect()
}

fn version_of<'a>(published: &'a Published, document: &str, number: u32) -> Option<&'a Version> {
    let mut versions = published.versions.iter();
    let found = versions.find(|v| v.id.document == document && v.id.number == number);
    found.map(AsRef::as_ref)
}

/// Whether a text holds all facts; scripts, widths and blanks do not count.
pub(super) fn holds(text: &str, facts: &[Fact]) -> bool {
    let text = bare(text);
    let has = |fact: &Fact| fact.ways().iter().any(|way| text.contains(&bare(way)));
    facts.iter().all(has)
}

fn bare(text: &str) -> String {
    let folded = fold(text);
    folded
        .chars()
        .filter(|char| !char.is_whitespace())
        .collect()
}

/// Whether a cited text applies elsewhere than the texts that may be quoted; for a question about
/// a place that no text is about, every citation does.
fn elsewhere(case: &Case, cited: &Citation, published: &Published) -> bool {
    if case.documents.is_empty() {
        return case.kind == "other_place";
    }
    let mut allowed = published
        .versions
        .iter()
        .filter(|version| case.documents.contains(&version.id.document));
    // 烏海市 and 乌海市 are one place.
    let place = |place: &Option<String>| place.as_deref().map(fold);
    cited.place.is_some()
        && !allowed.any(|version| place(&version.head.place) == place(&cited.place))
}
