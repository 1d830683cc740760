//! The service follows what its library publishes, and uses the models that a server offers.
//!
//! What was withdrawn or closed stops answering at once; what is new answers by words as soon as it
//! is indexed, and by vectors once it has them. No model is waited for before any of that.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};

use super::Qa;
use super::models::{ModelServer, RemoteEmbedder, RemoteReranker};
use super::shelf::published;
use super::vectors::{Remembering, Vectors};
use super::writer::RemoteWriter;
use crate::answer::{Base, BuildError, Writer};
use crate::kb::{Library, Published};
use crate::retrieve::Embedder;

/// Models that help as soon as a server offers them.
#[derive(Clone)]
pub struct Helper {
    /// The server.
    pub server: ModelServer,
    /// Name of the model for vectors.
    pub embedder: String,
    /// Name of the model that puts the first passages in order.
    pub reranker: Option<String>,
    /// Name of the model that writes sentences for those who ask for that.
    pub writer: Option<String>,
    /// How often it is asked what is served.
    pub every: Duration,
}

impl Helper {
    /// How often a server is asked usually.
    pub const EVERY: Duration = Duration::from_secs(20);
}

/// Answers in a row that models failed until the one for reranking is given up.
const FAILURES: u32 = 3;

/// Tells the work of a build that nobody waits for it any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Qa {
    /// Follows what the library publishes, and uses models as long as a server offers them. Ends
    /// with the library, or when the task is aborted.
    pub fn follow(&self, library: &Library, base: &str, helper: Option<Helper>) -> JoinHandle<()> {
        let (qa, library, base) = (self.clone(), library.clone(), base.to_owned());
        tokio::spawn(async move { qa.keep_up(&library, &base, helper).await })
    }

    async fn keep_up(&self, library: &Library, base: &str, helper: Option<Helper>) {
        let mut changes = library.changes();
        let vectors = Arc::new(Vectors::default());
        loop {
            let wanted = published(library, base);
            if self.published().digest != wanted.digest {
                self.take_over(wanted).await;
                self.ask_again(library, base).await;
            }
            let helped = async {
                match &helper {
                    Some(helper) => self.help(helper, &vectors).await,
                    None => pending().await,
                }
            };
            // A change ends whatever a model was asked for.
            tokio::select! {
                alive = changes.next() => if !alive { return; },
                () = helped => {}
            }
        }
    }

    /// Answers from what is published now: first without what is gone, then with what is new. Where
    /// no index can be built, the first of the two stays, and the next look tries again.
    async fn take_over(&self, wanted: Arc<Published>) {
        self.replace(self.base().narrowed(&wanted));
        self.build(wanted, None).await;
    }

    /// Uses the models that are served now and no other, then waits until the next look.
    async fn help(&self, helper: &Helper, vectors: &Arc<Vectors>) {
        let served = helper.server.models().await;
        let writer = helper.writer.as_ref().filter(|name| served.contains(name));
        let known = self.writer().map(|writer| writer.name());
        if writer.cloned() != known {
            let made = |name: &String| -> Arc<dyn Writer> {
                Arc::new(RemoteWriter::new(helper.server.clone(), name))
            };
            self.written_by(writer.map(made));
        }
        let is_served = served.contains(&helper.embedder);
        match (is_served, self.base().embedder().is_some()) {
            (true, false) => self.embed(helper, vectors).await,
            (false, true) => {
                tracing::warn!(model = %helper.embedder, "not served any more: words alone");
                self.build(self.published(), None).await;
            }
            _ => {}
        }
        self.order_by(helper, &served).await;
        tokio::time::sleep(helper.every).await;
    }

    /// Gives the passages vectors; meanwhile words alone find them.
    async fn embed(&self, helper: &Helper, vectors: &Arc<Vectors>) {
        let stop = StopOnDrop(Arc::default());
        let embedder = Remembering {
            model: Arc::new(RemoteEmbedder::new(helper.server.clone(), &helper.embedder)),
            vectors: Arc::clone(vectors),
            stopped: Arc::clone(&stop.0),
        };
        vectors.begin();
        if self.build(self.published(), Some(Arc::new(embedder))).await {
            vectors.forget();
        }
    }

    /// Lets a model put passages in order that is served and does so in time, and gives up one
    /// that is gone or keeps failing: each failure costs an answer the help of every model.
    async fn order_by(&self, helper: &Helper, served: &[String]) {
        let wanted = helper.reranker.as_ref();
        let wanted = wanted.filter(|name| served.contains(name));
        let fails = self.base().failures() >= FAILURES;
        match (wanted, self.base().reranker()) {
            (Some(name), None) => {
                let model = RemoteReranker::new(helper.server.clone(), name);
                let tried = spawn_blocking(move || model.tried().map(|()| model)).await;
                match tried {
                    Ok(Ok(model)) => self.replace(self.base().reordered(Some(Arc::new(model)))),
                    Ok(Err(fault)) => tracing::warn!(%fault, "passages stay in their order"),
                    Err(error) => tracing::error!(%error, "no model for reranking was tried"),
                }
            }
            (None, Some(model)) => {
                tracing::warn!(%model, "not served any more: passages stay in their order");
                self.replace(self.base().reordered(None));
            }
            (Some(model), Some(_)) if fails => {
                tracing::warn!(%model, "keeps failing: passages stay in their order for now");
                self.replace(self.base().reordered(None));
            }
            _ => {}
        }
    }

    /// Indexes away from the async threads and answers from that, unless something else is answered
    /// from by then; whether it did.
    async fn build(&self, wanted: Arc<Published>, embedder: Option<Arc<dyn Embedder>>) -> bool {
        let before = self.published().digest.clone();
        let reranker = self.base().reranker_model();
        let work = move || Base::build(wanted, embedder).map(|base| base.reranked_by(reranker));
        let built = spawn_blocking(work).await;
        match built {
            Ok(Ok(base)) if self.published().digest == before => {
                tracing::info!(digest = %base.published().digest, "the base is answered from anew");
                self.replace(base);
                return true;
            }
            Ok(Ok(_)) => {}
            Ok(Err(BuildError::Embed(fault))) => {
                tracing::warn!(%fault, "passages get no vectors for now");
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "what is new is not answered from; what is gone is gone");
            }
            Err(error) => tracing::error!(%error, "the index was not built"),
        }
        false
    }
}
