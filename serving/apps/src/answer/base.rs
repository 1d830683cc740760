//! A published base, ready to be asked: immutable, shared by all who ask.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::ask::check;
use super::cache::AnswerCache;
use super::compose::{Said, worse};
use super::evidence::{Gap, SentenceView, View, judge, scope, select, weigh};
use super::hashes;
use super::question::{self, Question};
use super::record::{Answer, Asked, Citation, Sentence};
use crate::kb::{Published, State, Version, VersionId};
use crate::retrieve::{
    DenseIndex, EmbedError, Embedder, Entry, PassageIndex, Side, Synonyms, fold, fuse,
};

/// Passages taken from the words' index.
const LEXICAL: usize = 80;
/// Passages taken from the vectors.
const DENSE: usize = 50;
/// Passages embedded in one call.
const EMBED_BATCH: usize = 32;
/// A passage whose score is below this share of the best one's is not asked.
const NEAR_BEST: f32 = 0.5;

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
    /// The passages have no vectors.
    #[error("无法计算段落向量：{0}。请检查嵌入模型，或者不用向量检索")]
    Embed(#[from] EmbedError),
}

/// One passage found for a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The version that it stands in.
    pub version: Arc<str>,
    /// Name of the document.
    pub document: String,
    /// Title of the document.
    pub title: String,
    /// Position of the passage in its version.
    pub passage: usize,
    /// Headings above it.
    pub path: Vec<String>,
    /// Its sentences, joined.
    pub text: String,
    /// State of the version on the day asked for.
    pub state: State,
    /// Rank score; comparable only within one question.
    pub score: f32,
}

/// A passage with its score, by positions in the base.
#[derive(Debug, Clone, Copy)]
struct Found {
    version: usize,
    passage: usize,
    state: State,
    score: f32,
}

