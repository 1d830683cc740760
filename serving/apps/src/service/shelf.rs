//! The library as keeper of answers, and the service over a base of it.

use std::sync::Arc;

use jiff::Timestamp;

use super::keeper::{KeepFault, Keeper, Opinion, Verdict};
use super::{Qa, Today};
use crate::answer::{Answer, Base, BuildError, Outcome};
use crate::calendar::china_today;
use crate::kb::{Library, LibraryError, Published, Said, WorkKind, mask};

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

struct Shelf {
    library: Library,
    base: String,
}

impl Keeper for Shelf {
    fn keep(&self, answer: &Answer) -> Result<(), KeepFault> {
        let now = now_ms();
        self.library
            .keep_answer(&self.base, answer, now)
            .map_err(fault)?;
        let kind = match answer.outcome {
            Outcome::NoEvidence | Outcome::NotInForce => WorkKind::Unanswered,
            Outcome::Conflict => WorkKind::Conflict,
            _ => return Ok(()),
        };
        let opened =
            self.library
                .open_work(&self.base, kind, &answer.question, &answer.id, "", now);
        // The answer is kept and told all the same: work is for the staff.
        if let Err(error) = opened {
            tracing::error!(%error, "no work was opened for an unanswered question");
        }
        Ok(())
    }

    fn kept(&self, id: &str) -> Option<Answer> {
        let kept = self.library.answer(id).ok()?;
        kept.answer.filter(|_| kept.base == self.base)
    }

    fn say(&self, opinion: &Opinion) -> Result<(), KeepFault> {
        opinion.check()?;
        let words = mask(&opinion.words).text;
        if opinion.verdict == Verdict::Person {
            let kept = self.kept(&opinion.answer);
            let question = kept.map(|answer| answer.question).unwrap_or_default();
            let kind = WorkKind::Unanswered;
            let note = "市民要求人工答复";
            let opened = self.library.open_work(
                &self.base,
                kind,
                &question,
                &opinion.answer,
                note,
                now_ms(),
            );
            return opened.map(|_| ()).map_err(fault);
        }
        let said = Said {
            answer: &opinion.answer,
            helpful: opinion.verdict == Verdict::Helpful,
            reason: &opinion.reason,
            comment: &words,
        };
        self.library.say(&said, now_ms()).map_err(fault)
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn fault(error: LibraryError) -> KeepFault {
    KeepFault(error.to_string())
}

impl Qa {
    /// A service over a base of a library: answers are kept there, and what is published is
    /// answered from as soon as it is indexed. Blocks while the first index is built.
    pub fn over(library: &Library, base: &str) -> Result<Self, BuildError> {
        Self::over_on(library, base, Arc::new(china_today))
    }

    /// The same with its own calendar.
    pub fn over_on(library: &Library, base: &str, today: Today) -> Result<Self, BuildError> {
        let built = Base::build(published(library, base), None)?;
        let shelf = Shelf {
            library: library.clone(),
            base: base.to_owned(),
        };
        Ok(Self::on(built, Arc::new(shelf), today))
    }
}

/// What a library publishes of a base now.
pub(super) fn published(library: &Library, base: &str) -> Arc<Published> {
    library.published(base).unwrap_or_default()
}
