//! SQLite, the embedded store: one file, write-ahead log, a commit is an fsync.

use super::schema::{configure, migrate};
use super::sqlite_rows::state_name;
use super::{Batch, Entry, JobRow, Journal, Loaded, Records, StoreError};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use zhisuan_core::Millis;
use zhisuan_core::ledger::Transaction;

/// Handle to one database file. Clones of the connections are opened as they are needed.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Sqlite {
    /// Opens or creates the database at `path`.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = Connection::open(path)?;
        configure(&connection)?;
        migrate(&mut connection)?;
        Ok(Self {
            path: path.to_owned(),
            connection: Mutex::new(connection),
        })
    }

    /// Another connection to the same file, for readers and side records.
    pub fn again(&self) -> Result<Self, StoreError> {
        Self::open(&self.path)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        // A connection has no invariant that a panicking reader could break.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for Sqlite {
    fn load_all(&mut self) -> Result<Loaded, StoreError> {
        let tail = entries_after(&self.lock(), 0)?;
        let last_at = tail.last().map(|entry| entry.at).unwrap_or_default();
        Ok(Loaded {
            snapshot: None,
            tail,
            last_at,
        })
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        let connection = self.lock();
        let snapshot = connection
            .query_row(
                "SELECT sequence, state FROM snapshot ORDER BY sequence DESC LIMIT 1",
                [],
                |row| Ok((row.get::<_, u64>(0)?, row.get::<_, String>(1)?)),
            )
            .map(Some)
            .or_else(none_if_no_rows)?;
        let after = snapshot.as_ref().map_or(0, |(sequence, _)| *sequence);
        let tail = entries_after(&connection, after)?;
        let last_at = connection
            .query_row(
                "SELECT at_ms FROM event ORDER BY sequence DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .map(Some)
            .or_else(none_if_no_rows)?;
        Ok(Loaded {
            snapshot,
            tail,
            last_at: Millis(last_at.unwrap_or(0)),
        })
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO event (sequence, at_ms, body) VALUES (?, ?, ?)")?;
            for event in &batch.events {
                insert.execute(params![event.sequence, event.at.0, event.body])?;
            }
        }
        for row in &batch.jobs {
            write_job(&transaction, row)?;
        }
        for posting in &batch.transactions {
            write_posting(&transaction, posting)?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn snapshot(&mut self, sequence: u64, state: &str) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction()?;
        transaction.execute(
            "INSERT OR REPLACE INTO snapshot (sequence, state) VALUES (?, ?)",
            params![sequence, state],
        )?;
        transaction.execute("DELETE FROM snapshot WHERE sequence < ?", [sequence])?;
        transaction.commit()?;
        Ok(())
    }
}

impl Records for Sqlite {
    fn put(&self, kind: &'static str, id: &str, json: &str) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT OR REPLACE INTO record (kind, id, body) VALUES (?, ?, ?)",
            params![kind, id, json],
        )?;
        Ok(())
    }

    fn all(&self, kind: &'static str) -> Result<Vec<(String, String)>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT id, body FROM record WHERE kind = ? ORDER BY id")?;
        let rows = statement.query_map([kind], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<Vec<_>, _>>()?)
    }

    fn delete(&self, kind: &'static str, id: &str) -> Result<(), StoreError> {
        self.lock().execute(
            "DELETE FROM record WHERE kind = ? AND id = ?",
            params![kind, id],
        )?;
        Ok(())
    }
}

fn entries_after(connection: &Connection, sequence: u64) -> Result<Vec<Entry>, StoreError> {
    let mut statement = connection
        .prepare("SELECT sequence, at_ms, body FROM event WHERE sequence > ? ORDER BY sequence")?;
    let rows = statement.query_map([sequence], |row| {
        Ok(Entry {
            sequence: row.get(0)?,
            at: Millis(row.get(1)?),
            body: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

fn none_if_no_rows<T>(error: rusqlite::Error) -> Result<Option<T>, rusqlite::Error> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(None),
        other => Err(other),
    }
}

fn json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Damaged {
        what,
        cause: error.to_string(),
    })
}

fn write_job(connection: &Connection, row: &JobRow) -> Result<(), StoreError> {
    let job = &row.job;
    let body = json("job", job)?;
    let state = state_name(job.state);
    if let Some(spec) = &row.spec {
        connection
            .prepare_cached(
                "INSERT INTO job (id, tenant, queue, name, state, submitted_at_ms, body, spec)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                job.id.0,
                job.tenant.0,
                job.spec.queue,
                job.spec.name,
                state,
                job.submitted_at.0,
                body,
                spec
            ])?;
    } else {
        connection
            .prepare_cached("UPDATE job SET state = ?, body = ? WHERE id = ?")?
            .execute(params![state, body, job.id.0])?;
    }
    if let Some(outputs) = &row.outputs {
        connection
            .prepare_cached("UPDATE job SET outputs = json_patch(outputs, ?) WHERE id = ?")?
            .execute(params![json("outputs", outputs)?, job.id.0])?;
    }
    Ok(())
}

fn write_posting(connection: &Connection, posting: &Transaction) -> Result<(), StoreError> {
    let charge = posting.charge.as_ref();
    connection
        .prepare_cached(
            "INSERT INTO posting (id, at_ms, tenant, kind, amount_micro, sku, unit, quantity, body)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            posting.id,
            posting.at.0,
            posting.tenant.0,
            super::sqlite_rows::kind_name(posting.kind),
            posting.amount_micro,
            charge.map(|charge| &charge.sku),
            charge.map(|charge| charge.unit.name()),
            charge.map(|charge| i64::try_from(charge.quantity).unwrap_or(i64::MAX)),
            json("transaction", posting)?
        ])?;
    Ok(())
}
