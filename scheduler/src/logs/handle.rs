//! The logs of all tasks: one handle, cheap to clone.

use super::entry::{Entry, Index};
use super::stream::{self, Cursor};
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use zhisuan_proto::v1::LogChunk;

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LogTask {
    pub(crate) job: u64,
    /// 1 for the first try.
    pub(crate) attempt: u32,
    /// 0 for the first task.
    pub(crate) task: u32,
}

/// The disk failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// Reading or writing.
    #[error("the log of job {} attempt {} task {} cannot be read or written: {source}", .task.job, .task.attempt, .task.task)]
    Io {
        /// Which log.
        task: LogTask,
        /// Why.
        source: std::io::Error,
    },
    /// The process is going down.
    #[error("log work was cut short: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

impl From<LogError> for tonic::Status {
    fn from(error: LogError) -> Self {
        crate::words::Problem::internal("logs", &error).status()
    }
}

/// What readers are told of a log.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) kept: u64,
    pub(super) index: Index,
}

/// A log that somebody writes or waits for.
pub(super) struct Live {
    entry: Mutex<Entry>,
    pub(super) seen: watch::Sender<Seen>,
}

impl Live {
    pub(super) fn new(entry: Entry) -> Self {
        let seen = Seen {
            kept: entry.kept,
            index: entry.index.clone(),
        };
        Self {
            entry: Mutex::new(entry),
            seen: watch::Sender::new(seen),
        }
    }

    fn change(&self, work: impl FnOnce(&mut Entry) -> std::io::Result<()>) -> std::io::Result<()> {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let done = work(&mut entry);
        self.seen.send_modify(|seen| {
            seen.kept = entry.kept;
            if seen.index != entry.index {
                seen.index.clone_from(&entry.index);
            }
        });
        done
    }

    pub(super) fn tail(&self, lines: u32) -> std::io::Result<u64> {
        self.entry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tail(lines)
    }
}

struct Inner {
    folder: PathBuf,
    limit_bytes: u64,
    live: Mutex<HashMap<LogTask, Arc<Live>>>,
}

/// Handle to the logs under `<data_dir>/logs`.
#[derive(Clone)]
pub(crate) struct Logs(Arc<Inner>);

impl Logs {
    /// Keeps the first `limit_bytes` bytes of every task's log; later ones are counted, not kept.
    pub(crate) fn open(data_dir: &Path, limit_bytes: u64) -> Self {
        Self(Arc::new(Inner {
            folder: data_dir.join("logs"),
            limit_bytes,
            live: Mutex::new(HashMap::new()),
        }))
    }

    /// Adds bytes whose first has position `offset` in the task's output. Bytes that were there
    /// before are ignored. Calls for one task must come one after the other.
    pub(crate) async fn append(
        &self,
        task: LogTask,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<(), LogError> {
        let live = self.live(task).await?;
        on_disk(task, move || {
            live.change(|entry| entry.append(offset, &data))
        })
        .await
    }

    /// No more bytes will come: followers end. A log that nobody writes or follows has nothing to
    /// close, so the end of a silent task costs no disk.
    pub(crate) async fn close(&self, task: LogTask) -> Result<(), LogError> {
        let known = self.all().get(&task).cloned();
        let Some(live) = known else { return Ok(()) };
        on_disk(task, move || live.change(Entry::close)).await?;
        self.all().remove(&task);
        Ok(())
    }

    /// What is kept now, or its last lines (0 means all).
    pub(crate) async fn read(
        &self,
        task: LogTask,
        tail_lines: u32,
    ) -> Result<Vec<LogChunk>, LogError> {
        self.stream(task, tail_lines, false)
            .await?
            .try_collect()
            .await
    }

    /// What is kept and everything that comes, until [`Logs::close`]. Only for tasks that have
    /// not ended: of a task that never writes and is never closed, it never ends.
    pub(crate) async fn follow(
        &self,
        task: LogTask,
        tail_lines: u32,
    ) -> Result<BoxStream<'static, Result<LogChunk, LogError>>, LogError> {
        self.stream(task, tail_lines, true).await
    }

    async fn stream(
        &self,
        task: LogTask,
        tail_lines: u32,
        follow: bool,
    ) -> Result<BoxStream<'static, Result<LogChunk, LogError>>, LogError> {
        let live = if follow {
            self.live(task).await?
        } else {
            self.look(task).await?
        };
        let looked = Arc::clone(&live);
        let start = on_disk(task, move || looked.tail(tail_lines)).await?;
        let cursor = Cursor::new(task, self.path(task), start, live.seen.subscribe(), follow);
        // A log that nobody else holds ends its channel here: the cursor has seen all there is.
        Ok(stream::chunks(cursor))
    }

    /// The log as something that changes; it is forgotten when it is closed.
    async fn live(&self, task: LogTask) -> Result<Arc<Live>, LogError> {
        let known = self.all().get(&task).cloned();
        if let Some(live) = known {
            return Ok(live);
        }
        let found = self.look(task).await?;
        if found.seen.borrow().index.closed {
            return Ok(found);
        }
        Ok(Arc::clone(self.all().entry(task).or_insert(found)))
    }

    /// The log as it is, without keeping it in memory.
    async fn look(&self, task: LogTask) -> Result<Arc<Live>, LogError> {
        let known = self.all().get(&task).cloned();
        if let Some(live) = known {
            return Ok(live);
        }
        let (path, limit) = (self.path(task), self.0.limit_bytes);
        let entry = on_disk(task, move || Entry::open(path, limit)).await?;
        Ok(Arc::new(Live::new(entry)))
    }

    fn path(&self, task: LogTask) -> PathBuf {
        let name = format!("{}.{}.log", task.attempt, task.task);
        self.0.folder.join(task.job.to_string()).join(name)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<LogTask, Arc<Live>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs what blocks on the disk.
pub(super) async fn on_disk<T: Send + 'static>(
    task: LogTask,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, LogError> {
    let done = tokio::task::spawn_blocking(work).await?;
    done.map_err(|source| LogError::Io { task, source })
}
