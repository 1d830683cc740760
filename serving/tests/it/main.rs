//! The gateway from outside: HTTP in front, a fake scheduler and a fake replica behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and tell why they are skipped"
)]

mod answers;
mod auditing;
mod backends;
mod batch_forgeries;
mod batch_rules;
mod batches;
mod choices;
mod clients;
mod conformance;
mod constraints;
mod errors;
mod fake_files;
mod fake_replica;
#[macro_use]
mod fake_services;
mod fake_scheduler;
mod guarding;
mod handing_over;
mod labels;
mod limits;
mod log_recorder;
mod messaging;
mod operations;
mod patience;
mod quotas;
mod records;
mod responding;
mod routing;
mod searching;
mod settlement;
mod streams;
mod tokens;
mod tool_calls;
mod traces;
mod world;
