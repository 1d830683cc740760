//! The library as keeper of answers, and the service that follows what it publishes.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use tokio::task::{JoinHandle, spawn_blocking};

use super::keeper::{KeepFault, Keeper, Opinion, Verdict};
use super::models::{ModelServer, RemoteEmbedder};
use super::{Helpers, Qa, Today};
use crate::answer::{Answer, Base, BuildError, Outcome};
use crate::kb::{Library, LibraryError, Published, Said, WorkKind, mask};
use crate::retrieve::Embedder;

/// How often it is asked whether the embedding model is served.
const LOOK: Duration = Duration::from_secs(20);

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

    /// The same with its own calendar.
    pub fn over_on(library: &Library, base: &str, today: Today) -> Result<Self, BuildError> {
        let built = Base::build(published(library, base), None)?;
        let shelf = Shelf {
            library: library.clone(),
            base: base.to_owned(),
        };
        Ok(Self::on(built, Arc::new(shelf), today))
    }

    /// Follows what the library publishes, and uses a model for vectors as soon as a server offers
    /// it. Ends with the library, or when the task is aborted.
    pub fn follow(
        &self,
        library: &Library,
        base: &str,
        helper: Option<(ModelServer, String)>,
    ) -> JoinHandle<()> {
        let (qa, library, base) = (self.clone(), library.clone(), base.to_owned());
        tokio::spawn(async move { qa.keep_up(&library, &base, helper).await })
    }

    async fn keep_up(&self, library: &Library, base: &str, helper: Option<(ModelServer, String)>) {
        let mut changes = library.changes();
        let mut embedder: Option<Arc<dyn Embedder>> = None;
        let mut stale = self.base().published().digest != published(library, base).digest;
        loop {
            if embedder.is_none()
                && let Some((server, model)) = &helper
                && server.models().await.contains(model)
            {
                embedder = Some(Arc::new(RemoteEmbedder::new(server.clone(), model)));
                stale = true;
            }
            if stale {
                self.rebuild(published(library, base), &mut embedder).await;
            }
            let looking = helper.is_some() && embedder.is_none();
            stale = tokio::select! {
                alive = changes.next() => {
                    if !alive { return; }
                    true
                }
                () = tokio::time::sleep(LOOK), if looking => false,
            };
        }
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

fn published(library: &Library, base: &str) -> Arc<Published> {
    library.published(base).unwrap_or_default()
}
