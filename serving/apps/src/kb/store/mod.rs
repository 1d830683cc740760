//! The library's SQLite file: one writer, and every change with its history in one transaction.

pub(crate) mod answers;
pub(crate) mod bank;
pub(crate) mod bases;
pub(crate) mod history;
mod layout;
pub(crate) mod log;
pub(crate) mod rows;
mod schema;
pub(crate) mod versions;
pub(crate) mod words;
pub(crate) mod work;

use std::path::Path;

use rusqlite::{Connection, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

pub use answers::{Feedback, KeptAnswer};
pub use bank::KeptQuestion;
pub use bases::{Audience, BaseInfo};
pub use history::Entry;
pub use words::ProposedSynonym;
pub use work::{Regression, WorkItem, WorkKind};

pub(crate) use history::Deed;
pub(crate) use layout::Layout;
pub(crate) use work::NewWork;

/// Why the store failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// SQLite refused.
    #[error("知识库文件读写失败：{0}。请检查磁盘空间和目录权限后重试，已存的内容没有改动")]
    Sqlite(#[from] rusqlite::Error),
    /// A newer program wrote the file.
    #[error("知识库文件是第 {found} 版格式，本程序只认识到第 {known} 版，请升级程序")]
    Newer {
        /// Version of the file.
        found: i64,
        /// Newest version known.
        known: i64,
    },
    /// A row does not hold what it should.
    #[error("知识库文件里“{what}”已损坏：{cause}。请从备份恢复")]
    Damaged {
        /// Which row or column.
        what: String,
        /// Why it is not readable.
        cause: String,
    },
}

impl StoreError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "ZS-KB-STORE",
            Self::Newer { .. } => "ZS-KB-STORE-NEWER",
            Self::Damaged { .. } => "ZS-KB-STORE-DAMAGED",
        }
    }
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    /// Opens or creates the file at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        schema::configure(&connection)?;
        schema::migrate(&mut connection)?;
        Ok(Self { connection })
    }

    /// The connection, for reading.
    pub(crate) fn read(&self) -> &Connection {
        &self.connection
    }

    /// Runs a change as one transaction: all of it or nothing.
    pub(crate) fn change<T, E: From<StoreError>>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.connection.transaction().map_err(StoreError::from)?;
        let done = change(&transaction)?;
        transaction.commit().map_err(StoreError::from)?;
        Ok(done)
    }
}

fn to_json<T: Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| damaged(what, &error))
}

fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| damaged(what, &error))
}

pub(crate) fn damaged(what: &str, cause: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged {
        what: what.to_owned(),
        cause: cause.to_string(),
    }
}

/// No row is an answer, not a failure.
fn optional<T>(found: Result<T, rusqlite::Error>) -> Result<Option<T>, rusqlite::Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
        Err(error) => Err(error),
    }
}
