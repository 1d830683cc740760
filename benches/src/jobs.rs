//! No-op jobs end to end: accepted on disk, planned, ordered, started, ended, charged.

use crate::args::Args;
use crate::centre::{Centre, LIVE, count, noop};
use crate::noop::NoopWorker;
use crate::report::{Report, Row};
use anyhow::{Result, bail, ensure};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use zhisuan_proto::v1;

struct Plan {
    jobs: usize,
    submitters: usize,
    workers: usize,
}

/// Runs the bench.
pub(crate) async fn run(args: &Args) -> Result<Report> {
    let plan = Plan {
        jobs: args.number("jobs", 20_000)?,
        submitters: args.number("submitters", 32)?,
        workers: args.number("workers", 16)?,
    };
    let batch = args.number("batch", 100)?;
    let tries = args.number("latency", 500)?;
    let mut rows = Vec::new();
    for size in [1, batch] {
        let mut accepted = Vec::new();
        let mut finished = Vec::new();
        for _ in 0..args.number("rounds", 3)? {
            let (submit, end) = throughput(&plan, size).await?;
            accepted.push(submit);
            finished.push(end);
        }
        let how = format!("{} submitters, {size} per call", plan.submitters);
        rows.push(Row::new(
            format!("accepted on disk, {how}"),
            "jobs/s",
            accepted,
        ));
        rows.push(Row::new(format!("end to end, {how}"), "jobs/s", finished));
    }
    rows.extend(latency(tries).await?);
    let note = format!(
        "real scheduler, SQLite, gRPC on one machine; {} noop workers report started and ended at once",
        plan.workers
    );
    Ok(Report::new("jobs", note, rows))
}

/// Jobs per second: until all are accepted, and until all have ended.
async fn throughput(plan: &Plan, batch: usize) -> Result<(f64, f64)> {
    let folder = tempfile::tempdir()?;
    let centre = Centre::start(folder.path()).await?;
    let mut workers = Vec::new();
    for index in 0..plan.workers {
        let name = format!("noop-{index}");
        workers.push(NoopWorker::start(centre.workers().await?, &name, None).await?);
    }
    let mut clients = Vec::new();
    for _ in 0..plan.submitters {
        clients.push(centre.jobs().await?);
    }
    let share = plan.jobs.div_ceil(plan.submitters);
    let begin = Instant::now();
    let submitters = clients.into_iter().map(|mut jobs| {
        tokio::spawn(async move {
            let mut left = share;
            while left > 0 {
                let size = batch.min(left);
                left -= size;
                let specs = (0..size).map(|_| noop("noop")).collect();
                let request = v1::SubmitRequest {
                    specs,
                    ..v1::SubmitRequest::default()
                };
                jobs.submit(request).await?;
            }
            Ok::<(), tonic::Status>(())
        })
    });
    for submitter in futures::future::join_all(submitters).await {
        submitter??;
    }
    let accepted = begin.elapsed();
    let total = (share * plan.submitters) as u64;
    until_ended(&centre, &workers, total).await?;
    let ended = begin.elapsed();
    centre.stop().await;
    let rate = |time: Duration| total as f64 / time.as_secs_f64();
    Ok((rate(accepted), rate(ended)))
}

/// Waits until the scheduler itself says that every job has ended well.
async fn until_ended(centre: &Centre, workers: &[NoopWorker], total: u64) -> Result<()> {
    let mut jobs = centre.jobs().await?;
    let deadline = Instant::now() + Duration::from_mins(10);
    loop {
        ensure!(
            !workers.iter().any(NoopWorker::broken),
            "a noop worker's session broke"
        );
        ensure!(
            Instant::now() < deadline,
            "jobs did not end within ten minutes"
        );
        let reported: u64 = workers.iter().map(NoopWorker::ended).sum();
        if reported >= total && count(&mut jobs, &LIVE).await? == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let good = count(&mut jobs, &[v1::JobState::Succeeded]).await?;
    ensure!(good == total, "{good} of {total} jobs succeeded");
    Ok(())
}

/// One job at a time with an idle worker, milliseconds.
async fn latency(tries: usize) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let centre = Centre::start(folder.path()).await?;
    let (arrivals, mut orders) = mpsc::unbounded_channel();
    let worker = NoopWorker::start(centre.workers().await?, "noop-0", Some(arrivals)).await?;
    let mut jobs = centre.jobs().await?;
    let [mut accepted, mut ordered, mut ended] = [const { Vec::new() }; 3];
    for _ in 0..tries {
        let begin = Instant::now();
        let since = |at: Instant| at.duration_since(begin).as_secs_f64() * 1000.0;
        let specs = vec![noop("noop")];
        let request = v1::SubmitRequest {
            specs,
            ..v1::SubmitRequest::default()
        };
        let job_id = jobs.submit(request).await?.into_inner().job_ids[0];
        accepted.push(since(Instant::now()));
        let Some(arrival) = orders.recv().await else {
            bail!("the noop worker's session broke");
        };
        ensure!(arrival.job == job_id, "an order for another job");
        ordered.push(since(arrival.at));
        let mut changes = jobs
            .watch(v1::WatchJobRequest { job_id })
            .await?
            .into_inner();
        while changes.message().await?.is_some() {}
        ended.push(since(Instant::now()));
    }
    drop(worker);
    centre.stop().await;
    Ok(vec![
        Row::new("submit to accepted on disk", "ms", accepted),
        Row::new("submit to the order at an idle worker", "ms", ordered),
        Row::new("submit to the end seen by the client", "ms", ended),
    ])
}
