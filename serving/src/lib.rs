//! OpenAI-compatible gateway: keys, limits, routing, streaming and metering of tokens.
//!
//! The gateway knows two neighbours, both over gRPC: the scheduler (who stands behind a key, which
//! replicas serve a model, holds and charges) and the replicas (the running models). It keeps no
//! state of its own beyond caches and the settlements on their way to the ledger.

mod admit;
mod anthropic;
mod app;
mod backoff;
mod call;
mod envelope;
mod keys;
mod language;
mod metrics;
mod openai;
mod options;
#[cfg_attr(
    not(test),
    expect(
        dead_code,
        unused_imports,
        reason = "the chat route calls it once both are merged"
    )
)]
mod parse;
mod replica;
mod route;
mod routes;
mod scheduler;
mod usage;

pub use app::{Handle, start};
pub use options::{Error, Options};
