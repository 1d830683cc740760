//! Watching jobs to their end, through broken connections.

use crate::client::Client;
use crate::error::{Exit, Failure, Result};
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::views;
use crate::words::{say, tr};
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};
use zhisuan_proto::v1::{Job, ListJobsRequest, LogsRequest, Page, WatchJobRequest};

/// Tries to come back after a broken stream.
const TRIES: u32 = 10;
/// Pause between tries.
const PAUSE: Duration = Duration::from_secs(1);

/// A job's number from what the user typed.
pub(crate) async fn job_id(client: &Client, typed: &str) -> Result<u64> {
    if typed == "last" {
        let request = ListJobsRequest {
            page: Some(Page {
                limit: 1,
                token: String::new(),
            }),
            ..ListJobsRequest::default()
        };
        let newest = client.jobs().list(request).await?.into_inner();
        return newest.jobs.first().map(|job| job.id).ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                "ZS-CLI-NO-JOBS",
                tr(
                    "还没有作业,所以没有 last",
                    "there are no jobs yet, so there is no last one",
                ),
            )
            .hint(tr(
                "先用 zhisuan submit 提交一个",
                "submit one with zhisuan submit",
            ))
        });
    }
    typed.parse().map_err(|_| {
        Failure::usage(
            "ZS-CLI-JOB",
            say!(
                "\"{}\" 不是作业号",
                "\"{}\" is not the number of a job",
                typed
            ),
        )
        .hint(tr("作业号是整数,或 last", "a number, or last"))
    })
}

/// Follows a job until it has ended; tells every change. `deadline` ends the wait with exit code 8.
pub(crate) async fn to_end(
    client: &Client,
    id: u64,
    deadline: Option<Instant>,
    mut changed: impl FnMut(&Job),
) -> Result<Job> {
    let watch = async {
        let mut left = TRIES;
        loop {
            match once(client, id, &mut changed).await {
                Ok(Some(job)) => return Ok(job),
                // The stream closed before the end: the server is going down or a proxy gave up.
                Ok(None) if left > 0 => {}
                Err(status) if retryable(&status) && left > 0 => {}
                Ok(None) => return Err(Status::unavailable("the stream ended early").into()),
                Err(status) => return Err(Failure::from(status)),
            }
            left -= 1;
            tokio::time::sleep(PAUSE).await;
        }
    };
    match deadline {
        None => watch.await,
        Some(at) => tokio::time::timeout_at(at, watch)
            .await
            .unwrap_or_else(|_| Err(pending(id))),
    }
}

/// One stream; `None` when it closed before the job ended.
async fn once(
    client: &Client,
    id: u64,
    changed: &mut impl FnMut(&Job),
) -> Result<Option<Job>, Status> {
    let request = WatchJobRequest { job_id: id };
    let mut stream = client.jobs().watch(request).await?.into_inner();
    while let Some(job) = stream.message().await? {
        changed(&job);
        if views::job::outcome(job.state()).is_some() {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

fn retryable(status: &Status) -> bool {
    // A refused connection at the first try is told at once: its own error says so.
    matches!(status.code(), Code::Unavailable | Code::Cancelled) && !is_refused(status)
}

fn is_refused(status: &Status) -> bool {
    let mut source = std::error::Error::source(status);
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        source = error.source();
    }
    false
}

fn pending(id: u64) -> Failure {
    Failure::new(
        Exit::Pending,
        "ZS-CLI-PENDING",
        say!("作业 {} 还没有结束", "job {} has not ended yet", id),
    )
    .hint(say!("运行 zhisuan why {} 看原因", "see zhisuan why {}", id))
}

/// Copies a job's log to stdout; with `follow`, until the job ends.
pub(crate) async fn logs(client: &Client, request: LogsRequest, out: Printer) -> Result<()> {
    let mut stream = client.jobs().logs(request).await?.into_inner();
    while let Some(chunk) = stream.message().await? {
        dropped(out, chunk.dropped_bytes);
        out.raw(&chunk.data)?;
    }
    Ok(())
}

/// Says that the log has a gap.
pub(crate) fn dropped(out: Printer, bytes: u64) {
    if bytes > 0 {
        out.note(&say!(
            "(日志超过上限,丢弃了 {} 字节)",
            "(the log is over its limit: {} bytes were dropped)",
            bytes
        ));
    }
}

/// Waits with a spinner; returns the job as it ended.
pub(crate) async fn with_spinner(
    client: &Client,
    id: u64,
    deadline: Option<Instant>,
    out: Printer,
) -> Result<Job> {
    let waiting = say!("等待作业 {}", "waiting for job {}", id);
    let mut progress = Progress::spinner(out, &waiting);
    to_end(client, id, deadline, |job| {
        progress.set(&views::job::line(job));
    })
    .await
}
