//! A published base, ready to be asked: immutable, shared by all who ask.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::bank::Bank;
use super::cache::Cache;
use super::compose::Said;
use super::find::Found;
use super::hashes;
use super::help::{Help, Queued};
use super::rank::SentenceKey;
use super::record::{Answer, Asked, Citation, Outcome};
use crate::kb::{Passage, Published, State, Version, VersionId};
use crate::retrieve::{
    DenseIndex, Embedder, Entry, ModelFault, PassageIndex, Reranker, Side, Synonyms, fold,
};

/// Passages embedded in one call.
const EMBED_BATCH: usize = 32;
/// Most answers kept.
const ANSWERS_KEPT: usize = 2048;
/// Most days whose home is kept, and most days, each with a place, whose states are: one byte for
/// each version.
const DAYS_KEPT: usize = 128;
/// Most vectors of sentences kept: some twelve megabytes.
const SENTENCES_KEPT: usize = 8192;

/// Why a base cannot be asked.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A text is not the one that its digest names.
    #[error("{version} 的正文与其摘要不符，未载入。请重新发布这一版")]
    TextChanged {
        /// The version.
        version: VersionId,
    },
    /// The search index could not be built.
    #[error("无法建立检索索引：{0}。请检查内存是否充足后重试")]
    Index(#[from] tantivy::TantivyError),
    /// The passages, or the questions of the bank, have no vectors.
    #[error("无法计算段落向量：{0}。请检查嵌入模型，或者不用向量检索")]
    Embed(#[from] ModelFault),
}

/// Vectors of passages, and the model that made them.
pub(super) type Dense = (Arc<DenseIndex>, Arc<dyn Embedder>);

/// A published base with its index, ready to be asked from many threads.
pub struct Base {
    pub(super) published: Arc<Published>,
    /// Version and passage of every entry of the index.
    pub(super) entries: Vec<(u32, u32)>,
    /// The first entry of every version.
    pub(super) starts: Vec<usize>,
    /// Positions of the versions of each document.
    pub(super) documents: HashMap<String, Vec<usize>>,
    /// Places that texts are about, folded, the longer first.
    pub(super) places: Vec<String>,
    /// The place of each version, folded.
    pub(super) placed: Vec<Option<String>>,
    /// The place that the base was told to speak for, folded.
    pub(super) home: Option<String>,
    pub(super) index: Arc<PassageIndex>,
    pub(super) dense: Option<Dense>,
    pub(super) reranker: Option<Arc<dyn Reranker>>,
    pub(super) synonyms: Synonyms,
    pub(super) bank: Bank,
    /// Of each version its state, by day and place.
    pub(super) states: Cache<(Date, Option<String>), [Option<State>]>,
    /// The place that most texts name, by day.
    pub(super) homes: Cache<Date, Option<String>>,
    cache: Cache<String, Answer>,
    /// Answers in the words of models.
    written: Cache<String, Answer>,
    /// Vectors of sentences that the reader read.
    pub(super) sentences: Cache<SentenceKey, [f32]>,
    /// Answers in a row that a model failed.
    failures: AtomicU32,
}

impl fmt::Debug for Base {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Base")
            .field("base", &self.published.base)
            .field("versions", &self.published.versions.len())
            .field("passages", &self.entries.len())
            .finish_non_exhaustive()
    }
}

impl Base {
    /// Indexes a published base; with an embedder also its vectors. Blocks while it works.
    pub fn build(
        published: Arc<Published>,
        embedder: Option<Arc<dyn Embedder>>,
    ) -> Result<Self, BuildError> {
        let mut entries = Vec::new();
        for (at, version) in published.versions.iter().enumerate() {
            if hex::encode(Sha256::digest(version.text.as_bytes())) != version.text_sha256 {
                let version = version.id.clone();
                return Err(BuildError::TextChanged { version });
            }
            for passage in 0..version.passages.len() {
                entries.push((at as u32, passage as u32));
            }
        }
        let index = PassageIndex::build(published.versions.iter().flat_map(|version| {
            let title = fold(&version.head.title);
            let passages = version.passages.iter();
            passages.map(move |passage| Entry {
                title: title.clone(),
                path: fold(&passage.path.join("\n")),
                text: fold(&joined(version, &passage.sentences)),
            })
        }))?;
        let bank = Bank::build(&published, embedder.as_deref())?;
        let dense = match embedder {
            Some(embedder) => {
                let rows = embedded(&published, embedder.as_ref())?;
                Some((Arc::new(rows), embedder))
            }
            None => None,
        };
        Ok(Self::of(published, entries, (Arc::new(index), dense), bank))
    }

