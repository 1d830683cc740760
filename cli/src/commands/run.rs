//! `zhisuan run`: submit, follow the log, and leave with the job's outcome.

use super::{Context, submit};
use crate::args::RunArgs;
use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::follow;
use crate::job_spec;
use crate::output::{Document, Format, Printer};
use crate::units;
use crate::views;
use crate::words::{say, tr};
use std::time::Duration;
use zhisuan_proto::v1::{CancelJobRequest, Job, JobState, LogsRequest};

/// How long a second Ctrl-C still cancels the job.
const SECOND_PRESS: Duration = Duration::from_secs(2);

pub(super) async fn run(context: &Context, args: RunArgs) -> Result<Exit> {
    let job = submit::job_of(args.file.as_deref(), &args.flags)?;
    let prepared = job_spec::prepare(&job)?;
    let client = context.client(super::quote::caller(&args.flags))?;
    let answer = submit::send(context, &client, &[prepared], &args.flags, None).await?;
    let id = answer.job_ids.first().copied().unwrap_or_default();
    let out = context.out;
    out.note(&say!("作业 {}", "job {}", id));
    tokio::select! {
        ended = follow_all(&client, id, out) => finish(out, &ended?),
        _ = tokio::signal::ctrl_c() => detach(&client, id, out).await,
    }
}

/// The log as it comes, and the job at its end.
async fn follow_all(client: &Client, id: u64, out: Printer) -> Result<Job> {
    if out.format().is_machine() {
        return follow::to_end(client, id, None, |_| {}).await;
    }
    let request = LogsRequest {
        job_id: id,
        follow: true,
        ..LogsRequest::default()
    };
    let mut said = String::new();
    let watch = follow::to_end(client, id, None, |job| {
        // The log speaks for a running job; before and after, the state does.
        let line = views::job::line(job);
        if job.state() != JobState::Running && line != said {
            out.note(&line);
            said = line;
        }
    });
    let (logs, ended) = tokio::join!(follow::logs(client, request, out), watch);
    let ended = ended?;
    match logs {
        // A closed stdout ends the command; other gaps in the log do not change the outcome.
        Err(failure) if failure.is_silent() => Err(failure),
        Err(failure) => {
            out.note(&say!(
                "日志没有取全:{}",
                "the log is not complete: {}",
                failure
            ));
            Ok(ended)
        }
        Ok(()) => Ok(ended),
    }
}

fn finish(out: Printer, job: &Job) -> Result<Exit> {
    let exit = views::job::outcome(job.state()).unwrap_or(Exit::Pending);
    if out.format() != Format::Table {
        out.document(Document {
            schema: "zhisuan.job/1",
            value: views::job::json(job),
            tables: Vec::new(),
            name: job.id.to_string(),
        })?;
        return Ok(exit);
    }
    if exit == Exit::Done {
        super::outputs::hint(out, job);
    }
    let charged = units::yuan(job.charged_micro);
    out.note(&match views::job::program_exit(job) {
        Some(code) => say!(
            "费用 {} 元;程序的退出码 {}",
            "charged {} CNY; the program's exit code was {}",
            charged,
            code
        ),
        None => say!("费用 {} 元", "charged {} CNY", charged),
    });
    Ok(exit)
}

/// The first Ctrl-C leaves the job alone, a second one soon after cancels it.
async fn detach(client: &Client, id: u64, out: Printer) -> Result<Exit> {
    out.note(&say!(
        "\n已离开,作业 {} 继续运行;用 zhisuan logs -f {} 回来。再按一次 Ctrl-C 取消作业",
        "\nleft; job {} goes on; come back with zhisuan logs -f {}. Ctrl-C again cancels the job",
        id,
        id
    ));
    let second = tokio::time::timeout(SECOND_PRESS, tokio::signal::ctrl_c()).await;
    if second.is_ok() {
        client
            .jobs()
            .cancel(CancelJobRequest { job_id: id })
            .await?;
        out.note(tr("已要求取消", "asked to cancel"));
    }
    Err(Failure::silent(Exit::Interrupted))
}
