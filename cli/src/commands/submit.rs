//! `zhisuan submit`: jobs from files or from one line; the numbers go to stdout, the rest to stderr.

use super::{Context, quote};
use crate::args::{JobFlags, SubmitArgs};
use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::job_file::{self, CommandTable, JobFile, Number};
use crate::job_spec::{self, Prepared};
use crate::output::Format;
use crate::units;
use crate::upload;
use crate::words::{say, tr};
use serde_json::json;
use std::path::Path;
use zhisuan_proto::v1::{SubmitRequest, SubmitResponse};

pub(super) async fn run(context: &Context, args: SubmitArgs) -> Result<Exit> {
    let flags = &args.flags;
    let jobs = match args.files.as_slice() {
        [] => vec![job_of(None, flags)?],
        files => files
            .iter()
            .map(|file| job_of(Some(file), flags))
            .collect::<Result<_>>()?,
    };
    let prepared: Vec<Prepared> = jobs.iter().map(job_spec::prepare).collect::<Result<_>>()?;
    if args.dry_run {
        return match prepared.as_slice() {
            [job] => quote::show(context, job, flags).await,
            _ => Err(Failure::usage(
                "ZS-CLI-DRY-RUN",
                tr(
                    "--dry-run 一次只算一个作业",
                    "--dry-run prices one job at a time",
                ),
            )),
        };
    }
    let client = context.client(quote::caller(flags))?;
    let answer = send(context, &client, &prepared, flags, args.idempotency_key).await?;
    let out = context.out;
    if out.format().is_machine() {
        let value = json!({
            "schema": "zhisuan.submission/1",
            "job_ids": answer.job_ids,
            "held_micro": answer.held_micro,
        });
        out.json(&value, out.format() == Format::Json)?;
        return Ok(Exit::Done);
    }
    for id in &answer.job_ids {
        out.line(&id.to_string())?;
    }
    out.note(&say!(
        "已提交,预扣 {} 元;用 zhisuan logs -f last 看日志",
        "submitted, {} CNY held; follow with zhisuan logs -f last",
        units::yuan(answer.held_micro)
    ));
    Ok(Exit::Done)
}

/// Uploads the jobs' files and submits all jobs or none.
pub(super) async fn send(
    context: &Context,
    client: &Client,
    jobs: &[Prepared],
    flags: &JobFlags,
    idempotency_key: Option<String>,
) -> Result<SubmitResponse> {
    for job in jobs {
        upload::all(client, &job.files, context.out).await?;
    }
    let request = SubmitRequest {
        specs: jobs.iter().map(|job| job.spec.clone()).collect(),
        idempotency_key: idempotency_key.unwrap_or_default(),
        tenant: flags.tenant.clone().unwrap_or_default(),
    };
    Ok(client.jobs().submit(request).await?.into_inner())
}

/// The job of a file, of the flags, or of both.
pub(super) fn job_of(file: Option<&Path>, flags: &JobFlags) -> Result<JobFile> {
    let mut job = match file {
        Some(path) => job_file::read(path)?,
        None => JobFile::default(),
    };
    if !flags.command.is_empty() {
        // A program on the line runs instead of the file's.
        let table = job.command.get_or_insert_with(CommandTable::default);
        table.argv.clone_from(&flags.command);
    }
    overlay(&mut job, flags);
    if let Some(command) = &mut job.command {
        command.env.extend(pairs("env", &flags.env)?);
        let here = std::env::current_dir()?;
        for (name, path) in pairs("input", &flags.input)? {
            // Paths on the line start at the caller's folder, not at the file's.
            let path = here.join(path).to_string_lossy().into_owned();
            command.inputs.insert(name, path);
        }
    }
    job.node_labels.extend(pairs("label", &flags.labels)?);
    Ok(job)
}

fn overlay(job: &mut JobFile, flags: &JobFlags) {
    fn put<T: Clone>(place: &mut T, flag: Option<&T>) {
        if let Some(value) = flag {
            place.clone_from(value);
        }
    }
    let number = |flag: &Option<String>| flag.clone().map(Number);
    put(&mut job.name, flags.name.as_ref());
    put(&mut job.queue, flags.queue.as_ref());
    put(&mut job.project, flags.project.as_ref());
    put(&mut job.tasks, flags.tasks.as_ref());
    put(&mut job.time_limit, flags.time.as_ref());
    put(&mut job.priority, flags.priority.as_ref());
    put(&mut job.max_attempts, flags.max_attempts.as_ref());
    put(&mut job.max_cost, number(&flags.max_cost).as_ref());
    let resources = &mut job.resources;
    put(&mut resources.cpus, number(&flags.cpus).as_ref());
    put(&mut resources.memory, flags.memory.as_ref());
    put(&mut resources.devices, flags.devices.as_ref());
    put(&mut resources.device_kind, flags.device_kind.as_ref());
    put(
        &mut resources.device_share,
        number(&flags.device_share).as_ref(),
    );
    put(&mut resources.device_memory, flags.device_memory.as_ref());
}

/// KEY=VALUE, as often as it was given.
pub(crate) fn pairs(what: &str, given: &[String]) -> Result<Vec<(String, String)>> {
    given
        .iter()
        .map(|text| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(Failure::usage(
                "ZS-CLI-PAIR",
                say!(
                    "--{} 的值 \"{}\" 不是 KEY=VALUE",
                    "--{}: \"{}\" is not KEY=VALUE",
                    what,
                    text
                ),
            )
            .field(what)),
        })
        .collect()
}
