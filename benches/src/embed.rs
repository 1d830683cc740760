//! Texts per second of an encoder and of ONNX Runtime on the same model and threads, alternating.

use crate::args::Args;
use crate::minilm::FILES;
use crate::pipe::Pipe;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;
use zhisuan_engine::{EmbedRequest, Engine, LoadOptions};

const WORDS: &str =
    "the office of a public computing centre decides which work runs where and says why it does so";

#[derive(Deserialize)]
struct Answer {
    ms: f64,
    first: Vec<f32>,
}

/// Tokens of a text, and texts of a request.
#[derive(Clone, Copy)]
struct Case {
    tokens: usize,
    texts: usize,
}

/// Runs the bench.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let (_kept, model) = match args.text("model") {
        Some(path) => (None, PathBuf::from(path)),
        None => cached().map(|(kept, path)| (Some(kept), path))?,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (threads, rounds) = (args.number("threads", cores)?, args.number("rounds", 5)?);
    let (short, long) = (args.number("short", 16)?, args.number("long", 256)?);
    let batch = args.number("batch", 32)?;
    let load = |exact| {
        Engine::load(LoadOptions {
            threads: Some(threads),
            exact,
            ..LoadOptions::new(&model)
        })
    };
    let engines = [("bf16", load(false)?), ("f32", load(true)?)];
    let threads_word = threads.to_string();
    let mut peer = Pipe::start("onnx_peer.py", &[&model.to_string_lossy(), &threads_word])?;
    let cases = [(short, 1), (short, batch), (long, 1), (long, batch)];
    let mut rows = Vec::new();
    for (tokens, texts) in cases {
        let case = Case { tokens, texts };
        rows.extend(measure(case, rounds, &engines, &mut peer)?);
    }
    let note = format!(
        "{}, {threads} threads each, from texts to vectors, alternating in one process tree; \
         bf16: matrices and the rows they multiply are rounded, sums are not; f32: nothing is",
        engines[1].1.info().architecture
    );
    Ok(Report::new("embed", note, rows))
}

/// One row for each engine, against the peer's samples of the same rounds.
fn measure(
    case: Case,
    rounds: usize,
    engines: &[(&str, Engine)],
    peer: &mut Pipe,
) -> Result<Vec<Row>> {
    let texts = vec![text(&engines[0].1, case.tokens)?; case.texts];
    let request = EmbedRequest::new(texts.clone());
    // Short work is repeated so that a sample is longer than the machine's hiccups.
    let times = (4096 / (case.tokens * case.texts)).clamp(1, 50);
    let mut ours = vec![Vec::new(); engines.len()];
    let mut theirs = Vec::new();
    // One round to warm caches and threads, not counted.
    for round in 0..=rounds {
        let (mut answer, mut taken) = (None, f64::INFINITY);
        for _ in 0..times {
            let found: Answer = peer.ask(&json!({"texts": texts}))?;
            taken = taken.min(found.ms / 1000.0);
            answer = Some(found);
        }
        let wanted = answer.context("the peer was not asked")?.first;
        if round > 0 {
            theirs.push(case.texts as f64 / taken);
        }
        for ((name, engine), samples) in engines.iter().zip(&mut ours) {
            let mut taken = f64::INFINITY;
            for _ in 0..times {
                let begin = Instant::now();
                let found = engine.embed(&request)?;
                taken = taken.min(begin.elapsed().as_secs_f64());
                let same: f32 = found.vectors[0]
                    .iter()
                    .zip(&wanted)
                    .map(|(a, b)| a * b)
                    .sum();
                ensure!(same > 0.9999, "{name}: cosine {same} with the peer");
            }
            if round > 0 {
                samples.push(case.texts as f64 / taken);
            }
        }
    }
    let row = |((name, _), samples): (&(&str, Engine), Vec<f64>)| {
        let (tokens, texts) = (case.tokens, case.texts);
        let name = format!("{texts} texts of {tokens} tokens, {name}");
        Row::new(name, "texts/s", samples).against(&peer.name, theirs.clone())
    };
    Ok(engines.iter().zip(ours).map(row).collect())
}

/// A text of `tokens` tokens, those that the model puts around it included.
fn text(engine: &Engine, tokens: usize) -> Result<String> {
    let around = engine.count_tokens("")?;
    let words = WORDS.split(' ').cycle();
    let text = words
        .take(tokens.saturating_sub(around))
        .collect::<Vec<_>>()
        .join(" ");
    let found = engine.count_tokens(&text)?;
    ensure!(
        found == tokens,
        "the text has {found} tokens instead of {tokens}: this bench needs an English vocabulary"
    );
    Ok(text)
}

/// The default model as a folder of links into the cache.
fn cached() -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    for (name, sha256) in FILES {
        link(&crate::engine::cached(sha256)?, &folder.path().join(name))?;
    }
    let path = folder.path().to_owned();
    Ok((folder, path))
}

fn link(from: &Path, to: &Path) -> Result<()> {
    #[cfg(unix)]
    std::os::unix::fs::symlink(from, to)?;
    #[cfg(not(unix))]
    std::fs::copy(from, to)?;
    Ok(())
}
