//! `zhisuan eval qa`: the evaluation set against its knowledge bases, without any server.

use super::{Context, embedder};
use crate::args::{EvalArgs, EvalQaArgs, EvalVerb};
use crate::error::{Exit, Failure, Result};
use crate::output::{Format, Printer};
use crate::words::{say, tr};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use zhisuan_apps::answer::{Answer, Base};
use zhisuan_apps::eval::{
    Case, Report, Score, Split, read, review_seeds, run as run_cases, samples,
};
use zhisuan_apps::kb::{Audience, Library, read_bank};
use zhisuan_apps::retrieve::Embedder;
use zhisuan_apps::staff::Person;

mod in_use;
mod written;

const BASE: &str = "eval";
/// The question bank of the planning documents, beside the questions.
const SEEDS_BANK: &str = "seeds-bank.jsonl";

pub(super) async fn run(context: &Context, args: EvalArgs) -> Result<Exit> {
    let EvalVerb::Qa(args) = args.verb;
    let embedder = match &args.embedder {
        Some(model) => Some(embedder::open(model, context.out).await?),
        None => None,
    };
    let out = context.out;
    let writer = match &args.writer {
        Some(model) => Some(written::writer(&context.settings, model)?),
        None => None,
    };
    let runtime = Handle::current();
    let work = spawn_blocking(move || {
        if let Some(data) = &args.data {
            return in_use::measure(out, &args, data, embedder.as_ref());
        }
        let bases = bases(out, &args, embedder.as_ref())?;
        match &writer {
            Some(writer) => written::measure(out, &args, &bases, writer, &runtime),
            None => measure(out, &args, &bases, embedder.as_ref()),
        }
    })
    .await;
    work.map_err(|error| failed(&error))?
}

/// The bases that the questions are put to, each with its name.
fn bases(
    out: Printer,
    args: &EvalQaArgs,
    embedder: Option<&Arc<dyn Embedder>>,
) -> Result<Vec<(&'static str, Base)>> {
    let folder = tempfile::tempdir()?;
    let sample = sample(folder.path(), &args.knowledge)?;
    let mut bases = vec![("sample", built(&sample, BASE, embedder)?)];
    if args.seeds.is_dir() {
        let bank = args.questions.join(SEEDS_BANK);
        if !bank.is_file() {
            out.note(&say!(
                "没有 {},规划文件不用问题库",
                "there is no {}: the planning documents have no question bank",
                bank.display()
            ));
        }
        let seeds = seeds(folder.path(), &args.seeds, &bank)?;
        bases.push(("seeds", built(&seeds, BASE, embedder)?));
    } else {
        out.note(&say!(
            "没有 {},跳过规划文件的题",
            "there is no {}: its questions are left out",
            args.seeds.display()
        ));
    }
    Ok(bases)
}

fn measure(
    out: Printer,
    args: &EvalQaArgs,
    bases: &[(&str, Base)],
    embedder: Option<&Arc<dyn Embedder>>,
) -> Result<Exit> {
    let name = embedder.map(|embedder| embedder.name());
    if out.format() == Format::Table {
        let shown = name
            .as_deref()
            .unwrap_or_else(|| tr("无,只用词", "none, words alone"));
        out.line(&say!("向量模型:{}", "model for vectors: {}", shown))?;
    }
    let run = Run {
        out,
        args,
        bases,
        embedder: name,
    };
    if let Some(file) = &args.file {
        run.one(file, Split::Tune)?;
        if let Some(samples) = &args.samples {
            run.samples(file, samples)?;
        }
        return Ok(Exit::Done);
    }
    for split in [Split::Tune, Split::Blind] {
        let path = args.questions.join(format!("qa-{}.jsonl", split.name()));
        run.one(&path, split)?;
    }
    Ok(Exit::Done)
}

/// One measurement: its bases, and what it is told to.
struct Run<'a> {
    out: Printer,
    args: &'a EvalQaArgs,
    bases: &'a [(&'a str, Base)],
    embedder: Option<String>,
}

