//! `zhisuan eval qa --writer`: what a model behind the gateway makes of the tuning part.

use super::{cases, failed, of_base};
use crate::args::EvalQaArgs;
use crate::config::{As, Settings};
use crate::error::{Exit, Result};
use crate::output::{Format, Printer};
use crate::words::tr;
use serde_json::json;
use tokio::runtime::Handle;
use zhisuan_apps::answer::{Answer, Base, Drafts, Maker, Writer};
use zhisuan_apps::eval::{Case, WrittenReport, run_written};
use zhisuan_apps::service::{ModelServer, PATIENCE, RemoteWriter};

/// A model behind the gateway of the settings.
pub(super) fn writer(settings: &Settings, model: &str) -> Result<RemoteWriter> {
    let url = format!("{}/v1", settings.get("gateway"));
    let server = ModelServer::new(&url, settings.secret(As::Tenant));
    Ok(RemoteWriter::new(
        server.map_err(|error| failed(&error))?,
        model,
    ))
}

/// Puts the questions to the model and tells the figures; with `--wrong` also every sentence.
pub(super) fn measure(
    out: Printer,
    args: &EvalQaArgs,
    bases: &[(&str, Base)],
    writer: &RemoteWriter,
    runtime: &Handle,
) -> Result<Exit> {
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
        let own = of_base(&cases, name);
        let by: (&dyn Writer, _, _) = (writer, PATIENCE, runtime);
        run_written(base, &own, args.as_of, by, &mut report, &mut seen);
    }
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
