//! `zhisuan eval qa`: the evaluation set against its knowledge bases, without any server.

use super::Context;
use crate::args::{EvalArgs, EvalQaArgs, EvalVerb};
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::output::Format;
use crate::words::{say, tr};
use jiff::Timestamp;
use serde_json::json;
use std::path::Path;
use zhisuan_apps::answer::{Answer, Base, Drafts, Maker};
use zhisuan_apps::eval::{
    Case, Report, Score, Split, WrittenReport, read, review_seeds, run as run_cases, run_written,
};
use zhisuan_apps::kb::{Audience, Library};
use zhisuan_apps::service::{ModelServer, PATIENCE, RemoteWriter};
use zhisuan_apps::staff::Person;

const BASE: &str = "eval";

pub(super) async fn run(context: &Context, args: &EvalArgs) -> Result<Exit> {
    let EvalVerb::Qa(args) = &args.verb;
    let folder = tempfile::tempdir()?;
    let mut bases = vec![("sample", sample(folder.path(), &args.knowledge)?)];
    if args.seeds.is_dir() {
        bases.push(("seeds", seeds(folder.path(), &args.seeds)?));
    } else {
        context.out.note(&say!(
            "没有 {},跳过规划文件的题",
            "there is no {}: its questions are left out",
            args.seeds.display()
        ));
    }
    if let Some(writer) = &args.writer {
        return reworded(context, args, &bases, writer).await;
    }
    for split in [Split::Tune, Split::Blind] {
        one(context, args, &bases, split)?;
    }
    Ok(Exit::Done)
}

fn one(context: &Context, args: &EvalQaArgs, bases: &[(&str, Base)], split: Split) -> Result<()> {
    let path = args.questions.join(format!("qa-{}.jsonl", split.name()));
    let cases = cases(&path)?;
    let (mut report, mut wrong) = (Report::default(), Vec::new());
    let mut seen = |case: &Case, answer: &Answer, score: &Score| {
        let missed = score.answerable && !score.facts;
        if missed || score.false_answer || !score.outcome {
            wrong.push((
                case.id.clone(),
                answer.outcome.name(),
                case.question.clone(),
            ));
        }
    };
    for (name, base) in bases {
        let own: Vec<Case> = cases
            .iter()
            .filter(|case| case.base == *name)
            .cloned()
            .collect();
        run_cases(base, &own, split, args.as_of, &mut report, &mut seen);
    }
    let (out, blind) = (context.out, split == Split::Blind);
    if out.format() != Format::Table {
        let mut value = json!({
            "schema": "zhisuan.eval-qa/1", "split": split.name(), "total": report.total,
            "micros_p50": report.percentile(50), "micros_p95": report.percentile(95),
        });
        // Of the blind part only totals are told.
        if !blind {
            value["types"] = json!(report.types);
            value["styles"] = json!(report.styles);
        }
        return out.json(&value, out.format() == Format::Json);
    }
    let name = if blind {
        tr("盲测部分", "blind part")
    } else {
        tr("调试部分", "tuning part")
    };
    out.line(&format!("## {name}\n\n{}", report.table(!blind)))?;
    if args.wrong {
        for (id, outcome, question) in &wrong {
            out.line(&format!("{id}\t{outcome}\t{question}"))?;
        }
    }
    Ok(())
}

/// What a model behind the gateway makes of the tuning part.
async fn reworded(
    context: &Context,
    args: &EvalQaArgs,
    bases: &[(&str, Base)],
    writer: &str,
) -> Result<Exit> {
    let url = format!("{}/v1", context.settings.get("gateway"));
    let server = ModelServer::new(&url, context.settings.secret(As::Tenant));
    let writer = RemoteWriter::new(server.map_err(|error| failed(&error))?, writer);
    let cases = cases(&args.questions.join("qa-tune.jsonl"))?;
    let step = args.sample.map_or(1, |sample| cases.len() / sample.max(1));
    let cases: Vec<Case> = cases.into_iter().step_by(step.max(1)).collect();
    let (mut report, mut lines) = (WrittenReport::default(), Vec::new());
    let mut seen = |case: &Case, extract: &Answer, told: &Answer, drafts: &Drafts| {
        let mode = if told.made_by == Maker::Extract {
            tr("摘录", "extract")
        } else {
            tr("改写", "reworded")
        };
        lines.push(format!("{}\t{mode}\t{}", case.id, case.question));
        let quoted = extract.sentences.iter();
        lines.extend(quoted.map(|said| format!("\t= {}", said.text.trim())));
        if told.made_by != Maker::Extract {
            let own = told.sentences.iter();
            lines.extend(own.map(|said| format!("\t+ {}", said.text)));
        }
        for dropped in &drafts.dropped {
            let (text, from) = (&dropped.text, &dropped.sources);
            lines.push(format!("\t- {text}{from:?}（{}）", dropped.reason));
        }
        lines.extend(drafts.fault.iter().map(|fault| format!("\t! {fault}")));
    };
    for (name, base) in bases {
        let own: Vec<Case> = cases.iter().filter(|c| c.base == *name).cloned().collect();
        let report = &mut report;
        run_written(base, &own, args.as_of, &writer, PATIENCE, report, &mut seen).await;
    }
    let out = context.out;
    if out.format() != Format::Table {
        let value = json!({"schema": "zhisuan.eval-qa-writer/1", "split": "tune", "total": report});
        out.json(&value, out.format() == Format::Json)?;
        return Ok(Exit::Done);
    }
    let details = if args.wrong { lines } else { Vec::new() };
    for line in details.iter().chain(&report.lines()) {
        out.line(line)?;
    }
    Ok(Exit::Done)
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

fn built(library: &Library) -> Result<Base> {
    let published = library.published(BASE).unwrap_or_default();
    Base::build(published, None).map_err(|error| failed(&error))
}

/// The sample base as `zhisuan up` brings it in.
fn sample(data: &Path, folder: &Path) -> Result<Base> {
    let now = Timestamp::now().as_millisecond();
    let person = Person::both("eval", "eval");
    let library = library(data, "sample.sqlite", &person, now)?;
    let imported = library.import_folder(BASE, folder, &person, now);
    imported.map_err(|error| failed(&error))?;
    built(&library)
}

/// Planning documents with their defects repaired as two people would.
fn seeds(data: &Path, folder: &Path) -> Result<Base> {
    let now = Timestamp::now().as_millisecond();
    let person = Person::both("eval", "eval");
    let library = library(data, "seeds.sqlite", &person, now)?;
    review_seeds(&library, BASE, folder, now).map_err(|error| failed(&error))?;
    built(&library)
}
