//! The audit: one event per request, chained by hash, written by a thread of its own.

pub use zhisuan_chain::{Verified, VerifyError};

use crate::metrics::Metrics;
use crate::trail::Record;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zhisuan_chain::{Digest, Files, Kind, ROTATE_BYTES};

const KIND: Kind = Kind {
    name: "audit",
    digest: Digest::Sha256,
};

/// Events on their way to the disk.
const WAITING: usize = 65_536;
/// Events that are written together.
const TOGETHER: usize = 512;
/// Between looks at a full queue.
const TURN: Duration = Duration::from_millis(20);
/// Between tries when the disk refuses.
const AGAIN: Duration = Duration::from_millis(500);

/// Settings of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditOptions {
    /// Folder for the files, of this gateway alone.
    pub folder: PathBuf,
    /// Whether requests are refused (503) while events cannot be written.
    #[serde(default = "yes")]
    pub required: bool,
    /// A file of this size is closed and the next one begun.
    #[serde(default = "rotate_bytes")]
    pub rotate_bytes: u64,
}

fn yes() -> bool {
    true
}

fn rotate_bytes() -> u64 {
    ROTATE_BYTES
}

impl AuditOptions {
    /// The usual settings for a folder: requests are refused while it cannot be written, and files
    /// are of 64 MiB.
    pub fn in_folder(folder: PathBuf) -> Self {
        Self {
            folder,
            required: yes(),
            rotate_bytes: rotate_bytes(),
        }
    }
}

/// Checks the audit in a folder, or one file of it, from outside of any gateway.
pub fn verify_audit(path: &Path) -> Result<Verified, VerifyError> {
    zhisuan_chain::verify(path, KIND)
}

/// Takes events; cheap to clone.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Writer>);

struct Writer {
    required: bool,
    failing: Arc<AtomicBool>,
    metrics: Metrics,
    sender: Option<SyncSender<Map<String, Value>>>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    pub(crate) fn open(options: &AuditOptions, metrics: Metrics) -> std::io::Result<Self> {
        let files = Files::open(&options.folder, KIND, options.rotate_bytes)?;
        let (sender, receiver) = sync_channel(WAITING);
        let failing = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("zhisuan-audit".to_owned())
            .spawn({
                let (failing, metrics) = (Arc::clone(&failing), metrics.clone());
                move || write(&receiver, files, &failing, &metrics)
            })?;
        Ok(Self(Arc::new(Writer {
            required: options.required,
            failing,
            metrics,
            sender: Some(sender),
            thread: Some(thread),
        })))
    }

    /// Whether a request must be refused, because what it does could not be written down.
    pub(crate) fn refuses(&self) -> bool {
        self.0.required && self.0.failing.load(Ordering::Relaxed)
    }

    /// Writes the event of an ended request.
    pub(crate) fn push(&self, record: &Record) {
        let sent = self
            .0
            .sender
            .as_ref()
            .map(|sender| sender.try_send(event(record)));
        if !matches!(sent, Some(Ok(()))) {
            self.0.failing.store(true, Ordering::Relaxed);
            self.0.metrics.audit_failures.inc();
            tracing::error!(request_id = %record.id, "an audit event was lost: its queue is full");
        }
    }
}

impl Audit {
    /// Writes the event of one of many; waits while the queue is full, so that none is lost.
    pub(crate) async fn push_in_turn(&self, record: &Record) {
        let mut next = event(record);
        while let Some(sender) = &self.0.sender {
            match sender.try_send(next) {
                Err(TrySendError::Full(refused)) => next = refused,
                Ok(()) => return,
                Err(TrySendError::Disconnected(_)) => break,
            }
            tokio::time::sleep(TURN).await;
        }
        self.0.failing.store(true, Ordering::Relaxed);
        self.0.metrics.audit_failures.inc();
        tracing::error!(request_id = %record.id, "an audit event was lost: nobody writes");
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

fn write(
    receiver: &Receiver<Map<String, Value>>,
    mut files: Files,
    failing: &AtomicBool,
    metrics: &Metrics,
) {
    while let Ok(first) = receiver.recv() {
        let more = std::iter::from_fn(|| receiver.try_recv().ok()).take(TOGETHER);
        let events: Vec<_> = std::iter::once(first).chain(more).collect();
        let mut tries = 0_u32;
        while let Err(error) = files.append(&events) {
            metrics.audit_failures.inc();
            failing.store(true, Ordering::Relaxed);
            tracing::error!(%error, "audit events cannot be written; they are tried again");
            tries += 1;
            if tries > 20 {
                tracing::error!(?events, "audit events were given up; here they are");
                break;
            }
            std::thread::sleep(AGAIN);
        }
        if tries <= 20 {
            failing.store(false, Ordering::Relaxed);
        }
    }
}

/// What is kept of a request: who did what, and the hashes of what was said.
fn event(record: &Record) -> Map<String, Value> {
    let now_ms = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0));
    let findings: Vec<Value> = record
        .findings
        .iter()
        .map(|found| {
            json!({"rule": found.rule, "decision": found.decision, "side": found.side, "count": found.count})
        })
        .collect();
    let hash = |hasher: &sha2::Sha256| hex::encode(hasher.clone().finalize());
    Map::from_iter(
        [
            ("at_ms", json!(now_ms)),
            ("id", json!(record.id)),
            ("caller_id", json!(record.caller_id)),
            ("trace", json!(record.trace.trace_id())),
            ("key", json!(record.key_id)),
            ("tenant", json!(record.tenant)),
            ("endpoint", json!(record.endpoint)),
            ("model", json!(record.model)),
            ("deployment", json!(record.route.deployment)),
            ("replica", json!(record.replica)),
            // Of the bodies as they came and left.
            ("request_sha256", json!(hash(&record.prompt))),
            ("answer_sha256", json!(hash(&record.answer))),
            ("prompt_tokens", json!(record.prompt_tokens)),
            ("completion_tokens", json!(record.completion_tokens)),
            ("findings", json!(findings)),
            // The ProduceID of the label, where content was generated.
            (
                "produce_id",
                json!(if record.generated { &record.id } else { "" }),
            ),
            ("status", json!(record.status)),
            ("outcome", json!(record.reason)),
            ("delivered", json!(record.delivered)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    )
}
