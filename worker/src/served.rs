//! A model that is served: its engine, the names that it answers to, and how its callers fare.

use crate::pulse::Pulse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use tokio_util::task::TaskTracker;
use zhisuan_engine::Engine;
use zhisuan_proto::v1;

/// One model with its adapters, open to the holders of a token.
pub(crate) struct Served {
    pub(crate) token: String,
    pub(crate) deployment: String,
    pub(crate) job_id: u64,
    pub(crate) engine: Engine,
    /// What each name for callers stands for: the base, or an adapter by its name in the engine.
    /// Requests that run are not touched by a change.
    pub(crate) names: RwLock<BTreeMap<String, Option<String>>>,
    /// Which files the base (`None`) and each adapter were made from.
    pub(crate) files: RwLock<BTreeMap<Option<String>, String>>,
    /// Answers whose caller still listens.
    pub(crate) answers: TaskTracker,
    pub(crate) epoch: u64,
    /// Times of the pulse count from here.
    pub(crate) born: Instant,
    pub(crate) felt: Mutex<Pulse>,
}

impl Served {
    /// Remembers the files of adapters that were loaded.
    pub(crate) fn know(&self, more: BTreeMap<Option<String>, String>) {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        files.extend(more);
    }

    pub(crate) fn pulse(&self) -> MutexGuard<'_, Pulse> {
        self.felt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.born)
    }

    /// What it does and what its callers feel.
    pub(crate) fn load(&self) -> v1::ReplicaLoad {
        let stats = self.engine.stats();
        let felt = self.pulse().look(self.now_ms(), stats.tokens_out);
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        v1::ReplicaLoad {
            job_id: self.job_id,
            epoch: self.epoch,
            running: count(stats.running),
            waiting: count(stats.waiting),
            kv_milli: count(stats.kv_blocks_used * 1000 / stats.kv_blocks_total.max(1)),
            tokens_last_minute: felt.tokens,
            first_token_p50_ms: felt.first_token_p50_ms,
            first_token_p99_ms: felt.first_token_p99_ms,
        }
    }

    /// Names the files behind an answer: an answer that was begun with others is not gone on with.
    pub(crate) fn weights(&self, adapter: Option<&String>) -> String {
        let files = self.files.read().unwrap_or_else(PoisonError::into_inner);
        let of = |model: Option<&String>| files.get(&model.cloned()).cloned().unwrap_or_default();
        match adapter {
            None => of(None),
            Some(_) => format!("{}+{}", of(None), of(adapter)),
        }
    }
}

/// Milliseconds since a moment.
pub(crate) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
