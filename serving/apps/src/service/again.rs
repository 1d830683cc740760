//! Corrected questions are asked again whenever other texts are answered from: a correction that is
//! lost becomes work.

use tokio::task::spawn_blocking;

use super::Qa;
use super::shelf::now_ms;
use crate::answer::{Answer, Asked, Base};
use crate::kb::{Library, LibraryError, Regression, WorkKind};

/// Most texts that an answer to a corrected question quotes, as for anybody who asks.
const TOP_K: usize = 8;

impl Qa {
    /// Asks every corrected question of a base, and opens work for each whose answer does not hold
    /// what it must.
    pub(super) async fn ask_again(&self, library: &Library, name: &str) {
        let (base, library, name) = (self.base(), library.clone(), name.to_owned());
        let asked = spawn_blocking(move || {
            for kept in library.regressions(&name)? {
                if !holds(&base, &kept) {
                    tracing::warn!(question = %kept.question, "a corrected answer is lost");
                    report(&library, &kept)?;
                }
            }
            Ok::<_, LibraryError>(())
        });
        match asked.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "corrected questions were not asked again"),
            Err(error) => tracing::error!(%error, "corrected questions were not asked again"),
        }
    }
}

/// Whether the answer to a corrected question holds what it must.
pub(crate) fn holds(base: &Base, kept: &Regression) -> bool {
    let answer = base.answer(&Asked {
        question: kept.question.clone(),
        as_of: kept.as_of,
        place: None,
        top_k: TOP_K,
    });
    told(&answer).any(|text| text.contains(kept.expected.trim()))
}

/// What an answer tells, both sides of a contradiction included.
fn told(answer: &Answer) -> impl Iterator<Item = &str> {
    let sides = answer.conflicts.iter().flat_map(|conflict| &conflict.sides);
    let sides = sides.map(|side| side.citation.quote.as_str());
    let said = answer.sentences.iter().map(|said| said.text.as_str());
    said.chain(sides)
}

fn report(library: &Library, kept: &Regression) -> Result<(), LibraryError> {
    let (day, expected) = (kept.as_of, &kept.expected);
    let note = format!("更正过的问题，按 {day} 的规定应当答出：{expected}");
    let kind = WorkKind::Correction;
    let opened = library.open_work(&kept.base, kind, &kept.question, "", &note, now_ms());
    opened.map(drop)
}
