//! Whether a view answers a question at all: its matter, the specific words, the kind of fact.

use super::grade::Grade;

/// Share of the matter that the best sentence with its surroundings must cover.
const COVERED: f64 = 0.66;
/// The same where the view lacks a word that the question has.
const COVERED_MISSING: f64 = 0.8;
/// A run this long that the view lacks is a missing word.
const MISSING: usize = 2;
/// Share of the matter beyond the title that must stand in or beside the sentence.
const SPECIFIC: f64 = 0.45;

/// Why a text cannot answer.
/// The later, the more telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// The text is about another matter.
    OtherMatter,
    /// The text is about the matter but does not say what is asked about it.
    Uncovered,
    /// The question names nothing that could be looked up.
    NoMatter,
    /// It can mean the matters of several texts.
    Ambiguous,
    /// Texts of several places answer it.
    Places,
    /// The text is not the one that was published.
    Changed,
}

/// The best sentence of a graded view, if it answers; pure.
pub(crate) fn judge(grades: &[Grade]) -> Result<(usize, Grade), Gap> {
    let typed = grades.iter().enumerate().filter(|(_, grade)| grade.typed);
    let best = typed.max_by(|(a, one), (b, other)| {
        let order = one.score.total_cmp(&other.score);
        order.then_with(|| b.cmp(a))
    });
    let Some((at, best)) = best else {
        return Err(Gap::Uncovered);
    };
    let needed = if best.missing >= MISSING {
        COVERED_MISSING
    } else {
        COVERED
    };
    if best.covered < 0.4 {
        return Err(Gap::OtherMatter);
    }
    if best.covered < needed || best.specific < SPECIFIC && !best.section {
        return Err(Gap::Uncovered);
    }
    Ok((at, *best))
}
