//! The whole command: arguments in, exit code and both streams out, kept as snapshots.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod configuration;
mod job_files;
#[cfg(feature = "server")]
mod live;
mod run;
mod unreachable;
mod usage;
