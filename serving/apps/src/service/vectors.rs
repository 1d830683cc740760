//! Vectors of texts, kept over changes of the base so that only what is new is embedded.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::retrieve::{Embedder, ModelFault, Side};

/// SHA-256 of a model's name, what a text is to it, and the text.
type Key = [u8; 32];

/// Vectors by their model and text.
#[derive(Default)]
pub(super) struct Vectors(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    rows: HashMap<Key, Row>,
    round: u64,
}

struct Row {
    numbers: Vec<f32>,
    /// The round in which it was wanted last.
    used: u64,
}

impl Vectors {
    /// Begins a round: what is not wanted in it is forgotten by [`Vectors::forget`].
    pub(super) fn begin(&self) {
        self.lock().round += 1;
    }

    /// Forgets what this round did not want.
    pub(super) fn forget(&self) {
        let mut kept = self.lock();
        let round = kept.round;
        kept.rows.retain(|_, row| row.used == round);
    }

    fn get(&self, key: &Key) -> Option<Vec<f32>> {
        let mut kept = self.lock();
        let round = kept.round;
        let row = kept.rows.get_mut(key)?;
        row.used = round;
        Some(row.numbers.clone())
    }

    fn put(&self, key: Key, numbers: Vec<f32>) {
        let mut kept = self.lock();
        let used = kept.round;
        kept.rows.insert(key, Row { numbers, used });
    }

    /// Each call leaves the map whole, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A model that is asked only for vectors that are not kept, and for none when nobody waits for
/// them any more.
pub(super) struct Remembering {
    pub(super) model: Arc<dyn Embedder>,
    pub(super) vectors: Arc<Vectors>,
    pub(super) stopped: Arc<AtomicBool>,
}

impl Remembering {
    fn kept(&self, texts: &[String], side: Side) -> Result<Vec<Vec<f32>>, ModelFault> {
        let name = self.model.name();
        let key = |text: &String| {
            let told = format!("{name}\0{side:?}\0{text}");
            Key::from(Sha256::digest(told.as_bytes()))
        };
        let keys: Vec<Key> = texts.iter().map(key).collect();
        let mut found: Vec<Option<Vec<f32>>> =
            keys.iter().map(|key| self.vectors.get(key)).collect();
        let missing: Vec<usize> = (0..texts.len())
            .filter(|at| found.get(*at).is_some_and(Option::is_none))
            .collect();
        if !missing.is_empty() {
            if self.stopped.load(Ordering::Relaxed) {
                return Err(ModelFault("知识库又有变动，改为计算新的一批".to_owned()));
            }
            let asked: Vec<String> = missing
                .iter()
                .filter_map(|at| texts.get(*at).cloned())
                .collect();
            for (at, row) in missing.iter().zip(self.model.embed(&asked, side)?) {
                if let (Some(key), Some(slot)) = (keys.get(*at), found.get_mut(*at)) {
                    self.vectors.put(*key, row.clone());
                    *slot = Some(row);
                }
            }
        }
        let rows: Option<Vec<Vec<f32>>> = found.into_iter().collect();
        rows.ok_or_else(|| ModelFault("向量模型少给了几个向量".to_owned()))
    }
}

impl Embedder for Remembering {
    fn name(&self) -> String {
        self.model.name()
    }

    fn embed(&self, texts: &[String], side: Side) -> Result<Vec<Vec<f32>>, ModelFault> {
        match side {
            Side::Query | Side::Sentence => self.model.embed(texts, side),
            Side::Passage | Side::Bank => self.kept(texts, side),
        }
    }
}
