//! The worker driven from outside: a scripted scheduler, small servers, real programs and models.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod commands;
mod encoders;
mod minilm;
mod models;
mod session;
mod support;
mod training;
mod work;
