//! Which questions of the bank a question is like, and what that says of each sentence.
//!
//! People ask alike more often than texts are written as people ask: a question that is like one
//! whose answer is known is answered by the same sentence, and one that is like a question that no
//! text answers probably is not answered either. How much that counts is for `evidence` to say.

mod likeness;
mod places;
mod words;

use std::collections::HashSet;
use std::sync::Arc;

use super::rank::SentenceKey;
use crate::kb::{BankQuestion, Published};
use crate::retrieve::{Cosines, DenseIndex, Embedder, ModelFault, Side, fold};

pub(crate) use likeness::{Alike, LIKES, Likes};
use words::Words;

/// Questions embedded in one call.
const EMBED_BATCH: usize = 32;

/// The bank of a base, ready to be compared with.
#[derive(Debug, Clone, Default)]
pub(super) struct Bank {
    entries: Vec<Entry>,
    /// Versions that entries have sentences of.
    known: HashSet<u32>,
    words: Arc<Words>,
    meaning: Option<Arc<Vectors>>,
}

/// A question of the bank by the sentences that hold its quote; without any it says nothing now.
#[derive(Debug, Clone, Default)]
struct Entry {
    sentences: Vec<SentenceKey>,
    answers: bool,
}

/// Vectors of all questions, less what they have in common.
#[derive(Debug)]
struct Vectors {
    mean: Vec<f32>,
    index: DenseIndex,
}

impl Bank {
    /// Finds the quotes in what is published, and indexes the questions; with an embedder also
    /// their vectors. Blocks while it works.
    pub(super) fn build(
        published: &Published,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Self, ModelFault> {
        let bank = &published.bank;
        let places = places::of(published);
        let entries = bank.iter().zip(places).map(|(one, sentences)| Entry {
            sentences,
            answers: one.answers,
        });
        let meaning = match embedder {
            Some(embedder) if !bank.is_empty() => Some(Arc::new(Vectors::of(bank, embedder)?)),
            _ => None,
        };
        let entries: Vec<Entry> = entries.collect();
        Ok(Self {
            known: versions(&entries),
            entries,
            words: Arc::new(Words::of(bank.iter().map(|one| fold(&one.question)))),
            meaning,
        })
    }

    /// This bank when versions moved or are gone, as `moved` tells of each, and without the
    /// questions of `old` that are not in `now`.
    pub(super) fn narrowed(
        &self,
        old: &[BankQuestion],
        now: &[BankQuestion],
        moved: impl Fn(u32) -> Option<u32>,
    ) -> Self {
        let now: HashSet<&BankQuestion> = now.iter().collect();
        let entries = self.entries.iter().zip(old).map(|(entry, question)| {
            let sentences = entry.sentences.iter();
            let sentences = sentences.filter_map(|(at, passage, start, end)| {
                Some((moved(*at)?, *passage, *start, *end))
            });
            let kept = now.contains(question);
            Entry {
                sentences: sentences.filter(|_| kept).collect(),
                answers: entry.answers,
            }
        });
        let entries: Vec<Entry> = entries.collect();
        Self {
            known: versions(&entries),
            entries,
            words: Arc::clone(&self.words),
            meaning: self.meaning.clone(),
        }
    }

    /// How alike a folded question, with its vector where there is one, is to those of the bank
    /// whose quotes stand in a version that may answer.
    pub(super) fn alike(
        &self,
        question: &str,
        vector: Option<&[f32]>,
        may_answer: impl Fn(u32) -> bool,
    ) -> Alike {
        let words = self.words.alike(question);
        let vectors = self.meaning.as_ref().zip(vector);
        let meaning = vectors.and_then(|(vectors, vector)| vectors.alike(vector));
        let meaning = meaning.as_ref().map(Cosines::all);
        Alike::of_scores(&self.entries, &words, meaning, may_answer)
    }

    /// Whether some question of it is about a version.
    pub(super) fn knows(&self, version: usize) -> bool {
        self.known.contains(&(version as u32))
    }

    /// Whether it has no questions.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// In how many questions a term stands.
    pub(super) fn found_in(&self, term: &str) -> u64 {
        self.words.found_in(term)
    }

    /// Bytes of the vectors.
    pub(super) fn bytes(&self) -> usize {
        self.meaning.as_ref().map_or(0, |own| own.index.bytes())
    }
}

fn versions(entries: &[Entry]) -> HashSet<u32> {
    let sentences = entries.iter().flat_map(|entry| &entry.sentences);
    sentences.map(|sentence| sentence.0).collect()
}

impl Vectors {
    fn of(bank: &[BankQuestion], embedder: &dyn Embedder) -> Result<Self, ModelFault> {
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(bank.len());
        for some in bank.chunks(EMBED_BATCH) {
            let texts: Vec<String> = some.iter().map(|one| fold(&one.question)).collect();
            rows.extend(embedder.embed(&texts, Side::Bank)?);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut mean = vec![0.0; width];
        for row in &rows {
            for (sum, number) in mean.iter_mut().zip(row) {
                *sum += number / rows.len() as f32;
            }
        }
        for row in &mut rows {
            centre(row, &mean);
        }
        // No sketch: which of them count hangs on the asker's place and day, and the nearest of those
        // may be far from the nearest of all.
        let mut index = DenseIndex::default();
        index.extend(&rows)?;
        Ok(Self { mean, index })
    }

    /// How near each question is; none for a vector of another width.
    fn alike(&self, vector: &[f32]) -> Option<Cosines> {
        let mut own = vector.to_vec();
        centre(&mut own, &self.mean);
        self.index.cosines(&own)
    }
}

fn centre(row: &mut [f32], mean: &[f32]) {
    for (number, mean) in row.iter_mut().zip(mean) {
        *number -= mean;
    }
}
