//! One fetcher per file: among the tasks of this process and among the processes of this machine.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(200);

/// One lock per digest, kept for the life of the process (a few bytes per model file).
#[derive(Debug, Default)]
pub(crate) struct Locks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

/// Held while one file is fetched; released on drop, also when the process dies.
pub(crate) struct Held {
    _task: tokio::sync::OwnedMutexGuard<()>,
    _process: File,
}

impl Locks {
    /// Waits for the right to fetch `name`; calls `waiting` once if somebody else has it.
    pub(crate) async fn hold(
        &self,
        folder: &Path,
        name: &str,
        mut waiting: impl FnMut(),
    ) -> std::io::Result<Held> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(locks.entry(name.to_owned()).or_default())
        };
        let task = if let Ok(guard) = Arc::clone(&lock).try_lock_owned() {
            guard
        } else {
            waiting();
            lock.lock_owned().await
        };
        let file = File::create(folder.join(format!("{name}.lock")))?;
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    if !std::mem::replace(&mut told, true) {
                        waiting();
                    }
                    tokio::time::sleep(POLL).await;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(Held {
            _task: task,
            _process: file,
        })
    }
}
