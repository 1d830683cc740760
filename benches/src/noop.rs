//! The noop worker: speaks the session protocol as a worker does, and reports every task as started
//! and ended at once. What it stands in for is the work itself, nothing of the scheduler.

use crate::centre::Api;
use anyhow::{Context, Result};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnboundedReceiverStream;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::workers_client::WorkersClient;
use zhisuan_proto::v1::{self, WorkerMessage};

/// When an order reached the worker.
pub(crate) struct Arrival {
    pub(crate) job: u64,
    pub(crate) at: Instant,
}

/// A worker that does nothing, until it is dropped.
pub(crate) struct NoopWorker {
    ended: Arc<AtomicU64>,
    task: JoinHandle<Result<()>>,
}

impl Drop for NoopWorker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NoopWorker {
    /// Opens a session and answers orders; `arrivals` hears of every order.
    pub(crate) async fn start(
        mut client: WorkersClient<Api>,
        name: &str,
        arrivals: Option<mpsc::UnboundedSender<Arrival>>,
    ) -> Result<Self> {
        let (reports, stream) = mpsc::unbounded_channel();
        send(&reports, Report::Register(register(name)))?;
        let stream = UnboundedReceiverStream::new(stream);
        let mut orders = client.session(stream).await?.into_inner();
        // The first order says that the node takes work.
        let first = orders.message().await?.and_then(|order| order.message);
        match first {
            Some(Order::Registered(_)) => {}
            other => anyhow::bail!("the noop worker was not registered: {other:?}"),
        }
        let ended = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&ended);
        let task = tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_secs(2));
            let mut sequence = 0;
            loop {
                tokio::select! {
                    _ = beat.tick() => {
                        sequence += 1;
                        let running = Vec::new();
                        send(&reports, Report::Heartbeat(v1::Heartbeat { sequence, running, replicas: Vec::new() }))?;
                    }
                    order = orders.message() => {
                        let order = order?.context("the scheduler closed the session")?;
                        let Some(Order::Assign(assign)) = order.message else { continue };
                        let task = assign.task.context("an order without a task")?;
                        if let Some(arrivals) = &arrivals {
                            let at = Instant::now();
                            // The bench may have stopped listening.
                            let _ = arrivals.send(Arrival { job: task.job_id, at });
                        }
                        send(&reports, Report::Started(v1::TaskStarted { task: Some(task) }))?;
                        send(&reports, ended_well(task))?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        });
        Ok(Self { ended, task })
    }

    /// Tasks that it has reported as ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Whether its session broke.
    pub(crate) fn broken(&self) -> bool {
        self.task.is_finished()
    }
}

fn send(reports: &mpsc::UnboundedSender<WorkerMessage>, report: Report) -> Result<()> {
    let message = Some(report);
    reports
        .send(WorkerMessage { message })
        .context("the session is closed")
}

fn register(name: &str) -> v1::Register {
    v1::Register {
        node: name.to_owned(),
        version: "noop worker".to_owned(),
        cpu_milli: 4_096_000,
        memory_mib: 1024 * 1024,
        work: vec!["command".to_owned()],
        ..v1::Register::default()
    }
}

fn ended_well(task: v1::TaskRef) -> Report {
    Report::Ended(v1::TaskEnded {
        task: Some(task),
        outcome: "succeeded".to_owned(),
        ..v1::TaskEnded::default()
    })
}
