//! `zhisuan eval qa`: the evaluation set against a knowledge base, without any server.

use super::Context;
use crate::args::{EvalArgs, EvalQaArgs, EvalVerb};
use crate::error::{Exit, Failure, Result};
use crate::output::Format;
use crate::words::{say, tr};
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zhisuan_apps::answer::Base;
use zhisuan_apps::eval::{Case, Split, read, run as run_cases};
use zhisuan_apps::kb::{Audience, Library};
use zhisuan_apps::staff::Person;

const BASE: &str = "eval";

pub(super) fn run(context: &Context, args: &EvalArgs) -> Result<Exit> {
    let EvalVerb::Qa(args) = &args.verb;
    let cases = cases(&or(&args.questions, &["qa-tune.jsonl", "qa-blind.jsonl"], "evaluation"))?;
    let folder = tempfile::tempdir()?;
    let base = base(folder.path(), &or(&args.knowledge, &[""], "knowledge"))?;
    let out = context.out;
    for split in [Split::Tune, Split::Blind] {
        let blind = split == Split::Blind;
        let mut wrong = Vec::new();
        let report = run_cases(&base, &cases, split, args.as_of, &mut |case, answer, score| {
            let missed = score.answerable && !score.facts;
            if missed || score.false_answer || !score.outcome {
                wrong.push((case.id.clone(), case.question.clone(), answer.outcome.name()));
            }
        });
        if out.format() == Format::Table {
            let name = if blind { tr("盲测部分", "blind part") } else { tr("调试部分", "tuning part") };
            out.line(&format!("## {name}\n\n{}", report.table(!blind)))?;
            if args.wrong && !blind {
                list(context, &wrong)?;
            }
        } else {
            let mut value = json!({
                "schema": "zhisuan.eval-qa/1", "split": split.name(), "total": report.total,
                "micros_p50": report.percentile(50), "micros_p95": report.percentile(95),
            });
            // Of the blind part only totals are told.
            if !blind {
                value["types"] = json!(report.types);
                value["styles"] = json!(report.styles);
            }
            out.json(&value, out.format() == Format::Json)?;
        }
    }
    Ok(Exit::Done)
}

fn list(context: &Context, wrong: &[(String, String, &str)]) -> Result<()> {
    for (id, question, outcome) in wrong {
        context.out.line(&format!("{id}\t{outcome}\t{question}"))?;
    }
    Ok(())
}

/// The named paths, else those of the examples.
fn or(named: &[PathBuf], usual: &[&str], folder: &str) -> Vec<PathBuf> {
    if !named.is_empty() {
        return named.to_vec();
    }
    let examples = Path::new("examples").join(folder);
    usual.iter().map(|name| examples.join(name)).collect()
}

fn cases(paths: &[PathBuf]) -> Result<Vec<Case>> {
    let mut all = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let shown = path.display();
            Failure::usage("ZS-CLI-IO", say!("读不了 {}:{}", "cannot read {}: {}", shown, error))
        })?;
        let read = read(&text);
        all.extend(read.map_err(|error| Failure::usage("ZS-CLI-VALUE", error.to_string()))?);
    }
    Ok(all)
}

/// The folders as one base: what the gate holds back is published all the same, for the questions
/// of the set are about it too.
fn base(data: &Path, folders: &[PathBuf]) -> Result<Base> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Failed, "ZS-KNOWLEDGE", error.to_string());
    let now = Timestamp::now().as_millisecond();
    let library = Library::open(&data.join("library.sqlite")).map_err(|error| failed(&error))?;
    let (maker, checker) = (Person::both("maker", "maker"), Person::both("checker", "checker"));
    library
        .put_base(BASE, "eval", &Audience::Public, &maker, now)
        .map_err(|error| failed(&error))?;
    for folder in folders {
        let imported = library.import_folder(BASE, folder, &maker, now);
        let imported = imported.map_err(|error| failed(&error))?;
        for (version, _) in &imported.quarantined {
            // One that is blocked stays out, as it would in a city.
            if let Err(error) = library.publish(version, &checker, now) {
                tracing::warn!(%version, %error, "left out");
            }
        }
    }
    let published = library.published(BASE).unwrap_or_default();
    Base::build(Arc::clone(&published), None).map_err(|error| failed(&error))
}
