//! Questions and answers as a service: the current base, the log of answers, what people say of
//! them, and the models that help where they are there.

mod again;
mod follow;
mod keeper;
mod line;
mod models;
mod question;
mod replay;
mod shelf;
mod vectors;
mod writer;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;

use crate::answer::{Answer, Asked, Base, Hit, Queued, Writer, generate};
use crate::calendar::china_today;
use crate::kb::Published;
use line::Line;

pub use keeper::{KeepFault, Keeper, Memory, Opinion, Verdict};
pub use models::{ModelServer, RemoteEmbedder, RemoteReranker};
pub use question::{AskFault, Question, day};

pub use follow::Helper;
pub use replay::Replayed;
pub use writer::RemoteWriter;

pub(crate) use again::holds;
pub(crate) use shelf::now_ms;

/// Tells the day; tests tell their own.
pub type Today = Arc<dyn Fn() -> Date + Send + Sync>;

/// The service; cheap to clone.
#[derive(Clone)]
pub struct Qa(Arc<Inner>);

struct Inner {
    current: RwLock<Arc<Base>>,
    keeper: Arc<dyn Keeper>,
    today: Today,
    /// The model that writes sentences, where one is served.
    writer: RwLock<Option<Arc<dyn Writer>>>,
    /// Those who wait for an answer.
    line: Line,
    /// Turns of the writer that are free.
    turns: Semaphore,
    /// Whether texts are being brought in.
    reading: watch::Sender<bool>,
}

/// A question to a base that has no texts yet waits so long for the first ones.
const READING: Duration = Duration::from_secs(10);

/// A model gets so long for an answer; then the texts' own sentences stand.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Answers that a model writes at once.
const REWORDED_AT_ONCE: usize = 3;

/// The models that help.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Helpers {
    /// The model whose vectors find passages; none searches by words alone.
    pub embedder: Option<String>,
    /// The model that puts the first passages in order; none leaves them as found.
    pub reranker: Option<String>,
    /// The model that writes sentences; none quotes the texts.
    pub writer: Option<String>,
}

/// What the service works with now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Name of the base.
    pub base: String,
    /// Digest of what is published.
    pub digest: String,
    /// The place that questions are about which name none; none where nothing tells.
    pub home: Option<String>,
    /// Published versions.
    pub versions: usize,
    /// Passages in the index.
    pub passages: usize,
    /// Bytes of the indexes of words and of vectors.
    pub index_bytes: (u64, usize),
    /// The models that help.
    pub helpers: Helpers,
    /// Whether texts are being brought in.
    pub reading: bool,
}

impl Qa {
    /// A service over a base.
    pub fn new(base: Base, keeper: Arc<dyn Keeper>) -> Self {
        Self::on(base, keeper, Arc::new(china_today))
    }

    /// A service with its own calendar.
    pub fn on(base: Base, keeper: Arc<dyn Keeper>, today: Today) -> Self {
        Self::in_line(base, keeper, today, Line::new())
    }

    /// The same, whose askers wait in a line with those of others.
    fn in_line(base: Base, keeper: Arc<dyn Keeper>, today: Today, line: Line) -> Self {
        Self(Arc::new(Inner {
            current: RwLock::new(Arc::new(base)),
            keeper,
            today,
            writer: RwLock::default(),
            line,
            turns: Semaphore::new(REWORDED_AT_ONCE),
            reading: watch::Sender::new(false),
        }))
    }

    /// Says whether texts are being brought in from now on.
    pub fn reading(&self, reading: bool) {
        self.0.reading.send_replace(reading);
    }

    /// Whether texts are being brought in: what is not there yet may still come.
    pub fn is_reading(&self) -> bool {
        *self.0.reading.borrow()
    }

    /// Waits a while for the first texts where there are none: nothing must not be said to be
    /// unanswered because it was not read yet.
    async fn first_texts(&self) -> Result<(), AskFault> {
        if !self.is_reading() || !self.published().versions.is_empty() {
            return Ok(());
        }
        let mut reading = self.0.reading.subscribe();
        let read = timeout(READING, reading.wait_for(|reading| !reading)).await;
        match read {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(AskFault::Reading),
        }
    }

    /// Puts another base in the place of the current one; questions under way end on the old one.
    pub fn replace(&self, base: Base) {
        let mut current = self
            .0
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(base);
    }

    /// Lets a model write answers for those who ask for that; none takes it away.
    pub fn written_by(&self, writer: Option<Arc<dyn Writer>>) {
        *self
            .0
            .writer
            .write()
            .unwrap_or_else(PoisonError::into_inner) = writer;
    }

    /// The model that writes answers for those who ask for that.
    pub fn writer(&self) -> Option<Arc<dyn Writer>> {
        let writer = self.0.writer.read().unwrap_or_else(PoisonError::into_inner);
        writer.clone()
    }

    /// The current base.
    pub fn base(&self) -> Arc<Base> {
        let current = self
            .0
            .current
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }

