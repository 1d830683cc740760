//! The log of answers and of what the staff did: chained by SM3, checked offline.
//!
//! A line holds names and digests, never a question or a person's words, so that nothing in it has
//! to be erased. Lines go to the disk before [`Chain::append`] returns; lines that wait at the same
//! time share one `fsync`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use serde_json::{Map, Value};
use thiserror::Error;
use tokio::sync::oneshot;
use zhisuan_chain::{Digest, Files, Kind, ROTATE_BYTES};

pub use zhisuan_chain::{Link, Lost, NoLink, Verified, VerifyError};

const KIND: Kind = Kind {
    name: "answers",
    digest: Digest::Sm3,
};
/// Events on their way to the disk.
const WAITING: usize = 4096;
/// Events that are written together.
const TOGETHER: usize = 256;

/// Checks the log in a folder, or one file of it, without any running program; with a head that
/// was kept elsewhere, also that nothing up to it is gone.
pub fn verify(path: &Path, kept: Option<&Link>) -> Result<Verified, VerifyError> {
    zhisuan_chain::verify(path, KIND, kept)
}

/// Why an event was not written.
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The disk refused.
    #[error("问答日志写不进去：{0}。请检查磁盘空间和目录权限，写入恢复前不作答")]
    Write(Arc<io::Error>),
    /// More events wait than can be written.
    #[error("问答日志来不及写入，请稍后重试")]
    Busy,
    /// The log was closed.
    #[error("问答日志已关闭")]
    Closed,
}

/// Takes events; cheap to clone. The last clone waits until everything is written.
#[derive(Clone)]
pub struct Chain(Arc<Writer>);

struct Writer {
    folder: PathBuf,
    sender: Option<SyncSender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

struct Waiting {
    event: Map<String, Value>,
    written: Told,
}

/// Tells the asker how writing ended.
type Told = Box<dyn FnOnce(Result<Link, ChainError>) + Send>;

impl Chain {
    /// Continues the chain in a folder, or begins it. A second writer of the same folder is refused.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::open_with(folder, ROTATE_BYTES)
    }

    /// As [`Chain::open`], with another size of files.
    pub fn open_with(folder: &Path, rotate_bytes: u64) -> io::Result<Self> {
        let files = Files::open(folder, KIND, rotate_bytes)?;
        let (sender, receiver) = sync_channel(WAITING);
        let thread = std::thread::Builder::new()
            .name("zhisuan-answers".to_owned())
            .spawn(move || write(&receiver, files))?;
        Ok(Self(Arc::new(Writer {
            folder: folder.to_owned(),
            sender: Some(sender),
            thread: Some(thread),
        })))
    }

    /// Whether the log still has an event that it had. Waits for the disk.
    pub fn holds(&self, kept: &Link) -> Result<(), VerifyError> {
        zhisuan_chain::holds(&self.0.folder, KIND, kept)
    }

    /// Writes an event and waits until it is on the disk. `seq`, `prev` and `hash` are the chain's.
    pub async fn append(&self, event: Map<String, Value>) -> Result<Link, ChainError> {
        let (written, receiver) = oneshot::channel();
        // Whoever asked may have gone; the event is written all the same.
        self.send(event, Box::new(|result| drop(written.send(result))))?;
        receiver.await.map_err(|_| ChainError::Closed)?
    }

    /// As [`Chain::append`], for threads that may block.
    pub fn append_blocking(&self, event: Map<String, Value>) -> Result<Link, ChainError> {
        let (written, receiver) = sync_channel(1);
        self.send(event, Box::new(move |result| drop(written.send(result))))?;
        receiver.recv().map_err(|_| ChainError::Closed)?
    }

    fn send(&self, event: Map<String, Value>, written: Told) -> Result<(), ChainError> {
        let sender = self.0.sender.as_ref().ok_or(ChainError::Closed)?;
        let sent = sender.try_send(Waiting { event, written });
        sent.map_err(|error| match error {
            TrySendError::Full(_) => ChainError::Busy,
            TrySendError::Disconnected(_) => ChainError::Closed,
        })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn write(receiver: &Receiver<Waiting>, mut files: Files) {
    while let Ok(first) = receiver.recv() {
        let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(TOGETHER);
        let waiting = std::iter::once(first).chain(more);
        let (events, told): (Vec<_>, Vec<_>) = waiting.map(|one| (one.event, one.written)).unzip();
        match files.append(&events) {
            Ok(links) => {
                for (written, link) in told.into_iter().zip(links) {
                    written(Ok(link));
                }
            }
            Err(error) => {
                tracing::error!(%error, events = told.len(), "events could not be written");
                let error = Arc::new(error);
                for written in told {
                    written(Err(ChainError::Write(Arc::clone(&error))));
                }
            }
        }
    }
}
