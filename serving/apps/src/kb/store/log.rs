//! The head of the log of answers, kept apart from the log: who can cut the log's end off cannot
//! cut this with it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::{StoreError, optional};
use crate::audit::Link;

/// The furthest event that the log was seen to hold; none before the first.
pub(crate) fn head(connection: &Connection) -> Result<Option<Link>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT seq, hash FROM log_head")?;
    let found = statement.query_row([], |row| {
        Ok(Link {
            seq: row.get(0)?,
            hash: row.get(1)?,
        })
    });
    Ok(optional(found)?)
}

/// The log holds an event. Writers overtake each other: only a further one moves the head.
pub(crate) fn seen(connection: &Connection, link: &Link) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO log_head (one, seq, hash) VALUES (1, ?, ?) ON CONFLICT (one) DO UPDATE \
             SET seq = excluded.seq, hash = excluded.hash WHERE excluded.seq > seq",
        )?
        .execute(params![link.seq, link.hash])?;
    Ok(())
}

/// Forgets the head: somebody answers for that the log ends earlier.
pub(crate) fn forget_head(connection: &Connection) -> Result<(), StoreError> {
    connection.execute("DELETE FROM log_head", [])?;
    Ok(())
}

/// The head that a library's file keeps, read without opening the library; none where an older
/// program wrote the file.
pub(crate) fn head_in(file: &Path) -> Result<Option<Link>, StoreError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut tables = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'log_head'")?;
    if tables.exists([])? {
        head(&connection)
    } else {
        Ok(None)
    }
}
