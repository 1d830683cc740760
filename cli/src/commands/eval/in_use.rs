//! `zhisuan eval qa --data`: the base that a data folder keeps, on what its people corrected.

use super::{Run, built, failed};
use crate::args::EvalQaArgs;
use crate::error::{Exit, Failure, Result};
use crate::output::{Format, Printer};
use crate::words::say;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use zhisuan_apps::eval::{Corrected, Split, corrected};
use zhisuan_apps::kb::Library;
use zhisuan_apps::retrieve::Embedder;

/// Asks what was corrected, and the questions of a file where one is given. It fails where a
/// correction is lost, so that a script can tell.
pub(super) fn measure(
    out: Printer,
    args: &EvalQaArgs,
    data: &Path,
    embedder: Option<&Arc<dyn Embedder>>,
) -> Result<Exit> {
    let library = opened(data)?;
    let mut lost = 0;
    for info in library.bases() {
        let base = built(&library, &info.name, embedder)?;
        let kept = library
            .regressions(&info.name)
            .map_err(|error| failed(&error))?;
        let told = corrected(&base, &kept);
        lost += told.lost.len();
        tell(out, &info.name, &told)?;
        if let Some(file) = &args.file {
            let run = Run {
                out,
                args,
                bases: &[(&info.name, base)],
                embedder: embedder.map(|embedder| embedder.name()),
            };
            run.one(file, Split::Tune)?;
        }
    }
    Ok(if lost == 0 { Exit::Done } else { Exit::Failed })
}

/// The library of a data folder, or of the folder below it that keeps the knowledge.
fn opened(data: &Path) -> Result<Library> {
    let files =
        [data.join("knowledge"), data.to_owned()].map(|folder| folder.join("library.sqlite"));
    let Some(file) = files.iter().find(|file| file.is_file()) else {
        let message = say!(
            "{} 里没有知识库(library.sqlite)",
            "{} has no knowledge base (library.sqlite)",
            data.display()
        );
        return Err(Failure::usage("ZS-CLI-VALUE", message).field("--data"));
    };
    Library::open(file).map_err(|error| failed(&error))
}

fn tell(out: Printer, base: &str, told: &Corrected) -> Result<()> {
    if out.format() != Format::Table {
        let value = json!({
            "schema": "zhisuan.eval-qa-corrected/1", "base": base, "total": told,
        });
        return out.json(&value, out.format() == Format::Json);
    }
    out.line(&say!(
        "知识库 {}:更正过的问题 {} 题,仍然答得出 {} 题",
        "base {}: {} corrected questions, {} still answered",
        base,
        told.questions,
        told.held
    ))?;
    for lost in &told.lost {
        let (day, question, expected) = (lost.as_of, &lost.question, &lost.expected);
        out.line(&say!(
            "答不出:{}(按 {}),应当有“{}”",
            "lost: {} (as of {}), must hold \"{}\"",
            question,
            day,
            expected
        ))?;
    }
    Ok(())
}
