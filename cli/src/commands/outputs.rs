//! `zhisuan outputs`: what a job made, listed or fetched.

use super::Context;
use crate::args::OutputsArgs;
use crate::client::Client;
use crate::config::As;
use crate::download;
use crate::error::{Exit, Failure, Result};
use crate::follow;
use crate::output::table::Table;
use crate::output::{Format, List, Printer};
use crate::units;
use crate::words::{nearest, say, tr};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use zhisuan_proto::v1::{GetArtifactRequest, GetJobRequest, Job};

/// One file that a job made.
struct Output {
    name: String,
    sha256: String,
    bytes: u64,
    /// Where it goes, when it is fetched.
    path: Option<PathBuf>,
}

pub(super) async fn run(context: &Context, args: &OutputsArgs) -> Result<Exit> {
    let client = context.client(As::Tenant)?;
    let job_id = follow::job_id(&client, &args.job).await?;
    let job = client
        .jobs()
        .get(GetJobRequest { job_id })
        .await?
        .into_inner();
    let mut outputs = Vec::new();
    for (name, sha256) in chosen(&job, &args.names)? {
        outputs.push(stat(&client, name, sha256).await?);
    }
    if let Some(folder) = &args.dir {
        // Every place is checked before the first byte is fetched.
        for output in &mut outputs {
            output.path = Some(download::place(folder, &output.name, args.force)?);
        }
        for output in &outputs {
            if let Some(path) = &output.path {
                download::one(&client, &output.sha256, output.bytes, path, context.out).await?;
            }
        }
    }
    list(context, job_id, &outputs)?;
    Ok(Exit::Done)
}

/// The outputs that were asked for, by name; all when none was named.
fn chosen(job: &Job, names: &[String]) -> Result<BTreeMap<String, String>> {
    let all: BTreeMap<String, String> = job.outputs.clone().into_iter().collect();
    if names.is_empty() {
        return Ok(all);
    }
    let find = |name: &String| match all.get(name) {
        Some(sha256) => Ok((name.clone(), sha256.clone())),
        None => Err(unknown(job.id, name, &all)),
    };
    names.iter().map(find).collect()
}

fn unknown(job_id: u64, name: &str, all: &BTreeMap<String, String>) -> Failure {
    let failure = Failure::new(
        Exit::NotFound,
        "ZS-CLI-OUTPUT",
        say!(
            "作业 {} 没有产物 \"{}\"",
            "job {} has no output \"{}\"",
            job_id,
            name
        ),
    )
    .field("name");
    match nearest(name, all.keys().map(String::as_str)) {
        Some(word) => failure.hint(say!("是否想用 {}?", "did you mean {}?", word)),
        None => failure.hint(say!(
            "用 zhisuan outputs {} 查看产物",
            "see them with zhisuan outputs {}",
            job_id
        )),
    }
}

async fn stat(client: &Client, name: String, sha256: String) -> Result<Output> {
    let request = GetArtifactRequest {
        sha256: sha256.clone(),
        offset: 0,
    };
    let artifact = client.artifacts().stat(request).await?.into_inner();
    Ok(Output {
        name,
        sha256,
        bytes: artifact.bytes,
        path: None,
    })
}

fn list(context: &Context, job_id: u64, outputs: &[Output]) -> Result<()> {
    let mut table = Table::new(&[
        tr("名称", "NAME"),
        tr("大小", "SIZE"),
        "SHA-256",
        tr("位置", "PLACE"),
    ]);
    let place = |output: &Output| {
        let path = output.path.as_ref();
        path.map(|path| path.display().to_string())
    };
    for output in outputs {
        table.row(vec![
            output.name.as_str().into(),
            units::bytes(output.bytes).into(),
            output.sha256.as_str().into(),
            place(output).unwrap_or_else(|| "-".to_owned()).into(),
        ]);
    }
    let items = outputs.iter().map(|output| {
        json!({
            "job_id": job_id,
            "name": output.name,
            "sha256": output.sha256,
            "bytes": output.bytes,
            "path": place(output),
        })
    });
    context.out.list(&List {
        schema: "zhisuan.output-list/1",
        items: items.collect(),
        total: outputs.len() as u64,
        next: String::new(),
        table,
        names: outputs.iter().map(|output| output.name.clone()).collect(),
        empty: say!("作业 {} 没有产物", "job {} has no outputs", job_id),
    })
}

/// Says how to fetch what a job made.
pub(super) fn hint(out: Printer, job: &Job) {
    if out.format() == Format::Table && !job.outputs.is_empty() {
        out.note(&say!(
            "{1} 个产物;用 zhisuan outputs {0} -d 文件夹 下载",
            "{1} outputs; fetch them with zhisuan outputs {0} -d DIR",
            job.id,
            job.outputs.len()
        ));
    }
}
