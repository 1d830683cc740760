//! What is said about jobs in progress and need not outlive a restart: progress lines and "it
//! changed" for those who watch.

use dashmap::DashMap;
use std::sync::Arc;
use tokio::sync::broadcast;

const BUFFER: usize = 4096;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Live {
    progress: Arc<DashMap<u64, String>>,
    changes: broadcast::Sender<u64>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            progress: Arc::default(),
            changes: broadcast::Sender::new(BUFFER),
        }
    }
}

impl Live {
    pub(crate) fn progress(&self, job: u64) -> String {
        self.progress
            .get(&job)
            .map(|text| text.clone())
            .unwrap_or_default()
    }

    pub(crate) fn set_progress(&self, job: u64, mut text: String) {
        if let Some((end, _)) = text.char_indices().nth(200) {
            text.truncate(end);
        }
        self.progress.insert(job, text);
        self.changed(job);
    }

    pub(crate) fn changed(&self, job: u64) {
        // Nobody may be watching.
        let _ = self.changes.send(job);
    }

    pub(crate) fn ended(&self, job: u64) {
        self.changed(job);
        self.progress.remove(&job);
    }

    /// Begins to listen now, so that a change after a first look is not missed.
    pub(crate) fn changes(&self, job: u64) -> Changes {
        Changes {
            job,
            changes: self.changes.subscribe(),
        }
    }
}

/// One watcher's ear.
pub(crate) struct Changes {
    job: u64,
    changes: broadcast::Receiver<u64>,
}

impl Changes {
    /// Waits until the job changed, or may have; false when nothing will change any more.
    pub(crate) async fn changed(&mut self) -> bool {
        loop {
            match self.changes.recv().await {
                Ok(job) if job == self.job => return true,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => return true,
                Err(broadcast::error::RecvError::Closed) => return false,
            }
        }
    }
}
