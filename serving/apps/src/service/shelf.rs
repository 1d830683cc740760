//! The library as keeper of answers, and the service that follows what it publishes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use tokio::task::{JoinHandle, spawn_blocking};

use super::keeper::{KeepFault, Keeper, Opinion, Verdict};
use super::models::{ModelServer, RemoteEmbedder};
use super::writer::RemoteWriter;
use super::{Helpers, Qa, Today};
use crate::answer::{Answer, Base, BuildError, Outcome, Writer};
use crate::kb::{Library, LibraryError, Published, Said, WorkKind, mask};
use crate::retrieve::Embedder;

/// Between looks whether all is answered from.
const TURN: Duration = Duration::from_millis(50);
/// How often it is asked whether the embedding model is served.
const LOOK: Duration = Duration::from_secs(20);

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// Models that help as soon as a server offers them.
#[derive(Clone)]
pub struct Helper {
    /// The server.
    pub server: ModelServer,
    /// Name of the model for vectors.
    pub embedder: String,
    /// Name of the model that writes sentences for those who ask for that.
    pub writer: Option<String>,
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
        self.library.answer(id).ok()?.answer
    }

    fn say(&self, opinion: &Opinion) -> Result<(), KeepFault> {
        opinion.check()?;
        let words = mask(&opinion.words).text;
        if opinion.verdict == Verdict::Person {
            let kept = self.library.answer(&opinion.answer).map_err(fault)?;
            let question = kept
                .answer
                .map(|answer| answer.question)
                .unwrap_or_default();
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
        Self::over_on(library, base, Arc::new(|| Zoned::now().date()))
    }

    /// A service over a base whose texts are read after it has begun to listen: it says so until
    /// [`Qa::reading`] is told otherwise, and [`Qa::follow`] brings in what is published.
    pub fn before_reading(library: &Library, base: &str) -> Result<Self, BuildError> {
        let nothing = Published {
            base: base.to_owned(),
            ..Published::default()
        };
        let built = Base::build(Arc::new(nothing), None)?;
        let qa = Self::on(
            built,
            keeper(library, base),
            Arc::new(|| Zoned::now().date()),
        );
        qa.reading(true);
        Ok(qa)
    }

    /// Waits until all that the library has published is answered from. Something must follow it.
    pub async fn caught_up(&self, library: &Library, base: &str) {
        while self.published().digest != published(library, base).digest {
            tokio::time::sleep(TURN).await;
        }
    }

    /// The same with its own calendar.
    pub fn over_on(library: &Library, base: &str, today: Today) -> Result<Self, BuildError> {
        let built = Base::build(published(library, base), None)?;
        Ok(Self::on(built, keeper(library, base), today))
    }

    /// Follows what the library publishes, and uses a model for vectors as soon as a server offers
    /// it. Ends with the library, or when the task is aborted.
    pub fn follow(&self, library: &Library, base: &str, helper: Option<Helper>) -> JoinHandle<()> {
        let (qa, library, base) = (self.clone(), library.clone(), base.to_owned());
        tokio::spawn(async move { qa.keep_up(&library, &base, helper).await })
    }

    async fn keep_up(&self, library: &Library, base: &str, helper: Option<Helper>) {
        let mut changes = library.changes();
        let mut embedder: Option<Arc<dyn Embedder>> = None;
        let mut stale = self.base().published().digest != published(library, base).digest;
        loop {
            if let Some(helper) = &helper {
                stale |= self.look(helper, &mut embedder).await;
            }
            if stale {
                self.rebuild(published(library, base), &mut embedder).await;
            }
            stale = tokio::select! {
                alive = changes.next() => {
                    if !alive { return; }
                    true
                }
                () = tokio::time::sleep(LOOK), if helper.is_some() => false,
            };
        }
    }

    /// Uses the models that are served now; true where passages get vectors only now.
    async fn look(&self, helper: &Helper, embedder: &mut Option<Arc<dyn Embedder>>) -> bool {
        let served = helper.server.models().await;
        let writer = helper.writer.as_ref().filter(|name| served.contains(name));
        let known = self.writer().map(|writer| writer.name());
        if writer.cloned() != known {
            let made = |name: &String| -> Arc<dyn Writer> {
                Arc::new(RemoteWriter::new(helper.server.clone(), name))
            };
            self.written_by(writer.map(made));
        }
        if embedder.is_some() || !served.contains(&helper.embedder) {
            return false;
        }
        *embedder = Some(Arc::new(RemoteEmbedder::new(
            helper.server.clone(),
            &helper.embedder,
        )));
        true
    }

    /// Indexes away from the async threads; until it is done the old base answers. A model for
    /// vectors that does not answer is left out until it is found again.
    async fn rebuild(&self, published: Arc<Published>, embedder: &mut Option<Arc<dyn Embedder>>) {
        let build = |embedder: Option<Arc<dyn Embedder>>| {
            let published = Arc::clone(&published);
            spawn_blocking(move || Base::build(published, embedder))
        };
        let mut built = build(embedder.clone()).await;
        if let Ok(Err(BuildError::Embed(fault))) = &built {
            tracing::warn!(%fault, "passages get no vectors for now");
            *embedder = None;
            built = build(None).await;
        }
        match built {
            Ok(Ok(base)) => {
                tracing::info!(digest = %base.published().digest, "the base is answered from anew");
                self.helped_by(Helpers {
                    embedder: embedder.as_ref().map(|embedder| embedder.name()),
                    writer: None,
                });
                self.replace(base);
            }
            Ok(Err(error)) => tracing::error!(%error, "the base stays as it was"),
            Err(error) => tracing::error!(%error, "the base stays as it was"),
        }
    }
}

fn keeper(library: &Library, base: &str) -> Arc<dyn Keeper> {
    Arc::new(Shelf {
        library: library.clone(),
        base: base.to_owned(),
    })
}

fn published(library: &Library, base: &str) -> Arc<Published> {
    library.published(base).unwrap_or_default()
}