    /// What it answers from.
    pub fn published(&self) -> Arc<Published> {
        Arc::clone(self.base().published())
    }

    /// The day on which answers hold unless the question names one.
    pub fn today(&self) -> Date {
        (self.0.today)()
    }

    /// What it works with now.
    pub fn status(&self) -> Status {
        let base = self.base();
        let published = base.published();
        Status {
            base: published.base.clone(),
            reading: self.is_reading(),
            digest: published.digest.clone(),
            home: base.home_on(self.today()),
            versions: published.versions.len(),
            passages: base.passages(),
            index_bytes: base.index_bytes(),
            helpers: Helpers {
                embedder: base.embedder(),
                reranker: base.reranker(),
                writer: self.writer().map(|writer| writer.name()),
            },
        }
    }

    /// Answers a question. It is kept before it is told: what cannot be written down is not said.
    pub async fn ask(&self, question: &Question) -> Result<Answer, AskFault> {
        let asked = question.asked(self.today())?;
        self.first_texts().await?;
        let extract = self.extract(&asked).await?;
        let answer = match self.writer_for(question) {
            Some((writer, _turn)) => self.reworded(extract, writer.as_ref(), &mut |_| {}).await,
            None => extract,
        };
        self.keep(&answer).await?;
        Ok(answer)
    }

    /// The same; `tell` gets a reworded answer sentence by sentence as it is verified. The extract
    /// that it rests on is kept before the first, so that a log that takes nothing stops it all.
    pub async fn ask_telling(
        &self,
        question: &Question,
        tell: &mut (dyn FnMut(&Answer) + Send),
    ) -> Result<Answer, AskFault> {
        let asked = question.asked(self.today())?;
        self.first_texts().await?;
        let extract = self.extract(&asked).await?;
        self.keep(&extract).await?;
        let Some((writer, _turn)) = self.writer_for(question) else {
            return Ok(extract);
        };
        let plain = extract.id.clone();
        let answer = self.reworded(extract, writer.as_ref(), tell).await;
        if answer.id != plain {
            self.keep(&answer).await?;
        }
        Ok(answer)
    }

    /// The writer for a question that asks for one, with a turn of it. Anybody may ask for one, and
    /// each holds a model for long, so that only a few do at once; the others get the extract.
    fn writer_for(&self, question: &Question) -> Option<(Arc<dyn Writer>, SemaphorePermit<'_>)> {
        let writer = self.writer().filter(|_| question.reworded)?;
        let turn = self.0.turns.try_acquire().ok()?;
        Some((writer, turn))
    }

    async fn reworded(
        &self,
        extract: Answer,
        writer: &dyn Writer,
        tell: &mut (dyn FnMut(&Answer) + Send),
    ) -> Answer {
        let base = self.base();
        generate(&base, extract, writer, PATIENCE, tell)
            .await
            .answer
    }

    async fn extract(&self, asked: &Asked) -> Result<Answer, AskFault> {
        let base = self.base();
        if let Some(known) = base.remembered(asked) {
            return Ok(known);
        }
        let asked = asked.clone();
        self.in_turn(move |turn| base.answer_in_turn(&asked, turn))
            .await
    }

    /// Does some work when its turn comes. Work that nobody waits for any more keeps its turn to
    /// its end.
    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(Box<dyn Queued>) -> T + Send + 'static,
    ) -> Result<T, AskFault> {
        let turn = Box::new(self.0.line.turn().await);
        let work = spawn_blocking(move || work(turn));
        work.await.map_err(|error| interrupted(&error))
    }

    async fn keep(&self, answer: &Answer) -> Result<(), AskFault> {
        let (keeper, answer) = (Arc::clone(&self.0.keeper), answer.clone());
        let work = spawn_blocking(move || keeper.keep(&answer)).await;
        work.map_err(|error| interrupted(&error))??;
        Ok(())
    }

    /// The best passages for a question.
    pub async fn search(&self, question: &Question) -> Result<Vec<Hit>, AskFault> {
        let asked = question.asked(self.today())?;
        self.first_texts().await?;
        let base = self.base();
        self.in_turn(move |turn| base.search_in_turn(&asked, turn))
            .await
    }

    /// An answer that was given.
    pub async fn kept(&self, id: &str) -> Option<Answer> {
        let (keeper, id) = (Arc::clone(&self.0.keeper), id.to_owned());
        spawn_blocking(move || keeper.kept(&id))
            .await
            .ok()
            .flatten()
    }

    /// Takes what somebody says of an answer.
    pub async fn opinion(&self, opinion: Opinion) -> Result<(), KeepFault> {
        let keeper = Arc::clone(&self.0.keeper);
        let work = spawn_blocking(move || keeper.say(&opinion)).await;
        work.unwrap_or_else(|error| Err(KeepFault(error.to_string())))
    }
}

fn interrupted(error: &JoinError) -> AskFault {
    tracing::error!(%error, "question task failed");
    AskFault::Interrupted
}
