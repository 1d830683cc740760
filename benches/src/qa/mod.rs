//! The knowledge base at a hundred thousand generated passages: bringing them in, answers with
//! twenty askers, with and without a question bank and vectors, memory, and BM25 of a Python
//! library on the same passages and questions.

mod askers;
mod bank;
mod files;
mod readers;

use crate::args::Args;
use crate::pipe::Pipe;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use askers::{ask_together, service};
use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use zhisuan_apps::answer::{Asked, Base};
use zhisuan_apps::eval::{GeneratedFile, generated};
use zhisuan_apps::kb::{Audience, Library, Published};
use zhisuan_apps::staff::Person;

/// Seed of the corpus.
const SEED: u64 = 20_261_122;
/// Questions asked before any is counted: tables are made when they are first needed.
const WARM_UP: usize = 20;
/// The day of all questions, and when everything is published: one moment.
const DAY: jiff::civil::Date = jiff::civil::date(2026, 11, 22);
const NOW_MS: i64 = 1_795_305_600_000;
/// Texts that an answer may quote.
const TOP_K: usize = 5;
const MIB: f64 = 1_048_576.0;

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
    let by_reader = args.number("by-reader", 100)?;
    let sizes = bank::Sizes::of(args)?;
    let (files, mut questions) = generated(SEED, passages, WARM_UP + askers * each);
    let bytes = files.iter().map(|file| file.text.len()).sum::<usize>() as f64 / 1e6;
    let before = resident_mib()?;

    let folder = tempfile::tempdir()?;
    let begin = Instant::now();
    let (library, published) = import(&folder.path().join("kb.sqlite"), &files)?;
    let imported = begin.elapsed().as_secs_f64();
    let begin = Instant::now();
    let base = Base::build(published, None)?;
    let indexed = begin.elapsed().as_secs_f64();
    let memory = resident_mib()? - before;
    let (words, _) = base.index_bytes();

    for question in questions.drain(..WARM_UP) {
        base.answer(&asked(&question));
    }
    let qa = service(base);
    let (together, outcomes) = ask_together(&qa, &questions, askers)?;
    let (again, _) = ask_together(&qa, &questions, askers)?;
    let base = qa.base();
    // The answers above are remembered; these are other questions, one after the other.
    let (_, fresh) = generated(SEED + 1, passages, alone);
    let (one, found) = one_asker(&base, &fresh);

    let count = base.passages() as f64;
    let mut rows = vec![
        Row::new(format!("answer, {askers} askers"), "ms", together),
        Row::new(format!("answer remembered, {askers} askers"), "ms", again),
        Row::new("answer, one asker", "ms", one),
        Row::new("passages found, one asker", "ms", found),
        Row::new("import a folder", "MB/s", vec![bytes / imported]),
        Row::new("index", "MB/s", vec![bytes / indexed]),
        Row::new(
            "import and index",
            "MB/s",
            vec![bytes / (imported + indexed)],
        ),
        Row::new("index built in", "s", vec![indexed]),
        Row::new("memory, library and index", "MiB", vec![memory]),
        Row::new(
            "memory of the words' index",
            "MiB",
            vec![words as f64 / MIB],
        ),
        Row::new("memory, a passage", "bytes", vec![memory * MIB / count]),
    ];
    if std::env::var("ZHISUAN_TEST_PYTHON").is_ok() {
        against_peer(&mut rows, &base, &fresh)?;
    }
    let (with_bank, banked) = bank::rows(&library, (&questions, &fresh), askers, &sizes)?;
    rows.extend(with_bank);
    drop((base, qa, library));
    rows.extend(readers::rows(files.get(..by_reader).unwrap_or(&files))?);
    let note = format!(
        "{count} passages of {} texts ({bytes:.1} MB); texts and questions are generated from fifteen sentence \
         patterns and lists of words, one question in ten with a typing error, one about what no text has; \
         askers ask without pause and no answer of the first row comes from the cache; outcomes: {outcomes:?}; \
         an answer is checked and cited, the peer only finds passages; {banked}",
        files.len(),
    );
    Ok(Report::new("qa", note, rows))
}

/// Milliseconds of each answer to somebody who asks alone, and of the passages for it.
fn one_asker(base: &Base, questions: &[String]) -> (Vec<f64>, Vec<f64>) {
    let answer = |question: &String| timed(|| base.answer(&asked(question)));
    let search = |question: &String| timed(|| base.search(&asked(question)));
    let answered = questions.iter().map(answer).collect();
    (answered, questions.iter().map(search).collect())
}

/// Brings the files in as a user does, and publishes them.
fn import(store: &Path, files: &[GeneratedFile]) -> Result<(Library, Arc<Published>)> {
    let folder = tempfile::tempdir()?;
    for file in files {
        std::fs::write(folder.path().join(&file.name), &file.text)?;
    }
    let library = library(store)?;
    let done = library.import_folder("qa", folder.path(), &maker(), NOW_MS)?;
    ensure!(
        done.published.len() == files.len(),
        "{} of {} generated texts were published; the first that waits: {:?}, the first left out: {:?}",
        done.published.len(),
        files.len(),
        done.quarantined.first(),
        done.left_out.first()
    );
    let published = library.published("qa").context("the base is not there")?;
    Ok((library, published))
}

fn library(store: &Path) -> Result<Library> {
    let library = Library::open(store)?;
    library.put_base("qa", "测量", &Audience::Public, &maker(), NOW_MS)?;
    Ok(library)
}

fn maker() -> Person {
    Person::both("bench", "测量")
}

fn asked(question: &str) -> Asked {
    Asked {
        question: question.to_owned(),
        as_of: DAY,
        place: None,
        top_k: TOP_K,
    }
}

/// Milliseconds of some work.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let begin = Instant::now();
    std::hint::black_box(work());
    begin.elapsed().as_secs_f64() * 1000.0
}

/// Puts what the peer needed beside the rows of one asker.
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
    let all = std::mem::take(rows).into_iter();
    rows.extend(all.map(|row| match row.name.as_str() {
        "answer, one asker" | "passages found, one asker" => row.against(&peer.name, taken.clone()),
        "index built in" => row.against(&peer.name, vec![last.built_s]),
        "memory, library and index" => row.against(&peer.name, vec![last.memory_mib]),
        _ => row,
    }));
    Ok(())
}

/// Memory of this process in MiB, as the system counts it.
fn resident_mib() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let line = line.context("the system does not tell the memory of a process")?;
    let number = line.split_whitespace().next();
    let number = number.context("VmRSS has no number")?;
    Ok(number.parse::<f64>()? / 1024.0)
}
