//! Tokens per second of the engine and of llama.cpp on the same file and threads, alternating.

use crate::args::Args;
use crate::peer::{self, Question, Times};
use crate::report::{Report, Row};
use crate::shape;
use anyhow::{Context, Result, bail, ensure};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;
use tempfile::NamedTempFile;
use zhisuan_engine::{Engine, GenerateEvent, GenerateRequest, LoadOptions, Prompt, TokenSink};

/// Default model of the product's cache (SmolLM2 135M, Q4_1).
const MODEL: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// Whose vocabulary a shape with random weights gets (Qwen2.5 0.5B).
const VOCABULARY: &str = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32";

/// When each token came.
struct Stamps(Sender<Result<Instant, String>>);

impl TokenSink for Stamps {
    fn push(&mut self, event: GenerateEvent) -> ControlFlow<()> {
        let stamp = match event {
            GenerateEvent::Token { .. } => Ok(Instant::now()),
            GenerateEvent::Failed { error, .. } => Err(error.to_string()),
            GenerateEvent::Unfinished { .. } => Err("the engine was shut down".to_owned()),
            GenerateEvent::Done { .. } => return ControlFlow::Continue(()),
        };
        match self.0.send(stamp) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

/// The file that is measured, and what it is called.
struct Subject {
    file: PathBuf,
    name: String,
    /// A file with random weights goes with this value.
    _made: Option<NamedTempFile>,
}

fn subject(args: &Args) -> Result<Subject> {
    let Some(shape) = args.text("shape") else {
        let file = model_file(args)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        return Ok(Subject {
            name: name.into_owned(),
            file,
            _made: None,
        });
    };
    let made = shape::write(shape, &cached(VOCABULARY)?)?;
    Ok(Subject {
        file: made.path().to_owned(),
        name: format!("{shape} with random weights"),
        _made: Some(made),
    })
}

/// Runs the bench.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let Subject {
        file: model,
        name,
        _made,
    } = subject(args)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.number("threads", cores)?;
    let (prompt, tokens) = (args.number("prompt", 256)?, args.number("tokens", 64)?);
    let (streams, rounds) = (args.number("streams", 8)?, args.number("rounds", 5)?);
    let context = prompt + tokens + 16;
    let engine = Engine::load(LoadOptions {
        max_batch: streams,
        max_context: Some(context),
        threads: Some(threads),
        // Drafts would measure how much an answer repeats itself, not the arithmetic.
        speculation: false,
        ..LoadOptions::new(&model)
    })?;
    let mut peer = peer::start(&model, threads, context, streams)?;
    let vocab = engine.info().vocab_size;
    let mut ours = [const { Vec::new() }; 3];
    let mut theirs = [const { Vec::new() }; 3];
    // One round of both to warm caches and threads, not counted.
    for round in 0..=rounds {
        let ids = prompt_ids(vocab, prompt, round);
        let short = &ids[..ids.len().min(16)];
        let (prefill, decode, _) = generate(&engine, &ids, tokens, 1)?;
        let (_, _, wall) = generate(&engine, short, tokens, streams)?;
        let one: Times = peer.ask(&Question {
            prompt: &ids,
            tokens,
            streams: 1,
        })?;
        let many: Times = peer.ask(&Question {
            prompt: short,
            tokens,
            streams,
        })?;
        if round == 0 {
            continue;
        }
        let (read, written) = (ids.len() as f64, (tokens - 1) as f64);
        let all = (tokens * streams) as f64;
        let rates = [read / prefill, written / decode, all / wall];
        let peer_rates = [
            read / one.prefill_ms,
            written / one.decode_ms,
            all / many.wall_ms,
        ];
        for index in 0..3 {
            ours[index].push(rates[index] * 1000.0);
            theirs[index].push(peer_rates[index] * 1000.0);
        }
    }
    let names = [
        format!("prefill of {prompt} tokens"),
        format!("decode of {tokens} tokens, 1 stream"),
        format!("answers of {tokens} tokens, {streams} streams together"),
    ];
    let measured = names.into_iter().zip(ours).zip(theirs);
    let row = |((name, ours), theirs): ((String, Vec<f64>), Vec<f64>)| {
        Row::new(name, "tokens/s", ours).against(&peer.name, theirs)
    };
    let rows = measured.map(row).collect();
    let note = note(&engine, &name, threads);
    Ok(Report::new("engine", note, rows))
}

