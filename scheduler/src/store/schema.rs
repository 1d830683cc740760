//! The SQLite schema and its versions.

use super::StoreError;
use rusqlite::Connection;

const VERSION: i64 = 1;

const CREATE: &str = "
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY,
    at_ms    INTEGER NOT NULL,
    body     TEXT NOT NULL
) STRICT;
CREATE TABLE snapshot (
    sequence INTEGER PRIMARY KEY,
    state    TEXT NOT NULL
) STRICT;
CREATE TABLE job (
    id              INTEGER PRIMARY KEY,
    tenant          TEXT NOT NULL,
    queue           TEXT NOT NULL,
    name            TEXT NOT NULL,
    state           TEXT NOT NULL,
    submitted_at_ms INTEGER NOT NULL,
    body            TEXT NOT NULL,
    spec            BLOB NOT NULL,
    outputs         TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX job_by_tenant ON job (tenant, id);
CREATE INDEX job_by_state ON job (state, id);
CREATE TABLE posting (
    id             INTEGER PRIMARY KEY,
    at_ms          INTEGER NOT NULL,
    tenant         TEXT NOT NULL,
    kind           TEXT NOT NULL,
    amount_micro   INTEGER NOT NULL,
    sku            TEXT,
    unit           TEXT,
    quantity       INTEGER,
    body           TEXT NOT NULL
) STRICT;
CREATE INDEX posting_by_tenant ON posting (tenant, at_ms, id);
CREATE INDEX posting_by_time ON posting (at_ms);
CREATE TABLE record (
    kind TEXT NOT NULL,
    id   TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
-- Events and bookings are history: nothing may change them, corrections are new rows.
CREATE TRIGGER event_append_only BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER event_keep BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER posting_append_only BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER posting_keep BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'append only'); END;
";

/// Brings a database to the current schema, or refuses one from a newer program.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer {
            found,
            known: VERSION,
        });
    }
    if found == 0 {
        let transaction = connection.transaction()?;
        transaction.execute_batch(CREATE)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Settings of every connection: readers never block the writer, a commit is on the disk.
pub(super) fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "busy_timeout", 10_000)?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}
