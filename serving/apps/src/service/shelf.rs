//! The library as keeper of answers, and the service over a base of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::keeper::{KeepFault, Keeper, Opinion, Verdict};
use super::{Qa, Today};
use crate::answer::{Answer, Base, BuildError, Outcome};
use crate::calendar::china_today;
use crate::kb::{Library, LibraryError, Published, Said, WorkKind, mask};

/// Between looks whether all is answered from.
const TURN: Duration = Duration::from_millis(50);

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
        let Some((kind, note)) = work(answer) else {
            return Ok(());
        };
        let (question, id) = (&answer.question, &answer.id);
        let opened = self
            .library
            .open_work(&self.base, kind, question, id, note, now);
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
        let answer = self.library.answer(&opinion.answer).map_err(fault)?;
        if answer.base != self.base {
            let (what, name) = ("回答", opinion.answer.clone());
            return Err(fault(LibraryError::NotFound { what, name }));
        }
        let words = mask(&opinion.words).text;
        if opinion.verdict == Verdict::Person {
            let kept = self.kept(&opinion.answer);
            let question = kept.map(|answer| answer.question).unwrap_or_default();
            let kind = WorkKind::Person;
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

/// What the staff has to do about an answer, and why; nothing for most.
fn work(answer: &Answer) -> Option<(WorkKind, &'static str)> {
    let note = match (answer.outcome, answer.reason.as_str()) {
        (Outcome::Conflict, _) => return Some((WorkKind::Conflict, "")),
        (Outcome::NoEvidence, "not_covered") => "有相近的文件，但没有写明所问的内容",
        (Outcome::NoEvidence, "other_place") => "问的是别的地区，知识库里没有那里的文件",
        (Outcome::NoEvidence, "source_changed") => "来源文件与发布时不同，没有摘录，请先核对",
        (Outcome::NoEvidence, _) => "没有找到相关的文件",
        (Outcome::NotInForce, "draft") => "只有草案写到，已按草案作答并注明尚未施行",
        (Outcome::NotInForce, "not_yet") => "只有尚未生效的文件写到，已按它作答并注明",
        (Outcome::NotInForce, _) => "只有已失效或被替代的文件写到，已按它作答并注明",
        _ => return None,
    };
    let kind = match answer.outcome {
        Outcome::NotInForce => WorkKind::NotInForce,
        _ => WorkKind::Unanswered,
    };
    Some((kind, note))
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

    /// A service over a base whose texts are read after it has begun to listen: it says so until
    /// [`Qa::reading`] is told otherwise, and [`Qa::follow`] brings in what is published.
    pub fn before_reading(library: &Library, base: &str) -> Result<Self, BuildError> {
        let nothing = Published {
            base: base.to_owned(),
            ..Published::default()
        };
        let built = Base::build(Arc::new(nothing), None)?;
        let qa = Self::on(built, keeper(library, base), Arc::new(china_today));
        qa.reading(true);
        Ok(qa)
    }

    /// Waits until all that the library has published is answered from. Something must follow it.
    pub async fn caught_up(&self, library: &Library, base: &str) {
        while self.published().digest != published(library, base).digest {
            tokio::time::sleep(TURN).await;
        }
    }

    /// A service over another base of the library, by the same calendar and before the same
    /// processors.
    pub(crate) fn beside(&self, library: &Library, base: &str) -> Result<Self, BuildError> {
        let built = Base::build(published(library, base), None)?;
        let (today, line) = (Arc::clone(&self.0.today), self.0.line.clone());
        Ok(Self::in_line(built, keeper(library, base), today, line))
    }

    /// The same with its own calendar.
    pub fn over_on(library: &Library, base: &str, today: Today) -> Result<Self, BuildError> {
        let built = Base::build(published(library, base), None)?;
        Ok(Self::on(built, keeper(library, base), today))
    }
}

fn keeper(library: &Library, base: &str) -> Arc<dyn Keeper> {
    Arc::new(Shelf {
        library: library.clone(),
        base: base.to_owned(),
    })
}

/// What a library publishes of a base now.
pub(super) fn published(library: &Library, base: &str) -> Arc<Published> {
    library.published(base).unwrap_or_default()
}
