//! Who did what and when: append-only, and from here into the chain.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{StoreError, from_json};
use crate::staff::Person;

/// Something that somebody did.
#[derive(Debug, Clone)]
pub(crate) struct Deed<'a> {
    pub(crate) at_ms: i64,
    pub(crate) base: &'a str,
    /// Who did it. The history and the chain get the id alone.
    pub(crate) person: &'a Person,
    /// Stable verb, such as `publish`.
    pub(crate) action: &'static str,
    /// What it was done to, such as `residence-permit@2`.
    pub(crate) object: String,
    /// Digests and counts, no personal data.
    pub(crate) detail: Value,
}

/// An entry of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its number, ascending.
    pub id: i64,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// The base.
    pub base: String,
    /// Id of the person.
    pub person: String,
    /// Stable verb: `add`, `import` (from a folder), `repair`, `edit_head`, `publish`, `withdraw`,
    /// `repeal`, `synonym`, `questions` (of the bank), `close_theme`, `open_theme`, `base`, `erase`,
    /// `drop_answers`, `log_lost` (the log of answers is shorter than it was, and somebody went on with it).
    pub action: String,
    /// What it was done to.
    pub object: String,
    /// Digests and counts.
    pub detail: Value,
}

impl Deed<'_> {
    /// Writes it down, and that the chain has yet to get it; remembers the person's name.
    pub(crate) fn write(&self, connection: &Connection) -> Result<(), StoreError> {
        know_person(connection, self.person)?;
        connection
            .prepare_cached(
                "INSERT INTO history (at_ms, base, person, action, object, detail) \
                 VALUES (?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                self.at_ms,
                self.base,
                self.person.id,
                self.action,
                self.object,
                self.detail.to_string(),
            ])?;
        let id = connection.last_insert_rowid();
        connection
            .prepare_cached("INSERT INTO outbox (history) VALUES (?)")?
            .execute([id])?;
        Ok(())
    }
}

/// Remembers by which name colleagues know a person. Unlike the history it may be changed: a key
/// can be renamed, and a name forgotten.
fn know_person(connection: &Connection, person: &Person) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO person (id, name) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name WHERE name <> excluded.name",
        )?
        .execute(params![person.id, person.name])?;
    Ok(())
}

/// Names of all who did anything, by id.
pub(crate) fn people(connection: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id, name FROM person")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

const COLUMNS: &str = "id, at_ms, base, person, action, object, detail";

/// The newest entries of a base, of one object or of all.
pub(crate) fn history(
    connection: &Connection,
    base: &str,
    object: Option<&str>,
    most: usize,
) -> Result<Vec<Entry>, StoreError> {
    // A document's entries are those of its versions: `name@1`, `name@2`.
    let like = object.map(|object| format!("{object}@"));
    let statement = format!(
        "SELECT {COLUMNS} FROM history WHERE base = ?1 AND (?2 IS NULL OR object = ?2 \
         OR substr(object, 1, length(?3)) = ?3) ORDER BY id DESC LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![base, object, like, most])?;
    entries(&mut rows)
}

/// Entries that the chain does not have yet, the oldest first.
pub(crate) fn unchained(connection: &Connection) -> Result<Vec<Entry>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM history WHERE id IN (SELECT history FROM outbox) ORDER BY id"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query([])?;
    entries(&mut rows)
}

/// The chain has an entry.
pub(crate) fn chained(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM outbox WHERE history = ?")?
        .execute([id])?;
    Ok(())
}

fn entries(rows: &mut rusqlite::Rows<'_>) -> Result<Vec<Entry>, StoreError> {
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(Entry {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            base: row.get(2)?,
            person: row.get(3)?,
            action: row.get(4)?,
            object: row.get(5)?,
            detail: from_json("detail", &row.get::<_, String>(6)?)?,
        });
    }
    Ok(found)
}

impl Entry {
    /// The event that the chain gets. After a crash the same entry may come twice; its `history`
    /// number tells.
    pub(crate) fn event(&self) -> Map<String, Value> {
        Map::from_iter(
            [
                ("kind", json!(self.action)),
                ("at_ms", json!(self.at_ms)),
                ("base", json!(self.base)),
                ("person", json!(self.person)),
                ("object", json!(self.object)),
                ("detail", self.detail.clone()),
                ("history", json!(self.id)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        )
    }
}