    /// A base of what is published, its passages in the order of the indexes.
    pub(super) fn of(
        published: Arc<Published>,
        entries: Vec<(u32, u32)>,
        (index, dense): (Arc<PassageIndex>, Option<Dense>),
        bank: Bank,
    ) -> Self {
        let mut documents: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, version) in published.versions.iter().enumerate() {
            let name = version.id.document.clone();
            documents.entry(name).or_default().push(at);
        }
        let mut starts = vec![0; published.versions.len()];
        for (entry, (version, passage)) in entries.iter().enumerate() {
            if let (Some(start), 0) = (starts.get_mut(*version as usize), passage) {
                *start = entry;
            }
        }
        let placed = published.versions.iter();
        let placed: Vec<_> = placed.map(|v| v.head.place.as_deref().map(fold)).collect();
        let home = published.home.as_deref().map(fold);
        Self {
            places: places(&placed, home.as_ref()),
            placed,
            home,
            synonyms: Synonyms::new(&published.synonyms),
            bank,
            published,
            entries,
            starts,
            documents,
            index,
            dense,
            reranker: None,
            states: Cache::new(DAYS_KEPT),
            homes: Cache::new(DAYS_KEPT),
            cache: Cache::new(ANSWERS_KEPT),
            written: Cache::new(ANSWERS_KEPT),
            sentences: Cache::new(SENTENCES_KEPT),
            failures: AtomicU32::new(0),
        }
    }

    /// This base with the first passages in the order of a model; none leaves them as found. To be
    /// told before it is asked.
    #[must_use]
    pub fn reranked_by(self, reranker: Option<Arc<dyn Reranker>>) -> Self {
        Self { reranker, ..self }
    }

    /// The same texts and indexes, shared, with another order of the first passages; answers that
    /// were kept stay behind.
    #[must_use]
    pub fn reordered(&self, reranker: Option<Arc<dyn Reranker>>) -> Self {
        let indexes = (Arc::clone(&self.index), self.dense.clone());
        let published = Arc::clone(&self.published);
        Self::of(published, self.entries.clone(), indexes, self.bank.clone()).reranked_by(reranker)
    }

    /// What it answers from.
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Passages in the index.
    pub fn passages(&self) -> usize {
        self.entries.len()
    }

    /// Name of the model whose vectors it finds passages by; none for words alone.
    pub fn embedder(&self) -> Option<String> {
        self.dense.as_ref().map(|(_, embedder)| embedder.name())
    }

    /// The model that puts the first passages in order.
    pub(crate) fn reranker_model(&self) -> Option<Arc<dyn Reranker>> {
        self.reranker.clone()
    }

    /// Whether a model helps to find.
    pub(crate) fn is_helped(&self) -> bool {
        self.dense.is_some() || self.reranker.is_some()
    }

    /// How many answers in a row a model failed, up to the last one.
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Name of the model that puts the first passages in order; none leaves them as found.
    pub fn reranker(&self) -> Option<String> {
        self.reranker.as_ref().map(|reranker| reranker.name())
    }

    /// Bytes of its indexes: of the words, and of the vectors.
    pub fn index_bytes(&self) -> (u64, usize) {
        let dense = self.dense.as_ref().map_or(0, |(dense, _)| dense.bytes());
        (self.index.bytes(), dense + self.bank.bytes())
    }

    /// Answers a question with verified sentences of the texts, or says why not. The same base and
    /// question give the same answer.
    pub fn answer(&self, asked: &Asked) -> Answer {
        self.answer_with(asked, &Help::welcome(None))
    }

    /// The same in a turn, which others have while a model works.
    pub(crate) fn answer_in_turn(&self, asked: &Asked, turn: Box<dyn Queued>) -> Answer {
        self.answer_with(asked, &Help::welcome(Some(turn)))
    }

    fn answer_with(&self, asked: &Asked, help: &Help) -> Answer {
        if let Some(known) = self.remembered(asked) {
            return known;
        }
        let said = self.said(asked, help);
        if help.failed() {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return self.answer_by_words(asked);
        }
        self.failures.store(0, Ordering::Relaxed);
        let answer = self.sealed(asked, said, &self.models());
        let key = answer.hashes.question.clone();
        self.cache.put(key, Arc::new(answer.clone()));
        answer
    }

    /// The answer that this question got before, if it is known yet.
    pub(crate) fn remembered(&self, asked: &Asked) -> Option<Answer> {
        let known = self.cache.get(&hashes::of_question(asked));
        known.map(|known| Answer::clone(&known))
    }

    /// The answer that words alone give, as where no model helps. It is not kept: the next asker
    /// gets the better one if the models are back.
    pub fn answer_by_words(&self, asked: &Asked) -> Answer {
        self.sealed(asked, self.said(asked, &Help::unwanted()), "")
    }

    /// Names of the models that help to find, as one text; empty without any.
    fn models(&self) -> String {
        let names = [self.embedder(), self.reranker()];
        let [embedder, reranker] = names.map(Option::unwrap_or_default);
        if reranker.is_empty() {
            return embedder;
        }
        format!("{embedder}\n{reranker}")
    }

    fn sealed(&self, asked: &Asked, (said, day): (Said, Date), models: &str) -> Answer {
        let hashes = hashes::before(asked, &self.published.digest, models);
        let mut answer = said.into_answer(asked, day, &self.published, hashes);
        if answer.outcome != Outcome::Answered {
            answer.hand_over = self.hand_over(day, asked.place.as_deref());
        }
        hashes::seal(&mut answer);
        answer
    }

    /// Places that texts are about, folded.
    pub(super) fn places(&self) -> &[String] {
        &self.places
    }

    /// What came of an earlier prompt.
    pub(super) fn written(&self, key: &str) -> Option<Arc<Answer>> {
        self.written.get(&key.to_owned())
    }

    /// Keeps what came of a prompt as long as this base.
    pub(super) fn keep_written(&self, key: &str, answer: &Answer) {
        self.written.put(key.to_owned(), Arc::new(answer.clone()));
    }

    /// The first sentences of the nearest texts, one for each document, at most three.
    pub(super) fn nearest(&self, found: &[Found], day: Date) -> Vec<Citation> {
        let mut named: Vec<Citation> = Vec::new();
        for candidate in found {
            let version = self.published.versions.get(candidate.version);
            let Some((version, passage)) =
                version.and_then(|v| Some((v, v.passages.get(candidate.passage)?)))
            else {
                continue;
            };
            let Some(span) = passage.sentences.first() else {
                continue;
            };
            if named.len() < 3 && !named.iter().any(|c| c.document == version.id.document) {
                named.push(Citation::of(version, &passage.path, span.clone(), day));
            }
        }
        named
    }
}

