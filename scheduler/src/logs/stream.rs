//! A reader's way through a log: kept bytes in order, with the gaps counted where they are.

use super::entry::read_block;
use super::handle::{LogError, LogTask, Seen, on_disk};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use std::path::PathBuf;
use tokio::sync::watch;
use zhisuan_proto::v1::LogChunk;

/// Where a reader is.
pub(super) struct Cursor {
    task: LogTask,
    path: PathBuf,
    position: u64,
    /// Gaps already told, or before the start.
    told: usize,
    seen: watch::Receiver<Seen>,
    follow: bool,
    over: bool,
}

/// What a reader does next.
enum Step {
    Read {
        start: u64,
        end: u64,
        dropped: u64,
    },
    /// Everything is told; the gap at the end, if any, is this long.
    End {
        dropped: u64,
    },
    Wait,
}

impl Cursor {
    pub(super) fn new(
        task: LogTask,
        path: PathBuf,
        position: u64,
        seen: watch::Receiver<Seen>,
        follow: bool,
    ) -> Self {
        let told = seen
            .borrow()
            .index
            .gaps
            .iter()
            .filter(|gap| gap.at < position)
            .count();
        Self {
            task,
            path,
            position,
            told,
            seen,
            follow,
            over: false,
        }
    }

    fn step(&mut self) -> Step {
        let seen = self.seen.borrow_and_update();
        let mut dropped = 0_u64;
        let at_end = self.position >= seen.kept;
        let finished = seen.index.closed || !self.follow;
        // The gap at the very end may still grow: it is told with what follows it, or last.
        if !at_end || finished {
            while let Some(gap) = seen
                .index
                .gaps
                .get(self.told)
                .filter(|gap| gap.at <= self.position)
            {
                dropped = dropped.saturating_add(gap.bytes);
                self.told += 1;
            }
        }
        if !at_end {
            let next_gap = seen
                .index
                .gaps
                .get(self.told)
                .map_or(seen.kept, |gap| gap.at);
            return Step::Read {
                start: self.position,
                end: next_gap.min(seen.kept),
                dropped,
            };
        }
        if finished {
            Step::End { dropped }
        } else {
            Step::Wait
        }
    }

    async fn next(&mut self) -> Option<Result<LogChunk, LogError>> {
        while !self.over {
            match self.step() {
                Step::Read {
                    start,
                    end,
                    dropped,
                } => {
                    let path = self.path.clone();
                    let read = on_disk(self.task, move || read_block(&path, start, end)).await;
                    let data = match read {
                        Ok(data) if !data.is_empty() => data,
                        // Shorter than it was: somebody cut the file. There is nothing to go on with.
                        Ok(_) => return None,
                        Err(error) => {
                            self.over = true;
                            return Some(Err(error));
                        }
                    };
                    self.position += data.len() as u64;
                    return Some(Ok(LogChunk {
                        data,
                        dropped_bytes: dropped,
                    }));
                }
                Step::End { dropped } => {
                    self.over = true;
                    let last = LogChunk {
                        data: Vec::new(),
                        dropped_bytes: dropped,
                    };
                    return (dropped > 0).then_some(Ok(last));
                }
                // The writer is gone without closing when the process goes down.
                Step::Wait => self.over = self.seen.changed().await.is_err(),
            }
        }
        None
    }
}

pub(super) fn chunks(cursor: Cursor) -> BoxStream<'static, Result<LogChunk, LogError>> {
    stream::unfold(cursor, |mut cursor| async move {
        cursor.next().await.map(|chunk| (chunk, cursor))
    })
    .boxed()
}
