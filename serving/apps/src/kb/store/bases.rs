//! Knowledge bases and who may ask them.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, damaged, from_json, optional, to_json};
use crate::staff::Person;

/// Who may ask a base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "people")]
pub enum Audience {
    /// Everybody.
    Public,
    /// Everybody of the staff.
    Staff,
    /// People of the staff with these ids.
    Named(Vec<String>),
}

impl Audience {
    /// Whether somebody may ask; citizens have no person.
    pub fn admits(&self, person: Option<&Person>) -> bool {
        match (self, person) {
            (Self::Public, _) | (Self::Staff, Some(_)) => true,
            (Self::Named(people), Some(person)) => people.contains(&person.id),
            (Self::Staff | Self::Named(_), None) => false,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Staff => "staff",
            Self::Named(_) => "named",
        }
    }
}

/// A knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BaseInfo {
    /// Its name in addresses.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Who may ask it.
    pub audience: Audience,
    /// The place that it speaks for; none where nobody told it.
    pub home: Option<String>,
}

/// All bases by name.
pub(crate) fn bases(connection: &Connection) -> Result<Vec<BaseInfo>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT name, title, audience, people, home FROM base ORDER BY name")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let audience: String = row.get(2)?;
        let people: Vec<String> = from_json("people", &row.get::<_, String>(3)?)?;
        let audience = match audience.as_str() {
            "public" => Audience::Public,
            "staff" => Audience::Staff,
            "named" => Audience::Named(people),
            other => return Err(damaged("audience", &other)),
        };
        found.push(BaseInfo {
            name: row.get(0)?,
            title: row.get(1)?,
            audience,
            home: row.get(4)?,
        });
    }
    Ok(found)
}

/// Writes a base, new or changed.
pub(crate) fn put_base(
    connection: &Connection,
    name: &str,
    title: &str,
    audience: &Audience,
) -> Result<(), StoreError> {
    let people: &[String] = match audience {
        Audience::Named(people) => people,
        Audience::Public | Audience::Staff => &[],
    };
    connection
        .prepare_cached(
            "INSERT INTO base (name, title, audience, people) VALUES (?, ?, ?, ?) \
             ON CONFLICT (name) DO UPDATE SET title = excluded.title, \
             audience = excluded.audience, people = excluded.people",
        )?
        .execute(params![
            name,
            title,
            audience.name(),
            to_json("people", &people)?
        ])?;
    Ok(())
}

/// The place that a base speaks for.
pub(crate) fn home(connection: &Connection, base: &str) -> Result<Option<String>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT home FROM base WHERE name = ?")?;
    let found: Option<Option<String>> = optional(statement.query_row([base], |row| row.get(0)))?;
    Ok(found.flatten())
}

/// Tells a base the place that it speaks for.
pub(crate) fn set_home(
    connection: &Connection,
    base: &str,
    place: Option<&str>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached("UPDATE base SET home = ? WHERE name = ?")?;
    statement.execute(params![place, base])?;
    Ok(())
}

/// Whether there is a base of this name.
pub(crate) fn has_base(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM base WHERE name = ?")?;
    let found: Option<i64> = optional(statement.query_row([name], |row| row.get(0)))?;
    Ok(found.is_some())
}
