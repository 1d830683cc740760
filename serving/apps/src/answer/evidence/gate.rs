//! Whether the best sentence of a view answers a question at all, told by its words, where no
//! model for vectors is served: alone for texts that the question bank does not know and for those
//! of another place, beside the reader of words for all others.
//!
//! A question is answered where enough of its matter stands near a sentence that states the asked
//! kind of fact. How much is enough was learned, not chosen: see [`WEIGHTS`].

use super::grade::Grade;

/// What [`signals`] are worth as log-odds that the text answers, and the bar.
///
/// Logistic regression over `qa-tune.jsonl` and the odd half of `qa-dev.jsonl` by
/// `examples/evaluation/fit.py`, which also says how well it does on documents left out. The words
/// of the tables beside this file were written while looking at the first of them, so the second
/// counts double. The bar lets one near miss in fourteen pass in that cross-validation.
const WEIGHTS: [f64; SIGNALS] = [1.02, -0.38, -1.06, 1.94, 1.45, 2.45, 1.08, 0.48, -0.39];
const BAR: f64 = 4.36;

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

/// What a sentence shows, in the order of [`WEIGHTS`]: whether the view lacks nothing of the clauses
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

/// Log-odds that a sentence answers, told by words alone, above the bar; pure.
pub(crate) fn margin(grade: &Grade) -> f64 {
    let weighted = WEIGHTS.iter().zip(signals(grade));
    weighted
        .map(|(weight, signal)| weight * signal)
        .sum::<f64>()
        - BAR
}

/// What keeps a sentence that does not answer from it.
pub(crate) fn short_of(grade: &Grade) -> Gap {
    if grade.covered < 0.4 {
        Gap::OtherMatter
    } else {
        Gap::Uncovered
    }
}

#[cfg(test)]
mod tests {
    use super::{Gap, Grade, margin, short_of};

    /// A question of six characters about a titled matter, of which the sentence has a share.
    fn grade(share: f64) -> Grade {
        Grade {
            score: share,
            covered: share,
            specific: share,
            missing: 0,
            typed: true,
            section: false,
            titled: share / 2.0,
            near: share,
            asked: share,
            lacking: 6.0 * (1.0 - share),
            matter: (6.0, 6.0),
        }
    }

    #[test]
    fn the_more_stands_near_the_sooner_it_answers() {
        assert!(margin(&grade(1.0)) >= 0.0);
        assert!(margin(&grade(0.6)) < 0.0 && margin(&grade(0.1)) < 0.0);
        assert_eq!(short_of(&grade(0.6)), Gap::Uncovered);
        assert_eq!(short_of(&grade(0.1)), Gap::OtherMatter);
        let margins: Vec<f64> = (0..=10)
            .map(|n| margin(&grade(f64::from(n) / 10.0)))
            .collect();
        assert!(margins.is_sorted(), "{margins:?}");
    }
}
