//! The worker of Zhisuan: takes tasks from the scheduler under a lease, runs them, and reports.
//!
//! [`start`] is the way in. [`models`] is the model cache, also used by `zhisuan models pull`.
//! Decisions are pure (`lease`, `outbox`, `logs`, `usage`, `backoff`); `session` is the one actor
//! that owns the state; `exec` holds the kinds of work.

pub mod artifacts;
mod backoff;
mod convert;
mod devices;
mod error;
mod exec;
mod inbound;
mod lease;
mod logs;
mod metrics;
pub mod models;
mod options;
mod outbox;
mod pulse;
mod replica;
mod replica_metrics;
mod rpc;
mod served;
mod session;
mod usage;
mod vectors;
mod worker;

pub use error::Error;
pub use options::{HubOptions, Options, SimulatedDevice};
pub use worker::{Handle, start};
