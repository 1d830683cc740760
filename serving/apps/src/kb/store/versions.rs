//! Finding versions in the file.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Connection, params};

use super::rows::{COLUMNS, VersionRow};
use super::{StoreError, from_json, optional};
use crate::kb::head::Head;
use crate::kb::known::{Known, Stage};
use crate::kb::quality::Sketch;
use crate::kb::version::VersionId;

/// Versions of a base, of one stage or of all, without their texts' order being touched: by
/// document and number.
pub(crate) fn versions(
    connection: &Connection,
    base: &str,
    stage: Option<Stage>,
    columns: &str,
) -> Result<Vec<VersionRow>, StoreError> {
    let statement = format!(
        "SELECT {columns} FROM version WHERE base = ? AND (? IS NULL OR stage = ?) \
         ORDER BY document, number"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let name = stage.map(Stage::name);
    let mut rows = statement.query(params![base, name, name])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(VersionRow::read(row)?);
    }
    Ok(found)
}

/// The raw bytes of a file.
pub(crate) fn raw(connection: &Connection, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM raw WHERE sha256 = ?")?;
    Ok(optional(statement.query_row([sha256], |row| row.get(0)))?)
}

/// All versions that are not withdrawn, as the quality gate of each base knows them.
pub(crate) fn known(connection: &Connection) -> Result<HashMap<String, Vec<Known>>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT document, number, head, sketch, base FROM version WHERE stage <> 'withdrawn' \
         ORDER BY document, number",
    )?;
    let mut rows = statement.query([])?;
    let mut found: HashMap<String, Vec<Known>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let id = VersionId {
            document: row.get(0)?,
            number: row.get(1)?,
        };
        let head: Head = from_json("head", &row.get::<_, String>(2)?)?;
        let sketch = Sketch::from_bytes(&row.get::<_, Vec<u8>>(3)?);
        let base = found.entry(row.get(4)?).or_default();
        base.push(Known::of(id, &head, sketch));
    }
    Ok(found)
}

/// A version with its text.
pub(crate) fn version(
    connection: &Connection,
    id: &VersionId,
) -> Result<Option<VersionRow>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM version WHERE document = ? AND number = ?");
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query(params![id.document, id.number])?;
    rows.next()?.map(VersionRow::read).transpose()
}

/// The newest version of a document, in whatever stage.
pub(crate) fn newest(
    connection: &Connection,
    document: &str,
) -> Result<Option<VersionRow>, StoreError> {
    let statement =
        format!("SELECT {COLUMNS} FROM version WHERE document = ? ORDER BY number DESC LIMIT 1");
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query([document])?;
    rows.next()?.map(VersionRow::read).transpose()
}

/// The newest version of a document that was read from a file, in whatever stage.
pub(crate) fn of_file(
    connection: &Connection,
    document: &str,
    sha256: &str,
) -> Result<Option<VersionRow>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM version WHERE document = ? AND sha256 = ? \
         ORDER BY number DESC LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query([document, sha256])?;
    rows.next()?.map(VersionRow::read).transpose()
}

/// Whether some version of a document was published, be it withdrawn since.
pub(crate) fn was_published(connection: &Connection, document: &str) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT 1 FROM version WHERE document = ? AND published_ms IS NOT NULL LIMIT 1",
    )?;
    let found: Option<i64> = optional(statement.query_row([document], |row| row.get(0)))?;
    Ok(found.is_some())
}

/// Documents of a base of which some version was published, be it withdrawn since.
pub(crate) fn once_published(
    connection: &Connection,
    base: &str,
) -> Result<BTreeSet<String>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT document FROM version WHERE base = ? AND published_ms IS NOT NULL",
    )?;
    let rows = statement.query_map([base], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps raw bytes; those that are there already stay as they are.
pub(crate) fn keep_raw(
    connection: &Connection,
    sha256: &str,
    bytes: &[u8],
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO raw (sha256, bytes) VALUES (?, ?)")?
        .execute(params![sha256, bytes])?;
    Ok(())
}
