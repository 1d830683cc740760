//! Starting again with a large history: after a clean stop, and from the files of a crash.

use crate::args::Args;
use crate::centre::{Centre, LIVE, connect, count, noop};
use crate::noop::NoopWorker;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use zhisuan_proto::v1;
use zhisuan_proto::v1::jobs_client::JobsClient;
use zhisuan_scheduler::Role;

/// Runs the bench.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    let finished = args.number("finished", 100_000)?;
    let waiting = args.number("waiting", 10_000)?;
    let rounds = args.number("rounds", 5)?;
    let workers = args.number("workers", 32)?;
    let folder = tempfile::tempdir()?;
    let crashed = tempfile::tempdir()?;
    let centre = Centre::start(folder.path()).await?;
    fill(&centre, finished, waiting, workers).await?;
    // Nothing is being written: the copy is what a power cut would have left.
    copy(folder.path(), crashed.path())?;
    centre.stop().await;
    let mut clean = Vec::new();
    let mut crash = Vec::new();
    for _ in 0..rounds {
        clean.push(restart(folder.path(), waiting as u64).await?);
        let again = tempfile::tempdir()?;
        copy(crashed.path(), again.path())?;
        crash.push(restart(again.path(), waiting as u64).await?);
    }
    let rows = vec![
        Row::new("start to first answer, after a clean stop", "ms", clean),
        Row::new("start to first answer, after a crash", "ms", crash),
    ];
    let note = format!(
        "{finished} finished and {waiting} waiting jobs made through gRPC with {workers} noop workers; the first answer lists the waiting jobs"
    );
    Ok(Report::new("restart", note, rows))
}

/// Runs `finished` jobs, then drains every node and leaves `waiting` more in the queue.
async fn fill(centre: &Centre, finished: usize, waiting: usize, workers: usize) -> Result<()> {
    let names: Vec<String> = (0..workers).map(|index| format!("noop-{index}")).collect();
    let mut fleet = Vec::new();
    for name in &names {
        fleet.push(NoopWorker::start(centre.workers().await?, name, None).await?);
    }
    let mut jobs = centre.jobs().await?;
    submit(&mut jobs, finished).await?;
    let deadline = Instant::now() + Duration::from_mins(20);
    while count(&mut jobs, &LIVE).await? > 0 {
        let broken = fleet.iter().any(NoopWorker::broken);
        ensure!(!broken, "a noop worker's session broke");
        ensure!(
            Instant::now() < deadline,
            "jobs did not end within twenty minutes"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut nodes = centre.nodes().await?;
    for node in names {
        let drain = v1::DrainRequest { node, drain: true };
        nodes.drain(drain).await?;
    }
    submit(&mut jobs, waiting).await?;
    let queued = count(&mut jobs, &[v1::JobState::Queued]).await?;
    ensure!(queued == waiting as u64, "{queued} of {waiting} jobs wait");
    Ok(())
}

async fn submit(jobs: &mut JobsClient<crate::centre::Api>, total: usize) -> Result<()> {
    let mut left = total;
    while left > 0 {
        let size = left.min(500);
        left -= size;
        let specs = (0..size).map(|_| noop("noop")).collect();
        let request = v1::SubmitRequest {
            specs,
            ..v1::SubmitRequest::default()
        };
        jobs.submit(request).await?;
    }
    Ok(())
}

/// Milliseconds from the call of `start` to an answer that proves that the state is there.
async fn restart(folder: &Path, waiting: u64) -> Result<f64> {
    let begin = Instant::now();
    let handle = Centre::scheduler(folder).await?;
    let key = handle.internal_key(Role::Operator);
    let mut jobs = JobsClient::new(connect(&handle, &key).await?);
    let queued = count(&mut jobs, &[v1::JobState::Queued]).await?;
    let time = begin.elapsed();
    handle.shutdown().await;
    ensure!(
        queued == waiting,
        "{queued} of {waiting} jobs wait after the restart"
    );
    Ok(time.as_secs_f64() * 1000.0)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)
                .with_context(|| format!("cannot copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}
