//! `zhisuan-bench`: measurements of the product, each with its raw samples in `benches/runs/`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command for developers speaks to the terminal"
)]

mod args;
mod centre;
mod embed;
mod endurance;
mod engine;
mod gateway;
mod jobs;
mod kernels;
mod load;
#[path = "../../worker/tests/it/minilm.rs"]
mod minilm;
mod noop;
mod peer;
mod pipe;
mod product;
mod qa;
mod report;
mod restart;
mod serve;
mod shape;

use crate::args::Args;
use anyhow::{Result, bail};
use std::process::ExitCode;

/// As in the product: requests are many small pieces of memory, which the system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: cargo xtask bench <bench> [--name value]...

  jobs      no-op jobs per second through gRPC, and from submit to a worker
            --jobs 20000  --submitters 32  --batch 100  --workers 16  --latency 500  --rounds 3
  restart   time to start again with a large history
            --finished 100000  --waiting 10000  --workers 32  --rounds 5
  engine    tokens per second against llama.cpp on the same file, alternating
            --model PATH.gguf | --shape qwen3-0.6b | --shape qwen3-1.7b (random weights)
            --threads N  --prompt 256  --tokens 64  --streams 8  --rounds 5
  kernels   products with each block format, beside the memory's speed
            --threads N (with 1 and N)  --rounds 5
  embed     texts per second against ONNX Runtime on the same encoder, alternating
            --model FOLDER  --threads N  --short 16  --long 256  --batch 32  --rounds 5
  serve     many streams over HTTP against `zhisuan up` and llama.cpp's server, in turns
            --model PATH.gguf  --name LIBRARY-NAME  --threads N  --streams 16  --requests 3  --words 100
            --tokens 64  --rounds 3  --memory 3072  --zhisuan PATH
  endurance a trace of requests with cancellations: memory, lost requests, ledger against usage
            --trace FILE.csv  --name LIBRARY-NAME  --minutes 60  --per-minute 60  --zhisuan PATH

  qa        bringing texts in, cited answers at many passages and askers, against bm25s on the same passages
            --passages 100000  --askers 20  --questions 50  --peer-questions 200  --by-reader 100
            --bank 25000 (generated questions)  --vectors 1000000 (of one scan; and a tenth of them)

  gateway   what the gateway adds and passes on, and requests per second against LiteLLM's proxy
            --rate 2000  --seconds 5  --streams 64  --tokens 2000  --clients 64  --workers N  --rounds 3

Every bench prints a table and writes benches/runs/<bench>.json; --out PATH writes elsewhere.";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[String]) -> Result<()> {
    let Some((bench, rest)) = words.split_first() else {
        bail!("{USAGE}");
    };
    if matches!(bench.as_str(), "help" | "--help" | "-h") {
        println!("{USAGE}");
        return Ok(());
    }
    let args = Args::parse(rest)?;
    if cfg!(debug_assertions) {
        eprintln!(
            "warning: this is a dev build; its figures say nothing (cargo xtask bench builds release)"
        );
    }
    let report = match bench.as_str() {
        "gateway" => Box::pin(gateway::run(&args)).await?,
        "jobs" => jobs::run(&args).await?,
        "restart" => restart::run(&args).await?,
        // The engine has threads of its own and blocks.
        "engine" => tokio::task::block_in_place(|| engine::run(&args))?,
        "kernels" => tokio::task::block_in_place(|| kernels::run(&args))?,
        "embed" => tokio::task::block_in_place(|| embed::run(&args))?,
        "qa" => tokio::task::block_in_place(|| qa::run(&args))?,
        "serve" => serve::run(&args).await?,
        "endurance" => endurance::run(&args).await?,
        other => bail!("no bench {other:?}\n\n{USAGE}"),
    };
    args.all_used()?;
    println!("{}", report.table());
    let path = report.write(args.text("out"))?;
    println!("written to {}", path.display());
    Ok(())
}