/// A published base with its index, ready to be asked from many threads.
pub struct Base {
    published: Arc<Published>,
    /// Version and passage of every entry of the index.
    entries: Vec<(u32, u32)>,
    /// Positions of the versions of each document.
    documents: HashMap<String, Vec<usize>>,
    index: PassageIndex,
    dense: Option<(DenseIndex, Arc<dyn Embedder>)>,
    synonyms: Synonyms,
    cache: AnswerCache,
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
        let mut documents: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, version) in published.versions.iter().enumerate() {
            if hex::encode(Sha256::digest(version.text.as_bytes())) != version.text_sha256 {
                let version = version.id.clone();
                return Err(BuildError::TextChanged { version });
            }
            let name = version.id.document.clone();
            documents.entry(name).or_default().push(at);
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
        let dense = match embedder {
            Some(embedder) => Some((embedded(&published, embedder.as_ref())?, embedder)),
            None => None,
        };
        Ok(Self {
            synonyms: Synonyms::new(&published.synonyms),
            published,
            entries,
            documents,
            index,
            dense,
            cache: AnswerCache::default(),
        })
    }

    /// What it answers from.
    pub fn published(&self) -> &Arc<Published> {
        &self.published
    }

    /// Passages in the index.
    pub fn passages(&self) -> usize {
        self.entries.len()
    }

    /// Bytes of its indexes: of the words, and of the vectors.
    pub fn index_bytes(&self) -> (u64, usize) {
        let dense = self.dense.as_ref().map_or(0, |(dense, _)| dense.bytes());
        (self.index.bytes(), dense)
    }

    /// The best passages for a question, best first, at most `asked.top_k`; none for a question
    /// that cannot be used.
    pub fn search(&self, asked: &Asked) -> Vec<Hit> {
        if check(asked).is_err() {
            return Vec::new();
        }
        let question = question::read(&asked.question, asked.as_of, &self.synonyms);
        let day = question.as_of.unwrap_or(asked.as_of);
        let mut found = self.ranked(asked, &question, day);
        found.truncate(asked.top_k);
        found.iter().filter_map(|found| self.hit(*found)).collect()
    }

    /// Answers a question with verified sentences of the texts, or says why not. The same base and
    /// question give the same answer.
    pub fn answer(&self, asked: &Asked) -> Answer {
        let model = self.dense.as_ref().map_or(String::new(), |(_, e)| e.name());
        let hashes = hashes::before(asked, &self.published.digest, &model);
        if let Some(known) = self.cache.get(&hashes.question) {
            return Answer::clone(&known);
        }
        let (said, day) = self.said(asked);
        let mut answer = said.into_answer(asked, day, &self.published, hashes);
        hashes::seal(&mut answer);
        self.cache.put(&answer);
        answer
    }

    fn said(&self, asked: &Asked) -> (Said, Date) {
        if let Err(bad) = check(asked) {
            return (Said::refused(&bad.message), asked.as_of);
        }
        let question = question::read(&asked.question, asked.as_of, &self.synonyms);
        let day = question.as_of.unwrap_or(asked.as_of);
        let has_matter = !question.concepts.is_empty();
        if let Some(route) = question::route(&question.folded, has_matter) {
            return (Said::routed(route), day);
        }
        let found = self.ranked(asked, &question, day);
        (self.judged(asked, &question, &found, day), day)
    }

    /// The first texts of the ranking that answer, or why none does.
    fn judged(&self, asked: &Asked, question: &Question, found: &[Found], day: Date) -> Said {
        let weighted = weigh(question, &self.index);
        let mut reason = if weighted.is_empty() {
            "no_matter"
        } else {
            "nothing_found"
        };
        let best = found.first().map_or(0.0, |found| found.score);
        let near = found.iter().filter(|found| found.score >= NEAR_BEST * best);
        let mut seen: Vec<(usize, Range<usize>)> = Vec::new();
        for candidate in near {
            let Some(version) = self.published.versions.get(candidate.version) else {
                continue;
            };
            let scope = scope(version, candidate.passage);
            if seen
                .iter()
                .any(|(at, known)| *at == candidate.version && known.contains(&candidate.passage))
            {
                continue;
            }
            if seen.len() >= asked.top_k {
                break;
            }
            seen.push((candidate.version, scope.clone()));
            let view = View::new(version, scope);
            let chosen = match judge(question, &weighted, &view) {
                Ok(()) => select(question, &weighted, &view),
                Err(gap) => {
                    reason = worse(reason, gap);
                    continue;
                }
            };
            if chosen.is_empty() {
                reason = worse(reason, Gap::Uncovered);
                continue;
            }
            let theme = version.head.theme.as_ref();
            if let Some(theme) = theme.filter(|t| self.published.closed_themes.contains(*t)) {
                return Said::closed(theme);
            }
            let sentences = verified(version, day, &chosen);
            if !sentences.is_empty() {
                return Said::answered(sentences, day);
            }
            reason = "source_changed";
        }
        Said::nothing(reason, self.nearest(found, day))
    }

    /// Passages by rank: words and vectors fused, titles that name the matter and texts in force
    /// before others.
    fn ranked(&self, asked: &Asked, question: &Question, day: Date) -> Vec<Found> {
        let lexical = match self.index.top(&question.terms, LEXICAL) {
            Ok(top) => top,
            Err(fault) => {
                tracing::error!(%fault, "search failed");
                Vec::new()
            }
        };
        let fused = match self.nearest_vectors(&asked.question) {
            Some(dense) => fuse(&[(&lexical, 1.0), (&dense, 1.0)]),
            None => lexical,
        };
        let mut titles: HashMap<usize, f32> = HashMap::new();
        let mut found: Vec<Found> = fused
            .into_iter()
            .filter_map(|(entry, score)| {
                let (at, passage) = *self.entries.get(entry as usize)?;
                let (at, passage) = (at as usize, passage as usize);
                let version = self.published.versions.get(at)?;
                let state = version.state_on(day);
                if !state.holds() && self.another_holds(version, day) {
                    return None;
                }
                let share = *titles.entry(at).or_insert_with(|| {
                    let title = fold(&version.head.title);
                    let named = question.concepts.iter().filter(|c| c.is_in(&title));
                    named.count() as f32 / question.concepts.len().max(1) as f32
                });
                Some(Found {
                    version: at,
                    passage,
                    state,
                    score: score * (1.0 + share) * state_factor(state),
                })
            })
            .collect();
        found.sort_by(|a, b| {
            let order = b.score.total_cmp(&a.score);
            order.then_with(|| (a.version, a.passage).cmp(&(b.version, b.passage)))
        });
        found
    }

    /// Whether another version of the same document holds on the day.
    fn another_holds(&self, version: &Version, day: Date) -> bool {
        let others = self.documents.get(&version.id.document);
        others.into_iter().flatten().any(|at| {
            let other = self.published.versions.get(*at);
            other.is_some_and(|other| other.id != version.id && other.state_on(day).holds())
        })
    }

    fn nearest_vectors(&self, question: &str) -> Option<Vec<(u32, f32)>> {
        let (dense, embedder) = self.dense.as_ref()?;
        match embedder.embed(&[question.to_owned()], Side::Query) {
            Ok(rows) => rows.first().map(|row| dense.top(row, DENSE)),
            Err(fault) => {
                tracing::warn!(%fault, "question has no vector, words alone are searched");
                None
            }
        }
    }

    fn hit(&self, found: Found) -> Option<Hit> {
        let version = self.published.versions.get(found.version)?;
        let passage = version.passages.get(found.passage)?;
        Some(Hit {
            version: version.id.to_string().into(),
            document: version.id.document.clone(),
            title: version.head.title.clone(),
            passage: found.passage,
            path: passage.path.clone(),
            text: joined(version, &passage.sentences),
            state: found.state,
            score: found.score,
        })
    }

    /// The first sentences of the nearest texts, one for each document, at most three.
    fn nearest(&self, found: &[Found], day: Date) -> Vec<Citation> {
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

/// Cites the chosen sentences and keeps those whose bytes hold them.
fn verified(version: &Version, day: Date, chosen: &[&SentenceView]) -> Vec<Sentence> {
    let mut kept = Vec::new();
    for sentence in chosen {
        let path = version.passages.get(sentence.passage).map(|p| &*p.path);
        let path = path.unwrap_or_default();
        let citation = Citation::of(version, path, sentence.span.clone(), day);
        match citation.verify(&version.text) {
            Ok(()) => kept.push(Sentence {
                text: citation.quote.clone(),
                section: path.last().cloned().unwrap_or_default(),
                citations: vec![citation],
            }),
            Err(fault) => tracing::error!(%fault, "citation dropped"),
        }
    }
    kept
}

/// How far a text that is not law on the day falls behind one that is.
fn state_factor(state: State) -> f32 {
    match state {
        State::InForce => 1.0,
        State::Unstated => 0.9,
        State::NotYet => 0.7,
        State::Draft => 0.65,
        State::Superseded | State::Repealed | State::Quarantined => 0.55,
    }
}

/// Sentences of a version, one a line.
fn joined(version: &Version, sentences: &[Range<usize>]) -> String {
    let texts = sentences.iter().filter_map(|s| version.text.get(s.clone()));
    texts.collect::<Vec<_>>().join("\n")
}

/// Vectors of all passages, each embedded with its title and headings.
fn embedded(published: &Published, embedder: &dyn Embedder) -> Result<DenseIndex, EmbedError> {
    let mut index = DenseIndex::default();
    let mut batch: Vec<String> = Vec::with_capacity(EMBED_BATCH);
    for version in &published.versions {
        for passage in &version.passages {
            let text = joined(version, &passage.sentences);
            let path = passage.path.join(" ");
            batch.push(format!("{}\n{path}\n{text}", version.head.title));
            if batch.len() == EMBED_BATCH {
                index.extend(&embedder.embed(&batch, Side::Passage)?)?;
                batch.clear();
            }
        }
    }
    if !batch.is_empty() {
        index.extend(&embedder.embed(&batch, Side::Passage)?)?;
    }
    Ok(index)
}
