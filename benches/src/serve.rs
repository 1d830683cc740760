//! Many streams against one model: the product's endpoint and llama.cpp's, with one load
//! generator, in turns.

use crate::args::Args;
use crate::engine;
use crate::load::{End, Seen, Target, Wish, closed_loop, fresh_prompt};
use crate::product::{Deploy, Product, resident_mib};
use crate::report::{Report, Row, quantile};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// End tokens of the models that the catalogue carries: not chosen, so that all answers have
/// one length.
fn end_tokens(model: &str) -> Vec<u32> {
    if model.starts_with("qwen") {
        vec![151_643, 151_645]
    } else {
        vec![0, 2]
    }
}

#[derive(Deserialize)]
struct Ready {
    name: String,
    url: String,
    pid: u32,
}

/// llama.cpp's server; it ends with this value.
struct Peer {
    child: Child,
    target: Target,
    pid: u32,
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Peer {
    fn start(file: &Path, threads: usize, context: usize, streams: usize) -> Result<Self> {
        let python = std::env::var("ZHISUAN_TEST_PYTHON").context(
            "ZHISUAN_TEST_PYTHON names no Python with the package xllamacpp; `cargo xtask bench serve` provides it",
        )?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/llama_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(file)
            .args([threads, context, streams].map(|number| number.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("the peer's Python cannot be started")?;
        let stdout = child.stdout.take().context("the peer has no pipe")?;
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            // Libraries print to the same pipe.
            if !line.starts_with('{') {
                continue;
            }
            let ready: Ready = serde_json::from_str(&line)?;
            let target = Target::new(&ready.name, &ready.url, "none", "default")?;
            return Ok(Self {
                child,
                target,
                pid: ready.pid,
            });
        }
        bail!("the peer ended at once; run benches/peers/llama_server.py by hand to see why")
    }
}

/// What one round of one server gave.
struct Round {
    tokens_per_s: f64,
    first_p50_ms: f64,
    gap_p50_ms: f64,
    gap_p99_ms: f64,
    gap_max_ms: f64,
}

/// Runs the bench.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    let file = engine::model_file(args)?;
    let model = args.text("name").unwrap_or("smollm2-135m-instruct");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.number("threads", cores)?;
    let (streams, requests) = (args.number("streams", 16)?, args.number("requests", 3)?);
    let (words, tokens) = (args.number("words", 100)?, args.number("tokens", 64)?);
    let rounds = args.number("rounds", 3)?;
    let deploy = Deploy {
        model,
        threads,
        max_batch: streams,
        memory_mib: args.number("memory", 3072)? as u64,
    };
    let product = Product::start(args.text("zhisuan"), &deploy).await?;
    let ours = product.target(model)?;
    let peer = Peer::start(&file, threads, 2 * words + tokens + 128, streams)?;
    let wish = |number: u64| Wish {
        prompt: fresh_prompt(number, words),
        tokens,
        never: end_tokens(model),
        leave_after: None,
    };
    let (mut our_rounds, mut peer_rounds) = (Vec::new(), Vec::new());
    let mut number = 1;
    // The first round of both warms caches and threads and is not counted.
    for round in 0..=rounds {
        for (target, kept) in [(&ours, &mut our_rounds), (&peer.target, &mut peer_rounds)] {
            let requests = if round == 0 { 1 } else { requests };
            let (seen, seconds) = closed_loop(target, streams, requests, wish, number).await;
            number += (streams * requests) as u64;
            let measured = measure(target, &seen, tokens, seconds)?;
            if round > 0 {
                kept.push(measured);
            }
        }
    }
    let memory = [product.resident_mib(), resident_mib(peer.pid)];
    let note = format!(
        "{model}, {threads} threads each, {streams} streams in a closed loop, {requests} requests each a round, \
         prompts of {words} words (all different), answers of {tokens} tokens, HTTP both"
    );
    let rows = rows(&our_rounds, &peer_rounds, &peer.target.name, memory);
    Ok(Report::new("serve", note, rows))
}

fn measure(target: &Target, seen: &[Seen], tokens: usize, seconds: f64) -> Result<Round> {
    for one in seen {
        ensure!(
            one.end == End::Complete,
            "{}: a request ended with {:?}",
            target.name,
            one.end
        );
        ensure!(
            one.completion_tokens == tokens as u64,
            "{}: {} of {tokens} tokens",
            target.name,
            one.completion_tokens
        );
    }
    let first: Vec<f64> = seen.iter().filter_map(|one| one.first_ms).collect();
    let gaps: Vec<f64> = seen.iter().flat_map(|one| one.gaps_ms.clone()).collect();
    Ok(Round {
        tokens_per_s: (seen.len() * tokens) as f64 / seconds,
        first_p50_ms: quantile(&first, 50),
        gap_p50_ms: quantile(&gaps, 50),
        gap_p99_ms: quantile(&gaps, 99),
        gap_max_ms: quantile(&gaps, 100),
    })
}

fn rows(ours: &[Round], peers: &[Round], peer: &str, memory: [f64; 2]) -> Vec<Row> {
    type Figure = fn(&Round) -> f64;
    let figures: [(&str, &'static str, Figure); 6] = [
        ("output, all streams together", "tokens/s", |r| {
            r.tokens_per_s
        }),
        ("time to first token, p50", "ms", |r| r.first_p50_ms),
        ("inter-token gap, p50", "ms", |r| r.gap_p50_ms),
        ("inter-token gap, p99", "ms", |r| r.gap_p99_ms),
        ("inter-token gap, largest", "ms", |r| r.gap_max_ms),
        ("inter-token gap, p99 over p50", "times", |r| {
            r.gap_p99_ms / r.gap_p50_ms
        }),
    ];
    let mut rows: Vec<Row> = figures
        .into_iter()
        .map(|(name, unit, figure)| {
            Row::new(name, unit, ours.iter().map(figure).collect())
                .against(peer, peers.iter().map(figure).collect())
        })
        .collect();
    rows.push(
        Row::new("resident memory, whole process", "MiB", vec![memory[0]])
            .against(peer, vec![memory[1]]),
    );
    rows
}
