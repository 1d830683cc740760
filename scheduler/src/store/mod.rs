//! What is durable: the journal of events, the rows made from them, small side records.
//!
//! Three traits, one per user: the actor writes ([`Journal`]), services read ([`Reads`]), and side
//! records are kept by their owners ([`Records`]). [`conformance`] holds every implementation to
//! the same behaviour.

pub mod conformance;
mod schema;
mod sqlite;
mod sqlite_reads;
mod sqlite_rows;

pub use sqlite::Sqlite;

use std::collections::BTreeMap;
use zhisuan_core::ledger::Transaction;
use zhisuan_core::{Job, Millis};

/// The store could not do what it must.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// A row cannot be read.
    #[error("a stored {what} cannot be read: {cause}")]
    Damaged {
        /// Kind of row.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// The data were written by a newer version.
    #[error("the data have schema {found}, this program knows up to {known}; use a newer zhisuan")]
    Newer {
        /// Found.
        found: i64,
        /// Known.
        known: i64,
    },
}

/// One durable event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// 1 for the first; no gaps.
    pub sequence: u64,
    /// When it was applied.
    pub at: Millis,
    /// The event as JSON.
    pub body: String,
}

/// A job row to insert or update.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// The record as the core knows it.
    pub job: Job,
    /// The wire spec; given once, at submission.
    pub spec: Option<Vec<u8>>,
    /// Artifact digests by name, added to those on record.
    pub outputs: Option<BTreeMap<String, String>>,
}

/// Everything that one commit makes durable together.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order.
    pub events: Vec<Entry>,
    /// At most one row per job.
    pub jobs: Vec<JobRow>,
    /// Ledger bookings, in order.
    pub transactions: Vec<Transaction>,
}

impl Batch {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

/// What a restart begins from.
#[derive(Debug, Default)]
pub struct Loaded {
    /// State as JSON and the sequence of the last event in it.
    pub snapshot: Option<(u64, String)>,
    /// Events after the snapshot, in order.
    pub tail: Vec<Entry>,
    /// When the last event was applied, also if it is in the snapshot.
    pub last_at: Millis,
}

/// The actor's side: one writer.
pub trait Journal: Send + 'static {
    /// Latest snapshot and the events after it.
    fn load(&mut self) -> Result<Loaded, StoreError>;
    /// Every event from the first: what a restart begins from when its snapshot cannot be read.
    fn load_all(&mut self) -> Result<Loaded, StoreError>;
    /// Makes a batch durable, all or nothing; returns after it cannot be lost.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;
    /// Keeps a snapshot of the state after event `sequence`; older snapshots go.
    fn snapshot(&mut self, sequence: u64, state: &str) -> Result<(), StoreError>;
}

/// A job as it is stored.
#[derive(Clone, Debug)]
pub struct StoredJob {
    /// The record as the core knows it.
    pub job: Job,
    /// The wire spec.
    pub spec: Vec<u8>,
    /// Artifact digests by name.
    pub outputs: BTreeMap<String, String>,
}

/// Which jobs to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only in these states (names of the core's states); empty is all.
    pub states: Vec<String>,
    /// Only in this queue.
    pub queue: Option<String>,
    /// Only names that contain this.
    pub name_contains: Option<String>,
    /// Only submitted at or after.
    pub since: Option<Millis>,
    /// Only with smaller numbers: the page token.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Which charges to list, oldest first.
#[derive(Clone, Debug)]
pub struct ChargeFilter {
    /// Whose.
    pub tenant: String,
    /// From here.
    pub from: Millis,
    /// Until before here.
    pub to: Millis,
    /// Only transactions after this number: the page token.
    pub after: u64,
    /// At most so many.
    pub limit: u32,
}

/// Sums over a tenant's transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Money paid in.
    pub topped_up_micro: i64,
    /// Charges less reversals.
    pub charged_micro: i64,
    /// Holds less releases, charges and what reversals gave back.
    pub held_micro: i64,
    /// Charges and reversals.
    pub lines: u64,
}

/// Charges of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuTotal {
    /// Priced thing.
    pub sku: String,
    /// What the price is per.
    pub unit: String,
    /// Tokens, or milliseconds times thousandths; less reversals.
    pub quantity: i64,
    /// Charges less reversals.
    pub amount_micro: i64,
    /// Charges and reversals.
    pub lines: u64,
}

/// The services' side: reads of what was committed. Blocking.
pub trait Reads: Send + Sync + 'static {
    /// One job.
    fn job(&self, id: u64) -> Result<Option<StoredJob>, StoreError>;
    /// A page of jobs and the number that match on all pages.
    fn jobs(&self, filter: &JobFilter) -> Result<(Vec<StoredJob>, u64), StoreError>;
    /// A page of charges and reversals.
    fn charges(&self, filter: &ChargeFilter) -> Result<Vec<Transaction>, StoreError>;
    /// Sums over `from <= at < to`.
    fn totals(&self, tenant: &str, from: Millis, to: Millis) -> Result<Totals, StoreError>;
    /// Sums by SKU over `from <= at < to`; all tenants when `tenant` is `None`.
    fn by_sku(
        &self,
        tenant: Option<&str>,
        from: Millis,
        to: Millis,
    ) -> Result<Vec<SkuTotal>, StoreError>;
}

/// Small side records (keys, models, artifacts, deployments) as JSON by kind and id. Blocking.
pub trait Records: Send + Sync + 'static {
    /// Inserts or replaces.
    fn put(&self, kind: &'static str, id: &str, json: &str) -> Result<(), StoreError>;
    /// All of a kind, by id.
    fn all(&self, kind: &'static str) -> Result<Vec<(String, String)>, StoreError>;
    /// Deletes; absent is fine.
    fn delete(&self, kind: &'static str, id: &str) -> Result<(), StoreError>;
}
