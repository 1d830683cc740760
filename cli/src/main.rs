//! `zhisuan`: the client verbs and every role of the platform in one binary.

mod args;
mod client;
mod commands;
mod config;
mod config_file;
mod download;
mod error;
mod follow;
mod gateway;
mod job_file;
mod job_spec;
mod manifest_file;
mod output;
#[cfg(feature = "server")]
mod roles;
#[cfg(feature = "server")]
mod stop;
mod times;
mod units;
mod upload;
mod usage_error;
mod views;
mod words;

use clap::Parser as _;
use std::process::ExitCode;

/// Requests are many small pieces of memory, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // One TLS provider for every connection; a second call would only say that it is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    words::choose(usage_error::early_language(std::env::args_os()));
    let exit = match args::Cli::try_parse() {
        Ok(cli) => commands::run(cli),
        Err(error) => usage_error::report(&error),
    };
    ExitCode::from(exit as u8)
}
