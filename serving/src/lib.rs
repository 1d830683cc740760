//! OpenAI-compatible gateway: keys, limits, routing, streaming and metering of tokens.
//!
//! The gateway knows two neighbours, both over gRPC: the scheduler (who stands behind a key, which
//! replicas serve a model, holds and charges) and the replicas (the running models). It keeps no
//! state of its own beyond caches and the settlements on their way to the ledger.

mod admit;
mod anthropic;
mod app;
mod audit;
mod backoff;
mod book;
mod call;
mod envelope;
mod external;
mod fair;
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod fuzz_tests;
mod guard;
mod keys;
mod label;
mod language;
mod limits;
mod lines;
mod listener;
mod metrics;
mod openai;
mod openapi;
mod options;
mod outlet;
mod parse;
mod refuse;
mod replica;
mod routes;
mod routing;
mod scheduler;
mod settle;
mod trace;
mod trail;
mod usage;

pub use app::{Handle, start};
pub use audit::{AuditOptions, Link, Verified, VerifyError, verify_audit};
pub use guard::{Decision, Decisions, GuardOptions, GuardPolicy};
pub use label::LabelOptions;
pub use limits::Rates;
pub use options::{Error, Operations, Options, QueueBounds};
