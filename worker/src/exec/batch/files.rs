//! The files of a batch: read and written on blocking threads; async threads wait on channels.

use super::lines::MAX_LINE_BYTES;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Lines between a thread and its channel's other end; each may have [`MAX_LINE_BYTES`].
const AHEAD: usize = 4;

/// A line with its number from 1.
pub(super) type Numbered = (u64, Vec<u8>);

/// How a reader or a writer ended.
pub(super) struct End<T = ()>(JoinHandle<io::Result<T>>);

impl<T> End<T> {
    /// Waits for the thread. It ends once the other end of its channel is dropped.
    pub(super) async fn wait(self) -> io::Result<T> {
        self.0
            .await
            .unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Lines of a file, empty ones among them.
pub(super) fn count(blocking: &TaskTracker, path: PathBuf) -> End<u64> {
    End(blocking.spawn_blocking(move || {
        let mut reader = BufReader::new(File::open(path)?);
        let mut count = 0;
        while reader.skip_until(b'\n')? > 0 {
            count += 1;
        }
        Ok(count)
    }))
}

/// Non-empty lines. One beyond the limit comes cut one byte over it.
pub(super) fn read(blocking: &TaskTracker, path: PathBuf) -> (mpsc::Receiver<Numbered>, End) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let thread = blocking.spawn_blocking(move || {
        let mut reader = BufReader::new(File::open(path)?);
        let mut number = 0;
        while let Some(text) = next_line(&mut reader)? {
            number += 1;
            let empty = text.trim_ascii().is_empty();
            // Refused after a stop: nobody wants the rest.
            if !empty && sender.blocking_send((number, text)).is_err() {
                break;
            }
        }
        Ok(())
    });
    (receiver, End(thread))
}

fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let mut limited = reader.take(MAX_LINE_BYTES as u64 + 1);
    if limited.read_until(b'\n', &mut text)? == 0 {
        return Ok(None);
    }
    if text.len() > MAX_LINE_BYTES && text.last() != Some(&b'\n') {
        reader.skip_until(b'\n')?;
    }
    Ok(Some(text))
}

/// Writes every line that is sent. A refused line means that the thread ended with an error.
pub(super) fn write(blocking: &TaskTracker, path: PathBuf) -> (mpsc::Sender<String>, End) {
    let (sender, mut receiver) = mpsc::channel::<String>(AHEAD);
    let thread = blocking.spawn_blocking(move || {
        let mut sink = BufWriter::new(File::create(path)?);
        while let Some(line) = receiver.blocking_recv() {
            writeln!(sink, "{line}")?;
        }
        sink.flush()
    });
    (sender, End(thread))
}
