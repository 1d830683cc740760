//! The audit: one event per request, chained by hash, written by a thread of its own.

pub use zhisuan_chain::{Link, Verified, VerifyError};

use crate::metrics::Metrics;
use crate::trail::Record;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
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
/// From here on the lines of batches wait: the other half of the queue is for requests, which
/// cannot.
const LINES_WAIT: usize = WAITING / 2;
/// Events that are written together.
const TOGETHER: usize = 512;
/// How long an event waits for others to be written with.
const GATHER: Duration = Duration::from_millis(5);
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

/// Checks the audit in a folder, or one file of it, from outside of any gateway; with a head that
/// was kept elsewhere, also that nothing up to it is gone.
pub fn verify_audit(path: &Path, kept: Option<&Link>) -> Result<Verified, VerifyError> {
    zhisuan_chain::verify(path, KIND, kept)
}

/// Takes events; cheap to clone.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Writer>);

struct Writer {
    required: bool,
    failing: Arc<AtomicBool>,
    /// Events in the queue.
    waiting: Arc<AtomicUsize>,
    metrics: Metrics,
    sender: Option<SyncSender<Event>>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    pub(crate) fn open(options: &AuditOptions, metrics: Metrics) -> std::io::Result<Self> {
        let files = Files::open(&options.folder, KIND, options.rotate_bytes)?;
        let (sender, receiver) = sync_channel(WAITING);
        let (failing, waiting) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let thread = std::thread::Builder::new()
            .name("zhisuan-audit".to_owned())
            .spawn({
                let (failing, metrics) = (Arc::clone(&failing), metrics.clone());
                let receiver = Counted {
                    receiver,
                    waiting: Arc::clone(&waiting),
                };
                move || write(&receiver, files, &failing, &metrics)
            })?;
        Ok(Self(Arc::new(Writer {
            required: options.required,
            failing,
            waiting,
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
        if self.try_push(event(record)).is_err() {
            self.lost(record, "its queue is full");
        }
    }

    /// Writes the event of one of many; waits while half of the queue is full, so that neither
    /// this event is lost nor one of a request that comes meanwhile.
    pub(crate) async fn push_in_turn(&self, record: &Record) {
        let mut next = event(record);
        loop {
            if self.0.waiting.load(Ordering::Relaxed) < LINES_WAIT {
                match self.try_push(next) {
                    Ok(()) => return,
                    Err(TrySendError::Full(refused)) => next = refused,
                    Err(TrySendError::Disconnected(_)) => break,
                }
            }
            tokio::time::sleep(TURN).await;
        }
        self.lost(record, "nobody writes");
    }

    fn try_push(&self, event: Event) -> Result<(), TrySendError<Event>> {
        let Some(sender) = &self.0.sender else {
            return Err(TrySendError::Disconnected(event));
        };
        // Counted before it can be taken out again.
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        sender.try_send(event).inspect_err(|_| {
            self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        })
    }

    fn lost(&self, record: &Record, why: &str) {
        self.0.failing.store(true, Ordering::Relaxed);
        self.0.metrics.audit_failures.inc();
        tracing::error!(request_id = %record.id, why, "an audit event was lost");
    }
}

type Event = Map<String, Value>;

/// The writer's end of the queue.
struct Counted {
    receiver: Receiver<Event>,
    waiting: Arc<AtomicUsize>,
}

impl Counted {
    /// The next event, and those that wait behind it; nothing when no more will come.
    fn take(&self) -> Option<Vec<Event>> {
        let mut taken = vec![self.receiver.recv().ok()?];
        // Each write waits for the disk: what comes within a moment shares one.
        std::thread::sleep(GATHER);
        taken.extend(self.receiver.try_iter().take(TOGETHER));
        self.waiting.fetch_sub(taken.len(), Ordering::Relaxed);
        Some(taken)
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

fn write(receiver: &Counted, mut files: Files, failing: &AtomicBool, metrics: &Metrics) {
    while let Some(events) = receiver.take() {
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
fn event(record: &Record) -> Event {
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
