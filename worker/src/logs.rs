//! The log of one task: a bounded tail with byte offsets, sent in order and sent again after a
//! reconnect from what the scheduler has not confirmed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

/// Largest piece in one message.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;
/// Kept when an assignment names no limit.
const DEFAULT_LIMIT_BYTES: u64 = 1024 * 1024;
/// No assignment makes a worker keep more than this in memory.
const CEILING_BYTES: u64 = 64 * 1024 * 1024;

/// The kept tail. Offsets count every byte that the task wrote, so a gap between the end of one
/// piece and the start of the next is exactly what the limit dropped.
#[derive(Debug)]
pub(crate) struct LogBuffer {
    limit: usize,
    kept: VecDeque<u8>,
    written: u64,
    sent: u64,
    confirmed: u64,
    dropped_unsent: u64,
}

impl LogBuffer {
    /// A buffer that keeps at most `limit_bytes`; 0 stands for one MiB.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        let limit = match limit_bytes {
            0 => DEFAULT_LIMIT_BYTES,
            given => given.min(CEILING_BYTES),
        };
        Self {
            limit: limit as usize,
            kept: VecDeque::new(),
            written: 0,
            sent: 0,
            confirmed: 0,
            dropped_unsent: 0,
        }
    }

    fn first_kept(&self) -> u64 {
        self.written - self.kept.len() as u64
    }

    /// Appends; the oldest bytes beyond the limit are dropped.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.written += bytes.len() as u64;
        let tail = &bytes[bytes.len().saturating_sub(self.limit)..];
        let overflow = (self.kept.len() + tail.len()).saturating_sub(self.limit);
        self.kept.drain(..overflow.min(self.kept.len()));
        self.kept.extend(tail);
        let first = self.first_kept();
        if first > self.sent {
            self.dropped_unsent += first - self.sent;
            self.sent = first;
        }
    }

    /// The next piece that was not sent on this stream, with its offset. Does not mark it as sent.
    pub(crate) fn next_piece(&self) -> Option<(u64, Vec<u8>)> {
        if self.sent >= self.written {
            return None;
        }
        let skip = (self.sent - self.first_kept()) as usize;
        let data = self.kept.iter().skip(skip).take(CHUNK_BYTES).copied();
        Some((self.sent, data.collect()))
    }

    /// The stream took everything before `offset`.
    pub(crate) fn mark_sent(&mut self, offset: u64) {
        self.sent = self.sent.max(offset.min(self.written));
    }

    /// Everything that was written has been handed to the stream.
    pub(crate) fn is_drained(&self) -> bool {
        self.sent >= self.written
    }

    /// Where the stream stands now.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// The scheduler has processed everything before `offset`; it need not be kept any longer.
    pub(crate) fn confirm(&mut self, offset: u64) {
        self.confirmed = self.confirmed.max(offset.min(self.sent));
        let first = self.first_kept();
        if self.confirmed > first {
            self.kept.drain(..(self.confirmed - first) as usize);
        }
    }

    /// A new stream: what is not confirmed is sent again.
    pub(crate) fn rewind(&mut self) {
        self.sent = self.confirmed.max(self.first_kept());
    }

    /// Bytes that the limit dropped before they could be sent.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.dropped_unsent
    }
}

/// What executors write to. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct TaskLog(Arc<Mutex<LogBuffer>>);

impl TaskLog {
    /// A log with the assignment's limit.
    pub(crate) fn new(limit_bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(LogBuffer::new(limit_bytes))))
    }

    /// Raw bytes of a program.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.with(|buffer| buffer.write(bytes));
    }

    /// A line of the worker itself.
    pub(crate) fn line(&self, text: &str) {
        let mut line = String::with_capacity(text.len() + 1);
        line.push_str(text);
        line.push('\n');
        self.write(line.as_bytes());
    }

    /// Runs `f` on the buffer. No caller panics while it holds the lock, so poison is ignored.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut LogBuffer) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
    use super::LogBuffer;

    fn send_all(buffer: &mut LogBuffer) -> Vec<(u64, Vec<u8>)> {
        let mut pieces = Vec::new();
        while let Some((offset, data)) = buffer.next_piece() {
            buffer.mark_sent(offset + data.len() as u64);
            pieces.push((offset, data));
        }
        pieces
    }

    #[test]
    fn keeps_the_tail_and_shows_the_gap() {
        let mut buffer = LogBuffer::new(4);
        buffer.write(b"ab");
        assert_eq!(send_all(&mut buffer), [(0, b"ab".to_vec())]);
        buffer.write(b"cdefghij");
        assert_eq!(send_all(&mut buffer), [(6, b"ghij".to_vec())]);
        assert_eq!(buffer.dropped_bytes(), 4, "c, d, e and f never left");
    }

    #[test]
    fn a_reconnect_sends_again_what_was_not_confirmed() {
        let mut buffer = LogBuffer::new(100);
        buffer.write(b"hello ");
        send_all(&mut buffer);
        buffer.confirm(6);
        buffer.write(b"world");
        send_all(&mut buffer);
        buffer.rewind();
        assert!(!buffer.is_drained());
        assert_eq!(send_all(&mut buffer), [(6, b"world".to_vec())]);
    }

    #[test]
    fn no_order_of_calls_breaks_the_offsets() {
        let mut buffer = LogBuffer::new(3);
        for round in 0..50_u64 {
            buffer.write(&vec![b'x'; (round % 7) as usize]);
            if round % 3 == 0 {
                send_all(&mut buffer);
            }
            if round % 5 == 0 {
                buffer.confirm(round);
            }
            if round % 4 == 0 {
                buffer.rewind();
            }
            if let Some((offset, data)) = buffer.next_piece() {
                assert!(data.len() <= 3 && offset + data.len() as u64 <= buffer.written);
            }
        }
    }
}
