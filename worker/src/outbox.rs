//! Reports on their way to the scheduler: kept until the scheduler has confirmed, by the order of
//! the stream, that it processed them; sent again on every new stream.

use std::collections::VecDeque;
use zhisuan_proto::v1::TaskUsage;
use zhisuan_proto::v1::worker_message::Message;

#[derive(Debug)]
struct Entry {
    message: Message,
    sent: bool,
    /// Number of the first heartbeat that was sent after this message.
    before_heartbeat: Option<u64>,
}

/// Messages in order. A heartbeat acknowledgement confirms everything sent before that heartbeat.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    entries: VecDeque<Entry>,
}

impl Outbox {
    /// Adds a report at the end.
    pub(crate) fn push(&mut self, message: Message) {
        self.entries.push_back(Entry {
            message,
            sent: false,
            before_heartbeat: None,
        });
    }

    /// The first report that this stream has not carried.
    pub(crate) fn next(&self) -> Option<&Message> {
        let entry = self.entries.iter().find(|entry| !entry.sent)?;
        Some(&entry.message)
    }

    /// The stream took what [`Outbox::next`] gave.
    pub(crate) fn mark_sent(&mut self) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| !entry.sent) {
            entry.sent = true;
        }
    }

    /// A heartbeat with this number was put on the stream.
    pub(crate) fn heartbeat_sent(&mut self, sequence: u64) {
        for entry in self.entries.iter_mut().filter(|entry| entry.sent) {
            entry.before_heartbeat.get_or_insert(sequence);
        }
    }

    /// The scheduler answered the heartbeat: returns the reports that it has certainly processed.
    pub(crate) fn confirm(&mut self, sequence: u64) -> Vec<Message> {
        let (confirmed, rest) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition::<VecDeque<_>, _>(|entry| {
                entry.before_heartbeat.is_some_and(|n| n <= sequence)
            });
        self.entries = rest;
        confirmed.into_iter().map(|entry| entry.message).collect()
    }

    /// A new stream begins: everything unconfirmed goes out again.
    pub(crate) fn rewind(&mut self) {
        for entry in &mut self.entries {
            entry.sent = false;
            entry.before_heartbeat = None;
        }
    }

    /// Tasks whose end is not confirmed: the scheduler may still count them as running.
    pub(crate) fn unconfirmed_ends(&self) -> impl Iterator<Item = TaskUsage> {
        self.entries
            .iter()
            .filter_map(|entry| match &entry.message {
                Message::Ended(ended) => Some(TaskUsage {
                    task: ended.task,
                    used_ms: ended.used_ms,
                }),
                _ => None,
            })
    }

    /// Nothing waits for sending or for confirmation.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests fail by panicking")]
    use super::{Message, Outbox};
    use zhisuan_proto::v1::{TaskEnded, TaskStarted};

    fn report() -> Message {
        Message::Started(TaskStarted { task: None })
    }

    #[test]
    fn only_a_later_heartbeat_confirms() {
        let mut outbox = Outbox::default();
        outbox.heartbeat_sent(1);
        outbox.push(report());
        assert!(outbox.next().is_some());
        outbox.mark_sent();
        assert!(outbox.next().is_none());
        assert!(outbox.confirm(1).is_empty(), "sent before the report");
        outbox.heartbeat_sent(2);
        assert_eq!(outbox.confirm(2).len(), 1);
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_end_counts_as_running_until_it_is_confirmed() {
        let mut outbox = Outbox::default();
        outbox.push(Message::Ended(TaskEnded {
            used_ms: 7,
            ..TaskEnded::default()
        }));
        outbox.mark_sent();
        outbox.rewind();
        let used: Vec<u64> = outbox.unconfirmed_ends().map(|end| end.used_ms).collect();
        assert_eq!(used, [7]);
        outbox.mark_sent();
        outbox.heartbeat_sent(1);
        outbox.confirm(1);
        assert_eq!(outbox.unconfirmed_ends().count(), 0);
    }

    #[test]
    fn a_new_stream_carries_the_unconfirmed_again() {
        let mut outbox = Outbox::default();
        outbox.push(report());
        outbox.mark_sent();
        outbox.heartbeat_sent(1);
        outbox.rewind();
        assert!(outbox.confirm(9).is_empty(), "an old number proves nothing");
        assert!(outbox.next().is_some());
    }
}
