//! Orders in one line, and following a task to its end.

use super::scheduler::Session;
use std::time::Duration;
use zhisuan_proto::v1::job_spec::Work;
use zhisuan_proto::v1::scheduler_message::Message as Order;
use zhisuan_proto::v1::worker_message::Message as Report;
use zhisuan_proto::v1::{Assign, CommandWork, JobSpec, Stop, TaskEnded, TaskRef};

/// The only task of a job's first attempt.
pub(crate) fn task(job_id: u64, epoch: u64) -> TaskRef {
    TaskRef {
        job_id,
        attempt: 1,
        task: 0,
        epoch,
    }
}

/// An assignment of any work.
pub(crate) fn assign(task: TaskRef, work: Work) -> Assign {
    Assign {
        task: Some(task),
        spec: Some(JobSpec {
            name: "test".into(),
            work: Some(work),
            ..JobSpec::default()
        }),
        tenant: "tenant-a".into(),
        log_limit_bytes: 100_000,
        ..Assign::default()
    }
}

/// A shell command.
pub(crate) fn shell(script: &str) -> CommandWork {
    CommandWork {
        argv: vec!["/bin/sh".into(), "-c".into(), script.into()],
        ..CommandWork::default()
    }
}

/// An assignment of a shell command.
pub(crate) fn command(task: TaskRef, script: &str) -> Order {
    Order::Assign(assign(task, Work::Command(shell(script))))
}

/// A stop as the scheduler sends it.
pub(crate) fn stop(task: TaskRef, grace_ms: u32) -> Order {
    Order::Stop(Stop {
        task: Some(task),
        reason: "cancelled".into(),
        grace_ms,
    })
}

/// Everything that a task said until its end.
#[derive(Default)]
pub(crate) struct Story {
    pub(crate) started: u32,
    pub(crate) log: String,
    /// Bytes missing between the pieces.
    pub(crate) dropped: u64,
    pub(crate) progress: Vec<String>,
    pub(crate) ended: TaskEnded,
    next_offset: u64,
}

impl Story {
    /// Takes one report; true at the end.
    pub(crate) fn take(&mut self, report: Report) -> bool {
        match report {
            Report::Started(_) => self.started += 1,
            Report::Log(log) => {
                assert!(log.offset >= self.next_offset, "log bytes came twice");
                self.dropped += log.offset - self.next_offset;
                self.next_offset = log.offset + log.data.len() as u64;
                self.log.push_str(&String::from_utf8_lossy(&log.data));
            }
            Report::Progress(progress) => self.progress.push(progress.text),
            Report::Ended(ended) => {
                self.ended = ended;
                return true;
            }
            _ => {}
        }
        false
    }

    /// Goes on until the log holds `word`.
    pub(crate) async fn until_log(&mut self, session: &mut Session, word: &str) {
        while !self.log.contains(word) {
            let ended = self.take(session.report().await);
            assert!(!ended, "ended early: {:?}\n{}", self.ended, self.log);
        }
    }

    /// Goes on to the end.
    pub(crate) async fn until_end(mut self, session: &mut Session) -> Self {
        while !self.take(session.report().await) {}
        self
    }
}

/// Follows the only running task to its end.
pub(crate) async fn follow(session: &mut Session) -> Story {
    Story::default().until_end(session).await
}

/// Whether a process exists and is not a zombie.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|text| !text.contains(") Z "))
}

/// Waits until a process is gone.
pub(crate) async fn wait_for_death(pid: &str) {
    for _ in 0..200 {
        if !is_alive(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("process {pid} lives on");
}
