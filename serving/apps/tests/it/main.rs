//! The applications seen from outside, on the sample knowledge base and on hostile input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panicking and report what they measured"
)]

mod answers;
mod bank;
mod bank_page;
mod bases;
mod browser;
mod chain;
mod conflict;
mod conflicts;
mod console;
mod corrections;
mod crash;
mod damage;
mod desk;
mod devtools;
mod evaluation;
mod follow;
mod gate;
mod generated;
mod guided;
mod heads;
mod hostile;
mod hostile_costs;
mod hostile_files;
mod hotline;
mod keyboard;
mod later;
mod laws;
mod library;
mod masking;
mod pages;
mod permission;
mod publishing;
mod questions;
mod read;
mod reader;
mod reading;
mod reranking;
mod safety;
mod seeds;
mod structure;
mod support;
mod upstream;
mod written;
