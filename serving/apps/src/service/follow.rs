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
use crate::retrieve::{Embedder, Reranker};

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
        self.build(wanted, None, None).await;
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
        let embedder = Some(&helper.embedder).filter(|name| served.contains(name));
        let reranker = helper.reranker.as_ref();
        let reranker = reranker.filter(|name| served.contains(name));
        let base = self.base();
        if (base.embedder().as_ref(), base.reranker().as_ref()) != (embedder, reranker) {
            tracing::info!(?embedder, ?reranker, "other models help from now on");
            self.find_by(helper, (embedder, reranker), vectors).await;
        }
        tokio::time::sleep(helper.every).await;
    }

    /// Gives the passages vectors, and a model that puts the first ones in order; meanwhile what
    /// helped so far finds them.
    async fn find_by(
        &self,
        helper: &Helper,
        (embedder, reranker): (Option<&String>, Option<&String>),
        vectors: &Arc<Vectors>,
    ) {
        let stop = StopOnDrop(Arc::default());
        let embedder = embedder.map(|name| -> Arc<dyn Embedder> {
            Arc::new(Remembering {
                model: Arc::new(RemoteEmbedder::new(helper.server.clone(), name)),
                vectors: Arc::clone(vectors),
                stopped: Arc::clone(&stop.0),
            })
        });
        let reranker = reranker.map(|name| -> Arc<dyn Reranker> {
            Arc::new(RemoteReranker::new(helper.server.clone(), name))
        });
        let embeds = embedder.is_some();
        vectors.begin();
        if self.build(self.published(), embedder, reranker).await && embeds {
            vectors.forget();
        }
    }

    /// Indexes away from the async threads and answers from that, unless something else is answered
    /// from by then; whether it did.
    async fn build(
        &self,
        wanted: Arc<Published>,
        embedder: Option<Arc<dyn Embedder>>,
        reranker: Option<Arc<dyn Reranker>>,
    ) -> bool {
        let before = self.published().digest.clone();
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
