//! The scheduler at its edges: gRPC, real SQLite, real processes killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and say why"
)]

mod billing;
mod crash;
mod jobs;
mod library;
mod refusals;
mod restart;
mod scripted;
mod store;
mod support;
mod workers;
