//! Putting messages on the stream: logs, reports, progress and heartbeats, never waiting.

use super::agent::{Agent, Beat};
use super::link::Link;
use super::table::TaskKey;
use crate::lease::Input;
use tokio::sync::mpsc::error::TrySendError;
use zhisuan_proto::v1::worker_message::Message;
use zhisuan_proto::v1::{Heartbeat, TaskLog, TaskProgress, WorkerMessage};

/// Heartbeats that may await an answer; the oldest is forgotten beyond that.
const MAX_BEATS: usize = 256;
/// Pieces of one task's log per round, so that a loud task does not hold up the others.
const PIECES: usize = 4;

/// The stream took it, is full for now, or is gone.
#[derive(PartialEq, Eq)]
enum Sent {
    Yes,
    Full,
}

impl Agent {
    /// Sends what the stream takes now. A full stream is tried again at the next tick.
    pub(super) fn pump(&mut self) {
        if !matches!(self.link, Link::Up { .. }) {
            return;
        }
        // Heartbeats first: a loud log must not cost the lease.
        self.pump_heartbeat();
        self.pump_logs();
        self.pump_reports();
        self.pump_progress();
    }

    fn send(&mut self, message: Message) -> Sent {
        let Link::Up { outgoing, .. } = &self.link else {
            return Sent::Full;
        };
        let message = WorkerMessage {
            message: Some(message),
        };
        match outgoing.try_send(message) {
            Ok(()) => Sent::Yes,
            Err(TrySendError::Full(_)) => Sent::Full,
            Err(TrySendError::Closed(_)) => {
                self.disconnect("the stream is closed");
                Sent::Full
            }
        }
    }

    fn pump_heartbeat(&mut self) {
        let now = self.now_ms();
        if now < self.next_beat_ms {
            return;
        }
        let beat = Message::Heartbeat(Heartbeat {
            sequence: self.sequence + 1,
            running: self.running(now),
            replicas: self.config.replicas.loads(),
        });
        if self.send(beat) == Sent::Full {
            return;
        }
        self.sequence += 1;
        // Soon again while an end report waits for its confirmation, so that a shutdown is short.
        let pause = if self.ending.is_some() {
            self.heartbeat_ms.min(100)
        } else {
            self.heartbeat_ms
        };
        self.next_beat_ms = now + pause;
        self.outbox.heartbeat_sent(self.sequence);
        let logs = self.tasks.iter().filter_map(|(key, task)| {
            let run = task.run.as_ref()?;
            Some((*key, run.task.epoch, run.log.with(|log| log.sent())))
        });
        let beat = Beat {
            sequence: self.sequence,
            sent_at_ms: now,
            logs: logs.collect(),
        };
        self.beats.push_back(beat);
        if self.beats.len() > MAX_BEATS {
            self.beats.pop_front();
        }
    }

    /// The scheduler has processed everything up to this heartbeat, in the order of the stream.
    pub(super) fn acknowledged(&mut self, sequence: u64) {
        while let Some(beat) = self.beats.pop_front_if(|beat| beat.sequence <= sequence) {
            for (key, epoch, offset) in beat.logs {
                let run = self.tasks.get(&key).and_then(|task| task.run.as_ref());
                if let Some(run) = run.filter(|run| run.task.epoch == epoch) {
                    run.log.with(|log| log.confirm(offset));
                }
            }
            if beat.sequence == sequence {
                self.acknowledge(beat.sent_at_ms);
            }
        }
        for message in self.outbox.confirm(sequence) {
            if let Message::Ended(ended) = message
                && let Some(task) = ended.task
            {
                let key = TaskKey::of(&task);
                let same = |epoch| epoch == task.epoch;
                if self
                    .tasks
                    .get(&key)
                    .is_some_and(|row| same(row.lease.epoch()))
                {
                    self.step(key, Input::Delivered);
                }
            }
        }
    }

    fn pump_logs(&mut self) {
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            for _ in 0..PIECES {
                let Some(run) = self.tasks.get(&key).and_then(|task| task.run.as_ref()) else {
                    break;
                };
                let (task, log) = (run.task, run.log.clone());
                let Some((offset, data)) = log.with(|log| log.next_piece()) else {
                    break;
                };
                let end = offset + data.len() as u64;
                let message = Message::Log(TaskLog {
                    task: Some(task),
                    offset,
                    data,
                });
                if self.send(message) == Sent::Full {
                    return;
                }
                log.with(|log| log.mark_sent(end));
            }
            self.count_drops(key);
        }
    }

    fn count_drops(&mut self, key: TaskKey) {
        let Some(run) = self.tasks.get_mut(&key).and_then(|task| task.run.as_mut()) else {
            return;
        };
        let dropped = run.log.with(|log| log.dropped_bytes());
        let new = dropped.saturating_sub(run.counted_drops);
        if new > 0 {
            run.counted_drops = dropped;
            self.config.metrics.log_dropped.inc_by(new);
            tracing::warn!(
                job = key.job_id,
                task = key.task,
                bytes = new,
                "log limit dropped bytes"
            );
        }
    }

    /// An end report waits for the rest of its log: after it the scheduler takes no more.
    fn pump_reports(&mut self) {
        while let Some(message) = self.outbox.next() {
            if let Message::Ended(ended) = message
                && let Some(task) = ended.task
                && let Some(row) = self.tasks.get(&TaskKey::of(&task))
                && let Some(run) = row.run.as_ref()
                && run.task.epoch == task.epoch
                && !run.log.with(|log| log.is_drained())
            {
                return;
            }
            let message = message.clone();
            if self.send(message) == Sent::Full {
                return;
            }
            self.outbox.mark_sent();
        }
    }

    fn pump_progress(&mut self) {
        for key in self.tasks.keys().copied().collect::<Vec<_>>() {
            let Some(run) = self.tasks.get_mut(&key).and_then(|task| task.run.as_mut()) else {
                continue;
            };
            let Some(text) = run.progress.take() else {
                continue;
            };
            let task = run.task;
            let message = Message::Progress(TaskProgress {
                task: Some(task),
                text: text.clone(),
            });
            if self.send(message) == Sent::Full {
                if let Some(run) = self.tasks.get_mut(&key).and_then(|task| task.run.as_mut()) {
                    run.progress.get_or_insert(text);
                }
                return;
            }
        }
    }
}
