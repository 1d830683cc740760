//! The applications seen from outside, on the sample knowledge base and on hostile input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and report what they measured"
)]

mod answers;
mod citations;
mod guided;
mod hostile;
mod hotline;
mod ingest;
mod library;
mod pages;
mod quality;
mod support;
