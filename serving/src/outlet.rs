//! The last step of every answer: a bounded buffer between its source and its reader, the hash of
//! what leaves, and the end of readers that do not read.

use crate::label;
use crate::metrics::Metrics;
use crate::trail::Trail;
use axum::body::{Body, Bytes};
use futures::{Stream, StreamExt, stream};
use serde_json::Value;
use sha2::Digest;
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces of an answer that wait for a slow reader; a full buffer holds the source back.
const BUFFERED: usize = 256;
/// Pieces that leave together when a reader is slower than its source.
const TOGETHER: usize = 64;

/// An answer in one piece.
pub(crate) fn whole(bytes: Bytes, trail: &Trail) -> Body {
    trail.with(|record| {
        record.answer.update(&bytes);
        record.delivered = true;
    });
    Body::from(bytes)
}

/// An answer event by event, with the label in its first one. A reader that takes nothing for `stall` ends it: the source is
/// dropped, which frees the replica's place, and the connection is broken off, so that the rest
/// cannot be taken for a whole answer.
pub(crate) fn streamed(
    source: impl Stream<Item = Result<Bytes, axum::Error>> + Send + 'static,
    trail: Trail,
    label: Option<Value>,
    metrics: Metrics,
    stall: Duration,
) -> Body {
    let (sender, receiver) = mpsc::channel(BUFFERED);
    tokio::spawn(pump(source, sender, metrics, stall));
    let reader = Reader {
        receiver,
        trail,
        label,
        waiting: Vec::with_capacity(TOGETHER),
    };
    Body::from_stream(stream::unfold(reader, |mut reader| async {
        let next = reader.next().await?;
        Some((next, reader))
    }))
}

/// What travels through the buffer.
enum Piece {
    Bytes(Bytes),
    /// The source ended as it should.
    End,
}

async fn pump(
    source: impl Stream<Item = Result<Bytes, axum::Error>>,
    sender: mpsc::Sender<Piece>,
    metrics: Metrics,
    stall: Duration,
) {
    let mut source = std::pin::pin!(source);
    loop {
        let piece = tokio::select! {
            biased;
            () = sender.closed() => return,
            piece = source.next() => piece,
        };
        let piece = match piece {
            Some(Ok(bytes)) => Piece::Bytes(bytes),
            Some(Err(_)) => return,
            None => Piece::End,
        };
        let is_end = matches!(piece, Piece::End);
        match sender.send_timeout(piece, stall).await {
            Ok(()) if !is_end => {}
            Ok(()) | Err(mpsc::error::SendTimeoutError::Closed(_)) => return,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                metrics.readers_stalled.inc();
                return;
            }
        }
    }
}

struct Reader {
    receiver: mpsc::Receiver<Piece>,
    trail: Trail,
    /// Put into the first event, then gone.
    label: Option<Value>,
    waiting: Vec<Piece>,
}

impl Reader {
    /// Everything that waits, as one piece; an error when the source ended early.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.trail.with(|record| record.delivered) {
            return None;
        }
        if self.receiver.recv_many(&mut self.waiting, TOGETHER).await == 0 {
            self.trail
                .with(|record| "reader_stalled".clone_into(&mut record.reason));
            return Some(Err(io::Error::other("the reader stopped reading")));
        }
        let ends = matches!(self.waiting.last(), Some(Piece::End));
        let pieces = self.waiting.drain(..).filter_map(|piece| match piece {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::End => None,
        });
        let mut bytes = join(pieces);
        if let Some(label) = &self.label
            && let Some(labelled) = label::into_event(&bytes, label)
        {
            bytes = labelled;
            self.label = None;
        }
        self.trail.with(|record| {
            record.answer.update(&bytes);
            record.delivered = ends;
        });
        if ends && bytes.is_empty() {
            return None;
        }
        Some(Ok(bytes))
    }
}

/// One piece needs no copy.
fn join(mut pieces: impl Iterator<Item = Bytes>) -> Bytes {
    let Some(first) = pieces.next() else {
        return Bytes::new();
    };
    let Some(second) = pieces.next() else {
        return first;
    };
    let mut joined = Vec::with_capacity(first.len() + second.len());
    joined.extend_from_slice(&first);
    joined.extend_from_slice(&second);
    for piece in pieces {
        joined.extend_from_slice(&piece);
    }
    Bytes::from(joined)
}

/// A request's body whose bytes are hashed on their way in.
pub(crate) fn hashed(body: Body, trail: Trail) -> Body {
    Body::from_stream(body.into_data_stream().inspect(move |piece| {
        if let Ok(bytes) = piece {
            trail.with(|record| record.prompt.update(bytes));
        }
    }))
}