/// What was run, and how far caches and drafts had a part in it.
fn note(engine: &Engine, model: &str, threads: usize) -> String {
    let kind = engine.info().quantisation.clone();
    let stats = engine.stats();
    format!(
        "{model} ({kind}), {threads} threads each, greedy, alternating in one process tree; \
         prompts of random tokens: {} tokens from the prefix cache, {} of {} drafts accepted",
        stats.prefix_hit_tokens, stats.drafts_accepted, stats.drafts_proposed,
    )
}

/// The file that `--model` names, or the small default of the product's cache.
pub(crate) fn model_file(args: &Args) -> Result<PathBuf> {
    args.text("model")
        .map_or_else(|| cached(MODEL), |path| Ok(PathBuf::from(path)))
}

/// A file of the product's cache by its SHA-256.
pub(crate) fn cached(sha256: &str) -> Result<PathBuf> {
    let cache = std::env::var("ZHISUAN_CACHE")
        .map(PathBuf::from)
        .or_else(|_| {
            let home = std::env::var("HOME").context("set HOME or ZHISUAN_CACHE")?;
            Ok::<_, anyhow::Error>(PathBuf::from(home).join(".cache/zhisuan"))
        })?;
    let path = cache.join("models/sha256").join(sha256);
    ensure!(
        path.exists(),
        "no model at {}; run `cargo xtask provide` or give --model",
        path.display()
    );
    Ok(path)
}

/// Tokens that no round shares with another and that do not repeat themselves, so that
/// neither a prefix cache nor drafts from the prompt make the arithmetic look faster.
fn prompt_ids(vocab: usize, wanted: usize, round: usize) -> Vec<u32> {
    let mut state = 1 + round as u64;
    let next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    // The ends of a vocabulary hold bytes and control tokens.
    let (first, count) = (vocab / 8, (vocab / 2).max(1));
    std::iter::repeat_with(next)
        .map(|number| (first + number % count) as u32)
        .take(wanted)
        .collect()
}

/// Milliseconds to the first token, from it to the last, and of all streams together.
fn generate(
    engine: &Engine,
    ids: &[u32],
    tokens: usize,
    streams: usize,
) -> Result<(f64, f64, f64)> {
    ensure!(tokens >= 2, "--tokens must be at least 2");
    let begin = Instant::now();
    let mut receivers = Vec::new();
    for stream in 0..streams {
        let (sender, receiver) = channel();
        let request = GenerateRequest {
            ignore_eos: true,
            cache_salt: format!("{stream}"),
            ..GenerateRequest::new(Prompt::Tokens(ids.to_vec()), tokens)
        };
        engine.generate(request, Box::new(Stamps(sender)))?;
        receivers.push(receiver);
    }
    let mut first = begin;
    let mut last = begin;
    for receiver in receivers {
        let stamps = drain(&receiver)?;
        let (Some(early), Some(late)) = (stamps.first(), stamps.last()) else {
            bail!("the engine gave no token");
        };
        ensure!(
            stamps.len() == tokens,
            "{} of {tokens} tokens",
            stamps.len()
        );
        (first, last) = (*early, last.max(*late));
    }
    let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1000.0;
    Ok((ms(begin, first), ms(first, last), ms(begin, last)))
}

fn drain(receiver: &Receiver<Result<Instant, String>>) -> Result<Vec<Instant>> {
    receiver
        .iter()
        .collect::<Result<Vec<Instant>, String>>()
        .map_err(|error| anyhow::anyhow!("the engine failed: {error}"))
}
