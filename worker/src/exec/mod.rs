//! Executors: what a task does once it is assigned. Each is an async function of a [`Context`];
//! this file holds what they share and the frame that ends every one of them on time.

mod batch;
mod command;
mod context;
mod engine;
pub(crate) mod leftovers;
mod memory;
mod outputs;
mod prepare;
mod serve;
mod train;

pub(crate) use context::{
    Context, Finish, NodeFacts, StopOrder, StopSignal, TaskEvent, TaskEvents,
};

use crate::lease::Outcome;
use std::time::Duration;
use tokio_util::task::TaskTracker;
use zhisuan_proto::v1::job_spec::Work;

/// After the grace an executor has this long to return before it is given up.
const SLACK: Duration = Duration::from_secs(5);

/// Why a task failed: a stable code and words for people.
#[derive(Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct ExecError {
    pub(crate) code: String,
    pub(crate) message: String,
    /// The task was asked to stop before it had done anything.
    pub(crate) stopped: bool,
}

impl ExecError {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
            stopped: false,
        }
    }

    /// A stop arrived while the task was being prepared.
    pub(crate) fn stopped() -> Self {
        Self {
            code: String::new(),
            message: "任务在准备阶段被停止".into(),
            stopped: true,
        }
    }
}

/// Runs the task to its end: a panic is a failure, and work that does not end within its grace is
/// given up.
pub(crate) async fn run(context: Context) -> Finish {
    let (stop, blocking) = (context.stop.clone(), context.blocking.clone());
    let folder = context.folder.clone();
    let log = context.log.clone();
    let finish = Box::pin(to_the_end(dispatch(context), stop, blocking, SLACK)).await;
    if finish.outcome == Outcome::Failed {
        log.line(&format!("[zhisuan] {}: {}", finish.code, finish.message));
    }
    leftovers::forget(&folder);
    if let Err(error) = tokio::fs::remove_dir_all(&folder).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, folder = %folder.display(), "cannot remove a working folder");
    }
    finish
}

/// How `work` ended. Returns only when nothing computes for it any more: an async task can be
/// aborted, a blocking thread cannot, and whoever hears of the end gives its cores away.
async fn to_the_end(
    work: impl Future<Output = Result<Finish, ExecError>> + Send + 'static,
    mut stop: StopSignal,
    blocking: TaskTracker,
    slack: Duration,
) -> Finish {
    let mut work = tokio::spawn(Box::pin(work));
    let joined = tokio::select! {
        joined = &mut work => joined,
        () = stop.past_deadline(slack) => {
            work.abort();
            (&mut work).await
        }
    };
    blocking.close();
    blocking.wait().await;
    match joined {
        Ok(Ok(finish)) => finish,
        Ok(Err(error)) => failure(error),
        Err(error) if error.is_cancelled() => Finish {
            message: "任务没有在宽限时间内结束，已强制终止".into(),
            ..Finish::of(Outcome::Stopped)
        },
        Err(error) => {
            tracing::error!(%error, "executor panicked");
            failure(ExecError::new(
                "ZS-WORKER-PANIC",
                "执行器内部错误，请把节点日志交给运维",
            ))
        }
    }
}

fn failure(error: ExecError) -> Finish {
    let outcome = if error.stopped {
        Outcome::Stopped
    } else {
        Outcome::Failed
    };
    Finish {
        code: error.code,
        message: error.message,
        ..Finish::of(outcome)
    }
}

async fn dispatch(context: Context) -> Result<Finish, ExecError> {
    context.make_folder().await?;
    if context.node.simulated {
        context
            .log
            .line("[zhisuan] 本节点的设备是模拟的，没有真实加速器 (SIMULATED devices)");
    }
    let work = context
        .assign
        .spec
        .as_ref()
        .and_then(|spec| spec.work.clone());
    match work {
        Some(Work::Command(work)) => Box::pin(command::run(context, work)).await,
        Some(Work::Batch(work)) => Box::pin(batch::run(context, work)).await,
        Some(Work::Serve(work)) => Box::pin(serve::run(context, work)).await,
        Some(Work::Train(work)) => Box::pin(train::run(context, work)).await,
        None => Err(ExecError::new(
            "ZS-WORK-UNKNOWN",
            "任务没有写明做什么，或本节点的版本不认识这种工作",
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::{Finish, Outcome, StopOrder, StopSignal, to_the_end};
    use crate::lease::StopReason;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;
    use tokio::time::Instant;
    use tokio_util::task::TaskTracker;

    #[tokio::test]
    async fn work_that_is_given_up_ends_with_its_last_thread() {
        let (order, stop) = StopSignal::channel();
        let (blocking, done) = (TaskTracker::new(), Arc::new(AtomicBool::new(false)));
        let thread = blocking.spawn_blocking({
            let done = Arc::clone(&done);
            move || {
                std::thread::sleep(Duration::from_millis(300));
                done.store(true, Ordering::SeqCst);
            }
        });
        order.send_replace(Some(StopOrder {
            reason: StopReason::Shutdown,
            deadline: Instant::now(),
        }));
        let work = async move {
            thread.await.unwrap();
            // The grace has long passed.
            std::future::pending::<()>().await;
            Ok(Finish::of(Outcome::Succeeded))
        };
        let finish = to_the_end(work, stop, blocking, Duration::ZERO).await;
        assert_eq!(finish.outcome, Outcome::Stopped);
        assert!(done.load(Ordering::SeqCst), "the thread still computes");
    }
}