impl Run<'_> {
    /// What the evidence gate sees of the questions of a file, one JSON object a line.
    fn samples(&self, file: &Path, target: &Path) -> Result<()> {
        let cases = cases(file)?;
        let mut lines = String::new();
        for (name, base) in self.bases {
            for sample in samples(base, &of_base(&cases, name), self.args.as_of) {
                lines.push_str(&json!(sample).to_string());
                lines.push('\n');
            }
        }
        Ok(std::fs::write(target, lines)?)
    }

    fn one(&self, path: &Path, split: Split) -> Result<()> {
        let (out, args) = (self.out, self.args);
        let cases = cases(path)?;
        let (mut report, mut wrong) = (Report::default(), Vec::new());
        let mut seen = |case: &Case, answer: &Answer, score: &Score| {
            let missed = score.answerable && !score.facts;
            if missed || score.false_answer || !score.outcome {
                wrong.push((
                    case.id.clone(),
                    answer.outcome.name(),
                    case.question.clone(),
                    said(answer),
                ));
            }
        };
        for (name, base) in self.bases {
            // A base in use is asked all of a file's questions, whatever they call it.
            let own = match args.data {
                Some(_) => cases.clone(),
                None => of_base(&cases, name),
            };
            run_cases(base, &own, split, args.as_of, &mut report, &mut seen);
        }
        let blind = split == Split::Blind;
        if out.format() != Format::Table {
            let mut value = json!({
                "schema": "zhisuan.eval-qa/1", "split": split.name(), "embedder": self.embedder, "total": report.total,
                "micros_p50": report.percentile(50), "micros_p95": report.percentile(95),
            });
            // Of the blind part only totals are told.
            if !blind {
                value["types"] = json!(report.types);
                value["styles"] = json!(report.styles);
            }
            return out.json(&value, out.format() == Format::Json);
        }
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = match (blind, &args.file) {
            (true, _) => tr("盲测部分", "blind part"),
            (false, None) => tr("调试部分", "tuning part"),
            (false, Some(_)) => &file,
        };
        out.line(&format!("## {name}\n\n{}", report.table(!blind)))?;
        if args.wrong {
            for (id, outcome, question, said) in &wrong {
                out.line(&format!("{id}\t{outcome}\t{question}\t{said}"))?;
            }
        }
        Ok(())
    }
}

/// The documents and words that an answer gives, on one line.
fn said(answer: &Answer) -> String {
    let quoted = answer.sentences.iter().map(|said| {
        let from = said.citations.first().map_or("", |from| &from.document);
        format!("{from}: {}", said.text.replace('\n', " "))
    });
    quoted.collect::<Vec<_>>().join(" ‖ ")
}

/// The questions to one base.
fn of_base(cases: &[Case], name: &str) -> Vec<Case> {
    let own = cases.iter().filter(|case| case.base == name);
    own.cloned().collect()
}

fn cases(path: &Path) -> Result<Vec<Case>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        let shown = path.display();
        let message = say!("读不了 {}:{}", "cannot read {}: {}", shown, error);
        Failure::usage("ZS-CLI-IO", message).field("questions")
    })?;
    read(&text).map_err(|error| Failure::usage("ZS-CLI-VALUE", error.to_string()))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Failed, "ZS-KNOWLEDGE", error.to_string())
}

fn library(data: &Path, name: &str, person: &Person, now: i64) -> Result<Library> {
    let library = Library::open(&data.join(name)).map_err(|error| failed(&error))?;
    library
        .put_base(BASE, "eval", &Audience::Public, person, now)
        .map_err(|error| failed(&error))?;
    Ok(library)
}

fn built(library: &Library, base: &str, embedder: Option<&Arc<dyn Embedder>>) -> Result<Base> {
    let published = library.published(base).unwrap_or_default();
    Base::build(published, embedder.cloned()).map_err(|error| failed(&error))
}

/// The sample base as `zhisuan up` brings it in.
fn sample(data: &Path, folder: &Path) -> Result<Library> {
    let now = Timestamp::now().as_millisecond();
    let person = Person::both("eval", "eval");
    let library = library(data, "sample.sqlite", &person, now)?;
    let imported = library.import_folder(BASE, folder, &person, now);
    imported.map_err(|error| failed(&error))?;
    Ok(library)
}

/// Planning documents with their defects repaired as two people would.
fn seeds(data: &Path, folder: &Path, bank: &Path) -> Result<Library> {
    let now = Timestamp::now().as_millisecond();
    let person = Person::both("eval", "eval");
    let library = library(data, "seeds.sqlite", &person, now)?;
    let bank = match std::fs::read_to_string(bank) {
        Ok(text) => read_bank(&text).map_err(|error| failed(&error))?,
        Err(_) => Vec::new(),
    };
    review_seeds(&library, BASE, (folder, &bank), now).map_err(|error| failed(&error))?;
    Ok(library)
}
