//! What handles and the engine's thread both see.

use super::judge::Judge;
use super::lock;
use super::request::EngineStats;
use crate::chat::ChatTemplate;
use crate::error::EngineError;
use crate::load::spec::DecoderSpec;
use crate::load::{ModelInfo, ModelSource};
use crate::model::lora::Adapter;
use crate::output::grammar::GrammarFactory;
use crate::schedule::{Door, DoorLimits, Refusal};
use crate::tokenizer::TextTokenizer;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub(super) struct Shared {
    pub(super) info: ModelInfo,
    pub(super) spec: DecoderSpec,
    pub(super) tokenizer: Arc<TextTokenizer>,
    pub(super) template: ChatTemplate,
    pub(super) grammars: GrammarFactory,
    /// How documents are scored, where the model can judge them.
    pub(super) judge: Option<Judge>,
    /// Tokens that end an answer.
    pub(super) ends: Vec<u32>,
    /// Names the model in the hashes of cached blocks.
    pub(super) fingerprint: String,
    pub(super) adapters: Mutex<Adapters>,
    pub(super) door: Mutex<Door>,
    /// As of the last step.
    pub(super) stats: Mutex<EngineStats>,
    pub(super) closed: AtomicBool,
    pub(super) abort: AtomicBool,
    pub(super) next_id: AtomicU64,
    /// Whether answers guess ahead.
    pub(super) speculation: bool,
    /// Times count from here.
    pub(super) begin: Instant,
}

/// An adapter, and which of all that were ever loaded it is.
#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) adapter: Arc<Adapter>,
    pub(super) generation: u64,
}

/// Adapters by name.
#[derive(Default)]
pub(super) struct Adapters {
    pub(super) by_name: BTreeMap<String, Loaded>,
    generations: u64,
}

impl Adapters {
    /// Adds or replaces an adapter. The new generation parts its cached blocks from those of
    /// the one before.
    pub(super) fn insert(&mut self, name: &str, adapter: Adapter) {
        self.generations += 1;
        let loaded = Loaded {
            adapter: Arc::new(adapter),
            generation: self.generations,
        };
        self.by_name.insert(name.to_owned(), loaded);
    }
}

impl Shared {
    /// State of an engine that has not begun.
    pub(super) fn new(
        source: ModelSource,
        door: DoorLimits,
        speculation: bool,
        judge: Option<Judge>,
    ) -> Self {
        let vocab = source.spec.vocab;
        let tokenizer = Arc::new(source.tokenizer);
        let ends = (0..vocab as u32).filter(|id| tokenizer.is_end(*id));
        Self {
            fingerprint: format!("{:?}", source.info),
            info: source.info,
            spec: source.spec,
            ends: ends.collect(),
            grammars: GrammarFactory::new(Arc::clone(&tokenizer), vocab),
            judge,
            tokenizer,
            template: source.template,
            adapters: Mutex::default(),
            door: Mutex::new(Door::new(door)),
            stats: Mutex::default(),
            closed: AtomicBool::new(false),
            abort: AtomicBool::new(false),
            next_id: AtomicU64::new(1),
            speculation,
            begin: Instant::now(),
        }
    }

    /// Microseconds since the engine began.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Takes one of the bounded places; answers the new request's number.
    pub(super) fn enter(
        &self,
        tenant: &Arc<str>,
        prompt: usize,
        answer: usize,
    ) -> Result<u64, EngineError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(EngineError::Stopped);
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let entered = lock(&self.door).enter(id, tenant, prompt, answer);
        entered.map(|()| id).map_err(|refusal| {
            lock(&self.stats).refused += 1;
            let Refusal {
                waiting,
                limit,
                retry_ms,
            } = refusal;
            EngineError::Overloaded {
                waiting,
                limit,
                retry_ms,
            }
        })
    }

    /// Gives a place back after `answered` tokens (`None` for a text that was embedded).
    pub(super) fn leave(&self, id: u64, answered: Option<usize>) {
        if lock(&self.door).leave(id, answered) {
            lock(&self.stats).finished += 1;
        }
    }
}
