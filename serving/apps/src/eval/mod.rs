//! Measuring answers on a set of questions: evidence, facts, refusals, citations, time.
//!
//! A blind part of the set is never looked at while rules are made: of it only totals are printed.

mod case;
mod corpus;
mod corrected;
mod report;
mod sample;
mod score;
mod seeds;
mod written;

use std::time::Instant;

use jiff::civil::Date;

use crate::answer::{Answer, Asked, Base};

pub use case::{BadCase, Case, Fact, Split, read};
pub use corpus::{GeneratedFile, generated, published};
pub use corrected::{Corrected, corrected};
pub use report::{Report, Row};
pub use sample::{Sample, samples};
pub use score::{EVIDENCE_AT, Score, score};
pub use seeds::{Reviewed, review_seeds};
pub use written::{WrittenReport, run_written};

/// Asks all `cases`, which belong to one split and to this base, and adds them to a report; `seen`
/// gets every question with its answer and score unless they are blind. `day` is the day of
/// questions that name none.
pub fn run(
    base: &Base,
    cases: &[Case],
    split: Split,
    day: Date,
    report: &mut Report,
    seen: &mut dyn FnMut(&Case, &Answer, &Score),
) {
    for case in cases {
        let asked = asked(case, day, EVIDENCE_AT);
        let hits = base.search(&asked);
        let begun = Instant::now();
        let answer = base.answer(&asked);
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        let score = score(case, &hits, &answer, base.published());
        report.add(case, &score, micros);
        if split == Split::Tune {
            seen(case, &answer, &score);
        }
    }
}

/// A case as a question.
fn asked(case: &Case, day: Date, top_k: usize) -> Asked {
    Asked {
        question: case.question.clone(),
        as_of: case.as_of.unwrap_or(day),
        place: case.place.clone(),
        top_k,
    }
}
