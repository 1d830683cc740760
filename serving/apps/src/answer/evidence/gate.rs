//! What a sentence shows of whether it answers, told by words, and why a text does not.

use super::grade::Grade;

/// Signals of one sentence.
pub(crate) const SIGNALS: usize = 9;
/// Less than this is nothing lacking.
const NOTHING: f64 = 0.01;
/// More matter than this says nothing more.
const MOST_MATTER: f64 = 12.0;

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
    /// Texts of several places answer, and it names none.
    Places,
    /// The text is not the one that was published.
    Changed,
}

/// What a sentence shows, in the order that `reader` knows: whether the view lacks nothing of the clauses
/// that ask; what it lacks, in words and in shares; shares of those clauses, of the matter beyond
/// the title and of all matter that stand near; the title's share; how much matter there is, and
/// how much of it in those clauses.
pub(crate) fn signals(grade: &Grade) -> [f64; SIGNALS] {
    let (all, asked) = grade.matter;
    [
        f64::from(grade.lacking < NOTHING),
        grade.lacking,
        grade.lacking / asked.max(f64::MIN_POSITIVE),
        grade.asked,
        grade.specific,
        grade.near,
        grade.titled,
        all.min(MOST_MATTER),
        asked.min(MOST_MATTER),
    ]
}

/// The sentence of a graded view that comes nearest to an answer: the best one that states the
/// asked kind of fact; pure.
pub(crate) fn nearest(grades: &[Grade]) -> Option<(usize, Grade)> {
    let typed = grades.iter().enumerate().filter(|(_, grade)| grade.typed);
    let best = typed.max_by(|(a, one), (b, other)| {
        let order = one.score.total_cmp(&other.score);
        order.then_with(|| b.cmp(a))
    });
    best.map(|(at, grade)| (at, *grade))
}

/// What keeps a sentence that does not answer from it.
pub(crate) fn short_of(grade: &Grade) -> Gap {
    if grade.covered < 0.4 {
        Gap::OtherMatter
    } else {
        Gap::Uncovered
    }
}
