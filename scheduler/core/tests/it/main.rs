//! The core from outside: scenarios as text, properties, and a seeded simulation with faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and say which seed repeats the failure"
)]

mod make;
mod properties;
mod refusals;
mod scenario;
mod sim;
