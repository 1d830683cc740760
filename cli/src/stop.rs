//! How a long-running role is told to stop, and where its log goes.

use crate::error::{Exit, Failure, Result};
use crate::words::{say, tr};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Sends the log to stderr. `ZHISUAN_LOG` chooses what, `ZHISUAN_LOG_FORMAT=json` how.
pub(crate) fn logging() {
    let filter = EnvFilter::try_from_env("ZHISUAN_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let json = std::env::var("ZHISUAN_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second call finds the log set already.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}

/// Waits for Ctrl-C or a polite kill.
pub(crate) async fn asked() {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => {
                terminate.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}

/// Waits for the wish to stop, or for the failure of a role, which ends the command with an error.
pub(crate) async fn asked_unless(failed: impl Future<Output = String>) -> Result<()> {
    tokio::select! {
        () = asked() => Ok(()),
        why = failed => Err(Failure::new(
            Exit::Failed,
            "ZS-ROLE-FAILED",
            say!("调度服务无法继续:{}", "the scheduler cannot go on: {}", why),
        )
        .hint(tr(
            "已确认的数据都在磁盘上,排除原因后重新启动即可",
            "everything acknowledged is on disk; remove the cause and start again",
        ))),
    }
}

/// Stops cleanly; being asked again ends the process at once.
pub(crate) async fn unless_forced(stopping: impl Future<Output = ()>) -> Result<Exit> {
    tokio::select! {
        () = stopping => Ok(Exit::Done),
        () = asked() => Ok(Exit::Interrupted),
    }
}
