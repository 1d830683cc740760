//! The engine of Zhisuan: runs and fine-tunes decoder language models.
//!
//! Reading order:
//! 1. [`error`] — every way the engine can refuse, with stable codes.
//! 2. `load` — GGUF file or Hugging Face directory to one description ([`DecoderSpec`]) and weights.
//! 3. [`tokenizer`], [`chat`] — text to token ids and back; the chat template of the file.
//! 4. `kernel` — the arithmetic of one row; no result depends on a row's neighbours.
//! 5. `runner` — the seam between the loop and a model: a flat batch in, rows out.
//! 6. `model` — the decoder forward pass over a flat batch, the KV cache, LoRA at run time.
//! 7. [`sample`], [`stop`], [`batch`] — pure decisions: next token, end of text, who runs this step.
//! 8. [`engine`] — the thread that owns all of it, and the handle that others hold.
//! 9. [`train`] — the same decoder as a differentiable Candle graph; LoRA fine-tuning.
//! 10. [`with_threads`] — the arithmetic of other threads' work, bounded to a number of cores.
//!
//! Promise kept by construction and by test: a batch neighbour, a chunk border or a
//! restart of a request never changes a token of it (same machine, same seed).

pub mod batch;
pub mod chat;
pub mod engine;
pub mod error;
mod kernel;
mod load;
mod model;
#[expect(dead_code, reason = "the seam is laid before its two sides")]
mod runner;
pub mod sample;
pub mod stop;
mod threads;
pub mod tokenizer;
pub mod train;

pub use chat::ChatMessage;
pub use engine::request::{
    Embeddings, EngineStats, FinishReason, GenerateEvent, GenerateRequest, Prompt, RequestId,
    TokenLogprob, TokenSink, TopToken, Usage,
};
pub use engine::{Engine, LoadOptions};
pub use error::EngineError;
#[doc(hidden)]
pub use kernel::probe::KernelProbe;
pub use load::ModelInfo;
pub use load::spec::{Architecture, DecoderSpec};
pub use sample::Sampling;
pub use threads::with_threads;
pub use train::{LoraConfig, Schedule, StepReport, TrainConfig, Trainer};
