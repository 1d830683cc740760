//! Questions and answers as a service: the current base, the log of answers, what people say of
//! them, and the models that help where they are there.

mod follow;
mod keeper;
mod models;
mod question;
mod shelf;
mod vectors;
mod writer;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::civil::Date;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::answer::{Answer, Base, Hit, Maker, Writer, generate, question_digest};
use crate::calendar::china_today;
use crate::kb::Published;

pub use keeper::{KeepFault, Keeper, Memory, Opinion, Verdict};
pub use models::{ModelServer, RemoteEmbedder};
pub use question::{AskFault, Question, day};

pub use follow::Helper;
pub use writer::RemoteWriter;

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
    /// Whether texts are being brought in.
    reading: watch::Sender<bool>,
}

/// A question to a base that has no texts yet waits so long for the first ones.
const READING: Duration = Duration::from_secs(10);

/// A model gets so long for an answer; then the texts' own sentences stand.
const PATIENCE: Duration = Duration::from_secs(45);

/// The models that help.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Helpers {
    /// The model whose vectors find passages; none searches by words alone.
    pub embedder: Option<String>,
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

/// An answer that was made again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replayed {
    /// Id of the answer.
    pub id: String,
    /// Whether the same text came out; none where it could not be made again.
    pub same: Option<bool>,
    /// Why it could not, or what differs.
    pub why: String,
    /// The answer as it was kept.
    pub answer: Answer,
}

impl Qa {
    /// A service over a base.
    pub fn new(base: Base, keeper: Arc<dyn Keeper>) -> Self {
        Self::on(base, keeper, Arc::new(china_today))
    }

    /// A service with its own calendar.
    pub fn on(base: Base, keeper: Arc<dyn Keeper>, today: Today) -> Self {
        Self(Arc::new(Inner {
            current: RwLock::new(Arc::new(base)),
            keeper,
            today,
            writer: RwLock::default(),
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
            versions: published.versions.len(),
            passages: base.passages(),
            index_bytes: base.index_bytes(),
            helpers: Helpers {
                embedder: base.embedder(),
                writer: self.writer().map(|writer| writer.name()),
            },
        }
    }

    /// Answers a question. It is kept before it is told: what cannot be written down is not said.
    pub async fn ask(&self, question: &Question) -> Result<Answer, AskFault> {
        let asked = question.asked(self.today())?;
        self.first_texts().await?;
        let (base, keeper) = (self.base(), Arc::clone(&self.0.keeper));
        let written = match self.writer().filter(|_| question.reworded) {
            Some(writer) => {
                let tell = &mut |_: &_| {};
                Some(generate(&base, &asked, writer.as_ref(), PATIENCE, tell).await)
            }
            None => None,
        };
        let work = spawn_blocking(move || {
            let answer = written.unwrap_or_else(|| base.answer(&asked));
            keeper.keep(&answer)?;
            Ok(answer)
        });
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "question task failed");
            Err(AskFault::Interrupted)
        })
    }

    /// The best passages for a question.
    pub async fn search(&self, question: &Question) -> Result<Vec<Hit>, AskFault> {
        let asked = question.asked(self.today())?;
        self.first_texts().await?;
        let base = self.base();
        let work = spawn_blocking(move || base.search(&asked)).await;
        work.map_err(|_| AskFault::Interrupted)
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

    /// Makes an answer again and compares.
    pub async fn replay(&self, id: &str) -> Option<Replayed> {
        let answer = self.kept(id).await?;
        let base = self.base();
        let work = spawn_blocking(move || replay(&base, answer)).await;
        work.ok()
    }
}

/// The same question on the same base must give the same text. What the log does not hold of the
/// question (place and breadth) is found again by its digest.
fn replay(base: &Base, answer: Answer) -> Replayed {
    let told = |same, why: &str, answer: Answer| Replayed {
        id: answer.id.clone(),
        same,
        why: why.to_owned(),
        answer,
    };
    if base.published().digest != answer.hashes.base {
        let why = "知识库在此之后有新的发布，当时的回答按存档原样给出";
        return told(None, why, answer);
    }
    if answer.made_by != Maker::Extract {
        let why = "由模型改写的回答不重算，按存档原样给出；每句都核对过出处";
        return told(None, why, answer);
    }
    let places = base
        .published()
        .versions
        .iter()
        .map(|v| v.head.place.clone());
    let mut places: Vec<Option<String>> = places.collect();
    places.push(None);
    places.sort();
    places.dedup();
    let mut candidates = places
        .iter()
        .flat_map(|place| question::breadths(&answer, place.as_deref()));
    let found = candidates.find(|asked| question_digest(asked) == answer.hashes.question);
    let Some(asked) = found else {
        let why = "问题存档前遮去了个人号码，无法逐字重算，当时的回答按存档原样给出";
        return told(None, why, answer);
    };
    let again = base.answer(&asked);
    if again.hashes == answer.hashes && again.sentences == answer.sentences {
        told(Some(true), "", answer)
    } else if again.hashes.configuration != answer.hashes.configuration {
        told(None, "程序的规则已更新，当时的回答按存档原样给出", answer)
    } else if again.hashes.model != answer.hashes.model {
        told(None, "所用模型已更换，当时的回答按存档原样给出", answer)
    } else {
        told(
            Some(false),
            "重算的结果与存档不同，请报告给维护人员",
            answer,
        )
    }
}
