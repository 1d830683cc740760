//! The engine: one thread owns model and batch; handles talk to it.

mod answer;
mod begun;
mod decoder;
mod embed;
mod encode;
mod encode_queue;
mod facade;
mod judge;
pub(crate) mod request;
mod sequence;
mod shared;
pub(crate) mod similar;
mod step;
mod tally;
mod validate;
mod worker;

#[cfg(test)]
mod faults;

pub use facade::Engine;

use crate::error::EngineError;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How to load a model.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// A GGUF file, or a directory in Hugging Face's layout.
    pub model: PathBuf,
    /// Sequences that run together in one step.
    pub max_batch: usize,
    /// Requests that may wait beyond those; more are refused as overloaded.
    pub max_waiting: usize,
    /// Longest sequence in tokens; `None` takes the model's own limit. What fits into
    /// `kv_bytes` bounds it too.
    pub max_context: Option<usize>,
    /// Threads for arithmetic; `None` takes all cores.
    pub threads: Option<usize>,
    /// Encoders only: keep matrices and the rows that they multiply in f32. Otherwise both
    /// are rounded to bf16 where the machine is twice as fast with it (AVX-512 BF16); the
    /// vectors then point the same way to within a cosine of 0.9999.
    pub exact: bool,
    /// Memory for keys and values, in bytes: what the scheduler granted beyond the weights.
    /// Never read from the machine.
    pub kv_bytes: u64,
    /// Part of `kv_bytes` that pinned prompts may hold; at most half of it counts.
    pub pin_bytes: u64,
    /// Target for the time between two tokens of an answer while prompts are taken in, in
    /// milliseconds: bounds the prompt tokens of a step.
    pub inter_token_ms: u32,
    /// Requests of one tenant that may wait; more are refused as overloaded.
    pub max_waiting_tenant: usize,
    /// Guess tokens that prompt or prediction contain and verify several in one step, where
    /// that pays. It changes no answer.
    pub speculation: bool,
}

impl LoadOptions {
    /// Eight sequences together, 64 waiting (one tenant may use all places), the model's own
    /// context, all cores, 256 MiB for keys and values, a quarter of it for pins, 60 ms,
    /// speculation.
    pub fn new(model: impl Into<PathBuf>) -> Self {
        Self {
            model: model.into(),
            max_batch: 8,
            max_waiting: 64,
            max_context: None,
            threads: None,
            exact: false,
            kv_bytes: 256 << 20,
            pin_bytes: 64 << 20,
            inter_token_ms: 60,
            max_waiting_tenant: 64,
            speculation: true,
        }
    }

    fn validate(&self) -> Result<(), EngineError> {
        let zero = [
            ("max_batch", self.max_batch == 0),
            ("max_context", self.max_context == Some(0)),
            ("threads", self.threads == Some(0)),
            ("inter_token_ms", self.inter_token_ms == 0),
        ];
        match zero.iter().find(|(_, zero)| *zero) {
            Some((field, _)) => Err(EngineError::invalid(*field, "值为 0，应大于 0")),
            None => Ok(()),
        }
    }
}

/// A poisoned lock still guards consistent data here: no guarded section can panic half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