/// Sentences of a passage as the model for vectors gets them: under the titles above them.
pub(super) fn passage_text(
    version: &Version,
    passage: &Passage,
    sentences: &[Range<usize>],
) -> String {
    let path = passage.path.join(" ");
    let text = joined(version, sentences);
    format!("{}\n{path}\n{text}", version.head.title)
}

/// Sentences of a version, one a line.
pub(super) fn joined(version: &Version, sentences: &[Range<usize>]) -> String {
    let texts = sentences.iter().filter_map(|s| version.text.get(s.clone()));
    texts.collect::<Vec<_>>().join("\n")
}

/// The places that texts are about and the base's own, each once, the longer first.
fn places(placed: &[Option<String>], home: Option<&String>) -> Vec<String> {
    let mut places: Vec<String> = placed.iter().flatten().chain(home).cloned().collect();
    places.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    places.dedup();
    places
}

/// Vectors of all passages, each embedded with its title and headings.
fn embedded(published: &Published, embedder: &dyn Embedder) -> Result<DenseIndex, ModelFault> {
    let mut index = DenseIndex::default();
    let mut batch: Vec<String> = Vec::with_capacity(EMBED_BATCH);
    for version in &published.versions {
        for passage in &version.passages {
            batch.push(passage_text(version, passage, &passage.sentences));
            if batch.len() == EMBED_BATCH {
                index.extend(&embedder.embed(&batch, Side::Passage)?)?;
                batch.clear();
            }
        }
    }
    if !batch.is_empty() {
        index.extend(&embedder.embed(&batch, Side::Passage)?)?;
    }
    index.settle();
    Ok(index)
}
