//! The governed library: files in, checked versions out, everything kept.
//!
//! A handle over one SQLite file and, where one is given, the chain of the audit. All methods but
//! [`Library::published`], [`Library::admits`] and [`Library::changes`] wait for the disk: within
//! async code call them through `spawn_blocking`.

mod add;
mod answers;
mod bank;
mod bases;
mod change;
mod conflicts;
mod desk;
mod error;
mod import;
mod info;
mod log;
mod publish;
mod questions;
mod second;
mod switches;
mod work;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

pub use add::{Add, Added};
pub use bank::ProposedQuestions;
pub use bases::NewBase;
pub use conflicts::OpenConflict;
pub use error::LibraryError;
pub use import::{Imported, LeftOut, QUESTION_BANK};
pub use info::{Opened, VersionInfo};
pub use log::{accept_log, kept_head};
pub use questions::{BankCounts, FoundQuestions, ShownQuestion, Wanted};
pub use work::{Correction, Said};

use super::published::Published;
use super::store::bases::bases;
use super::store::history::{Entry, chained, history, people, unchained};
use super::store::log::seen;
use super::store::{BaseInfo, Store};
use crate::audit::Chain;
use crate::staff::Person;
use desk::Desk;

/// The library; cheap to clone.
#[derive(Clone)]
pub struct Library(Arc<Inner>);

struct Inner {
    /// One writer at a time.
    desk: Mutex<Desk>,
    /// What answers come from, and who may ask it; read without waiting for a writer.
    shelf: RwLock<BTreeMap<String, Shelved>>,
    generation: watch::Sender<u64>,
    chain: Option<Chain>,
}

#[derive(Clone)]
struct Shelved {
    info: BaseInfo,
    published: Arc<Published>,
}

/// Tells when something was published; each clone waits for itself.
#[derive(Debug, Clone)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    /// How often something was published since the library was opened.
    pub fn generation(&self) -> u64 {
        *self.0.borrow()
    }

    /// Waits until something is published; false when the library is gone.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl Library {
    /// Opens or creates the library in a file, without an audit.
    pub fn open(path: &Path) -> Result<Self, LibraryError> {
        Self::open_with(path, None)
    }

    /// Opens or creates the library in a file; what the staff does goes to the chain. What the
    /// chain lacks after a crash is brought to it now; a chain that lacks what it had is refused.
    pub fn open_with(path: &Path, chain: Option<Chain>) -> Result<Self, LibraryError> {
        let mut desk = Desk::open(path)?;
        let mut shelf = BTreeMap::new();
        for info in bases(desk.store.read())? {
            let published = desk.load(&info.name)?;
            shelf.insert(info.name.clone(), Shelved { info, published });
        }
        let library = Self(Arc::new(Inner {
            desk: Mutex::new(desk),
            shelf: RwLock::new(shelf),
            generation: watch::Sender::new(0),
            chain,
        }));
        library.must_reach_head()?;
        library.tell_chain(&library.desk().store)?;
        Ok(library)
    }

    /// What answers about a base come from now; none for a base that is not there.
    pub fn published(&self, base: &str) -> Option<Arc<Published>> {
        let shelf = self.0.shelf.read().unwrap_or_else(PoisonError::into_inner);
        shelf
            .get(base)
            .map(|shelved| Arc::clone(&shelved.published))
    }

    /// Whether somebody may ask a base; citizens have no person. A base that is not there admits
    /// nobody.
    pub fn admits(&self, base: &str, person: Option<&Person>) -> bool {
        let shelf = self.0.shelf.read().unwrap_or_else(PoisonError::into_inner);
        let shelved = shelf.get(base);
        shelved.is_some_and(|shelved| shelved.info.audience.admits(person))
    }

    /// All bases by name.
    pub fn bases(&self) -> Vec<BaseInfo> {
        let shelf = self.0.shelf.read().unwrap_or_else(PoisonError::into_inner);
        shelf.values().map(|shelved| shelved.info.clone()).collect()
    }

    /// Tells when something is published, so that caches can be dropped.
    pub fn changes(&self) -> Changes {
        Changes(self.0.generation.subscribe())
    }

    /// The newest entries of a base's history; of one document or version, or of all.
    pub fn history(
        &self,
        base: &str,
        object: Option<&str>,
        most: usize,
    ) -> Result<Vec<Entry>, LibraryError> {
        Ok(history(self.desk().store.read(), base, object, most)?)
    }

    /// The names by which colleagues know those who did anything in any base, by id.
    pub fn people(&self) -> Result<BTreeMap<String, String>, LibraryError> {
        Ok(people(self.desk().store.read())?)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // What the desk keeps besides the file is replaced as a whole or not at all.
        let desk = self.0.desk.lock();
        desk.unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts what was published where askers find it, tells them, and tells the chain.
    fn shelve(
        &self,
        store: &Store,
        base: &str,
        published: Arc<Published>,
    ) -> Result<(), LibraryError> {
        let info = bases(store.read())?
            .into_iter()
            .find(|info| info.name == base);
        if let Some(info) = info {
            let mut shelf = self.0.shelf.write().unwrap_or_else(PoisonError::into_inner);
            shelf.insert(base.to_owned(), Shelved { info, published });
        }
        self.0.generation.send_modify(|generation| *generation += 1);
        self.tell_chain(store)
    }

    /// Brings to the chain what it does not have yet. The store has it already: what fails here is
    /// tried again with the next change.
    fn tell_chain(&self, store: &Store) -> Result<(), LibraryError> {
        let Some(chain) = &self.0.chain else {
            return Ok(());
        };
        for entry in unchained(store.read())? {
            seen(store.read(), &chain.append_blocking(entry.event())?)?;
            chained(store.read(), entry.id)?;
        }
        Ok(())
    }
}
