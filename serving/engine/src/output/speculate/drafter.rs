//! What probably comes next: what came next the last time.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Tokens that must agree before a guess is made, longer first. Shorter matches are mostly
/// chance; longer ones are rarer but nearly always right.
const LENGTHS: [usize; 2] = [5, 3];

/// A run of tokens, by its hash, to the place after it (the newest).
type Places = HashMap<u64, u32, BuildHasherDefault<Plain>>;

/// Finds earlier places in prediction, prompt and answer that read like the answer's end.
/// Each token costs one look-up and one insertion for each length, however long the text is.
///
/// Source: prompt look-up decoding (Saxena, 2023); the index that grows along is our own.
#[derive(Debug, Clone)]
pub(crate) struct Drafter {
    /// Prediction, prompt, answer so far.
    tokens: Vec<u32>,
    /// Length of the prediction; no guess crosses from it into the prompt.
    prediction: usize,
    places: [Places; LENGTHS.len()],
    /// Place of the guess for the next token.
    next: Option<usize>,
}

impl Drafter {
    /// For an answer to `prompt`, with a text that the caller expects (empty means none).
    pub(crate) fn new(prompt: &[u32], prediction: &[u32]) -> Self {
        let mut drafter = Self {
            tokens: Vec::with_capacity(prediction.len() + prompt.len() + 256),
            prediction: prediction.len(),
            places: Default::default(),
            next: None,
        };
        for token in prediction.iter().chain(prompt) {
            drafter.push(*token);
        }
        if !prediction.is_empty() {
            // An answer most likely begins as its prediction does.
            drafter.next = Some(0);
        }
        drafter
    }

    /// Adds a token of the answer.
    pub(crate) fn push(&mut self, token: u32) {
        // A guess that held is gone on with; a look-up only replaces one that broke.
        let held = self
            .next
            .filter(|at| self.tokens.get(*at) == Some(&token))
            .map(|at| at + 1)
            .filter(|at| *at != self.prediction);
        self.tokens.push(token);
        let found = self.index_end();
        self.next = held.or(found);
    }

    /// At most `most` tokens that probably come next; none where nothing reads alike.
    pub(crate) fn draft(&self, most: usize) -> &[u32] {
        let Some(from) = self.next else { return &[] };
        let end = if from < self.prediction {
            self.prediction
        } else {
            self.tokens.len()
        };
        &self.tokens[from..end.min(from.saturating_add(most))]
    }

    /// Indexes the runs that end here; returns where the longest was seen before.
    fn index_end(&mut self) -> Option<usize> {
        let end = self.tokens.len();
        let mut found = None;
        for (length, places) in LENGTHS.into_iter().zip(&mut self.places) {
            let Some(from) = end.checked_sub(length) else {
                continue;
            };
            let run = &self.tokens[from..];
            let older = places.insert(hash(run), end as u32).map(|at| at as usize);
            let same = |at: &usize| *at != self.prediction && self.tokens[at - length..*at] == *run;
            if found.is_none() {
                found = older.filter(same);
            }
        }
        found
    }
}

/// FNV-1a over whole tokens; the runs themselves are compared, so collisions do no harm.
fn hash(run: &[u32]) -> u64 {
    run.iter().fold(0xCBF2_9CE4_8422_2325, |hash, token| {
        (hash ^ u64::from(*token)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// The key is a hash already.
#[derive(Debug, Default, Clone)]
pub(crate) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // Spread over the bits that the table looks at: its lowest and its highest.
        self.0 = value.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 ^= self.0 >> 32;
    }
}
