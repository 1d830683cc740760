//! `zhisuan eval qa --writer`: what a model behind the gateway makes of the tuning part.

use super::Context;
use super::eval::{cases, failed};
use crate::args::EvalQaArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::Format;
use crate::words::tr;
use serde_json::json;
use zhisuan_apps::answer::{Answer, Base, Drafts, Maker};
use zhisuan_apps::eval::{Case, WrittenReport, run_written};
use zhisuan_apps::service::{ModelServer, PATIENCE, RemoteWriter};

/// What a model behind the gateway makes of the tuning part.
pub(super) async fn run(
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
            lines.push(format!("\t- {}（{}）", dropped.text, dropped.reason));
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
