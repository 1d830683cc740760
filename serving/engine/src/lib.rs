//! The engine of Zhisuan: runs and fine-tunes decoder language models, and runs encoders for
//! vectors and reranking.
//!
//! Reading order:
//! 1. [`error`] — every way the engine can refuse, with stable codes.
//! 2. `load` — GGUF file or Hugging Face directory to one description ([`DecoderSpec`], or `EncoderSpec`)
//!    and weights.
//! 3. [`tokenizer`], [`chat`] — text to token ids and back; the chat template of the file.
//! 4. `kernel` — the arithmetic of one row; no result depends on a row's neighbours.
//! 5. `runner` — the seam between the loop and a model: a flat batch in, rows out.
//! 6. `model` — the decoder forward pass over a flat batch, the KV pool, LoRA at run time; the
//!    encoder over texts without padding.
//! 7. `blocks`, `schedule` — pure decisions: who runs this step, with which blocks of the pool.
//! 8. `output` — pure decisions: next token, what is allowed, end of text.
//! 9. [`engine`] — the thread that owns all of it, and the handle that others hold.
//! 10. [`train`] — the same decoder as a differentiable Candle graph; LoRA fine-tuning.
//! 11. [`with_threads`] — the arithmetic of other threads' work, bounded to a number of cores.
//!
//! Promise kept by construction and by test: a batch neighbour, a chunk border or a
//! restart of a request, at another engine too, never changes a token of it (same machine,
//! same seed).

mod blocks;
pub mod chat;
pub mod engine;
pub mod error;
#[doc(hidden)]
pub mod fuzz;
mod kernel;
mod load;
mod model;
mod output;
mod runner;
mod schedule;
mod threads;
pub mod tokenizer;
pub mod train;

pub use chat::{Chat, ChatAbilities, ChatMessage, Tool, ToolCall};
pub use engine::request::{
    BANDS, EmbedRequest, Embeddings, EngineStats, FinishReason, GenerateEvent, GenerateRequest,
    Prompt, RequestId, Resume, STEP_BOUNDS_MS, TokenLogprob, TokenSink, TopToken, Usage,
};
pub use engine::similar::{ScoreRequest, Scores};
pub use engine::{Engine, LoadOptions};
pub use error::EngineError;
#[doc(hidden)]
pub use kernel::probe::KernelProbe;
pub use load::ModelInfo;
pub use load::ability::{Ability, RerankBy};
pub use load::spec::{Architecture, DecoderSpec};
pub use output::constraint::Constraint;
pub use output::sample::Sampling;
pub use threads::with_threads;
pub use train::{LoraConfig, Schedule, StepReport, TrainConfig, Trainer};
