//! A file that lines are appended to, by a thread of its own: a slow disk delays no answer.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

/// Lines on their way; one more is dropped and counted, for a log must not stop the service.
const WAITING: usize = 16_384;

/// Appends lines; cheap to clone.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Writer>);

struct Writer {
    sender: Option<SyncSender<String>>,
    thread: Option<JoinHandle<()>>,
}

impl Lines {
    /// Opens the file for appending, for its owner alone to read.
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = private(OpenOptions::new().create(true).append(true)).open(path)?;
        let (sender, receiver) = sync_channel(WAITING);
        let name = "zhisuan-log".to_owned();
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || write(&receiver, file))?;
        Ok(Self(Arc::new(Writer {
            sender: Some(sender),
            thread: Some(thread),
        })))
    }

    /// False when the line had to be dropped.
    pub(crate) fn push(&self, line: String) -> bool {
        match self.0.sender.as_ref().map(|sender| sender.try_send(line)) {
            Some(Ok(())) => true,
            Some(Err(TrySendError::Full(_) | TrySendError::Disconnected(_))) | None => false,
        }
    }
}

impl Drop for Writer {
    /// Waits until everything is written.
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn write(receiver: &Receiver<String>, file: File) {
    let mut out = BufWriter::new(file);
    while let Ok(line) = receiver.recv() {
        let mut written = writeln!(out, "{line}");
        // What else waits is written with the same call to the system.
        while let Ok(line) = receiver.try_recv() {
            written = written.and_then(|()| writeln!(out, "{line}"));
        }
        if let Err(error) = written.and_then(|()| out.flush()) {
            tracing::error!(%error, "cannot write a log line");
        }
    }
}

/// Readable by its owner alone.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
