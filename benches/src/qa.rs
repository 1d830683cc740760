//! Answers per second of the knowledge base at a hundred thousand generated passages and twenty
//! askers, against BM25 of a Python library on the same passages and questions.

use crate::args::Args;
use crate::pipe::Pipe;
use crate::report::{Report, Row};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use zhisuan_apps::answer::{Asked, Base};
use zhisuan_apps::eval::{generated, published};

/// Seed of the corpus.
const SEED: u64 = 20_261_122;

#[derive(Deserialize)]
struct Found {
    ms: f64,
    built_s: f64,
    memory_mib: f64,
}

/// Runs the bench.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let passages = args.number("passages", 100_000)?;
    let (askers, each) = (args.number("askers", 20)?, args.number("questions", 50)?);
    let alone = args.number("peer-questions", 200)?;
    let (files, questions) = generated(SEED, passages, askers * each);
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    let before = resident_mib()?;
    let begin = Instant::now();
    let base = published(&files)?;
    let reading = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let base = Base::build(Arc::new(base), None)?;
    let building = begin.elapsed().as_secs_f64();
    let memory = resident_mib()? - before;
    let together = ask_together(&base, &questions, askers);
    // The answers above are remembered; these are other questions, one after the other.
    let (_, fresh) = generated(SEED + 1, passages, alone);
    let one: Vec<f64> = fresh
        .iter()
        .map(|question| timed(&base, question))
        .collect();
    let mut rows = vec![
        Row::new(format!("answer, {askers} askers"), "ms", together),
        Row::new("answer, one asker", "ms", one),
        Row::new("read", "MB/s", vec![bytes as f64 / 1e6 / reading]),
        Row::new(
            "read and index",
            "MB/s",
            vec![bytes as f64 / 1e6 / (reading + building)],
        ),
        Row::new("memory, texts and index", "MiB", vec![memory]),
    ];
    if std::env::var("ZHISUAN_TEST_PYTHON").is_ok() {
        against_peer(&mut rows, &base, &fresh)?;
    }
    let count = base.passages();
    let note = format!(
        "{count} passages of {} generated texts ({:.1} MB); an answer is checked and cited, the \
         peer only finds passages",
        files.len(),
        bytes as f64 / 1e6
    );
    Ok(Report::new("qa", note, rows))
}

fn ask_together(base: &Base, questions: &[String], askers: usize) -> Vec<f64> {
    let next = AtomicUsize::new(0);
    let asker = || {
        let mut taken = Vec::new();
        while let Some(question) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
            taken.push(timed(base, question));
        }
        taken
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..askers).map(|_| scope.spawn(asker)).collect();
        let taken = threads.into_iter().filter_map(|thread| thread.join().ok());
        taken.flatten().collect()
    })
}

/// Milliseconds of one answer.
fn timed(base: &Base, question: &str) -> f64 {
    let asked = Asked {
        question: question.to_owned(),
        as_of: jiff::civil::date(2026, 11, 22),
        place: None,
        top_k: 5,
    };
    let begin = Instant::now();
    std::hint::black_box(base.answer(&asked));
    begin.elapsed().as_secs_f64() * 1000.0
}

fn against_peer(rows: &mut Vec<Row>, base: &Base, questions: &[String]) -> Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    for version in &base.published().versions {
        for passage in &version.passages {
            let spans = passage.sentences.iter();
            let texts: Vec<&str> = spans.filter_map(|s| version.text.get(s.clone())).collect();
            let text = format!("{} {}", version.head.title, texts.join(" "));
            writeln!(file, "{}", serde_json::to_string(&text)?)?;
        }
    }
    file.flush()?;
    let path = file.path().to_string_lossy().into_owned();
    let mut peer = Pipe::start("bm25_peer.py", &[&path])?;
    let mut taken = Vec::new();
    let mut last: Option<Found> = None;
    for question in questions {
        let found: Found = peer.ask(&json!({"question": question}))?;
        taken.push(found.ms);
        last = Some(found);
    }
    let last = last.context("the peer was not asked")?;
    let name = peer.name.clone();
    let against = |row: Row, samples: Vec<f64>| {
        let unit = row.unit;
        Row::new(row.name, unit, row.samples).against(&name, samples)
    };
    let mut all = std::mem::take(rows).into_iter();
    rows.extend(all.next());
    rows.extend(all.next().map(|row| against(row, taken)));
    rows.extend(all);
    rows.push(Row::new("peer: index built in", "s", vec![last.built_s]));
    rows.push(Row::new("peer: memory", "MiB", vec![last.memory_mib]));
    Ok(())
}

/// Memory of this process in MiB, as the system counts it.
fn resident_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.context("the system does not tell the memory of a process")?;
    let number = line
        .split_whitespace()
        .next()
        .context("VmRSS has no number")?;
    Ok(number.parse::<f64>()? / 1024.0)
}
