//! Work for the staff: what could not be answered, what was rated low, what was corrected.

use jiff::civil::Date;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, damaged, optional};

/// Why there is work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkKind {
    /// A question that no text answered.
    Unanswered,
    /// A question that was answered, but only by texts that are not law on the day.
    NotInForce,
    /// Somebody wants to be answered by a person.
    Person,
    /// An answer that was rated low.
    LowRating,
    /// A question that two texts in force answer differently.
    Conflict,
    /// Somebody says what the answer should be.
    Correction,
}

impl WorkKind {
    /// The name in the database and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::NotInForce => "not_in_force",
            Self::Person => "person",
            Self::LowRating => "low_rating",
            Self::Conflict => "conflict",
            Self::Correction => "correction",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [
            Self::Unanswered,
            Self::NotInForce,
            Self::Person,
            Self::LowRating,
            Self::Conflict,
            Self::Correction,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unanswered => "未能回答",
            Self::NotInForce => "没有现行依据",
            Self::Person => "要求人工",
            Self::LowRating => "评价较低",
            Self::Conflict => "依据冲突",
            Self::Correction => "答案更正",
        }
    }
}

/// Work to be opened.
#[derive(Debug, Clone)]
pub(crate) struct NewWork<'a> {
    pub(crate) base: &'a str,
    pub(crate) kind: WorkKind,
    /// Masked.
    pub(crate) question: &'a str,
    pub(crate) answer: &'a str,
    pub(crate) note: &'a str,
    pub(crate) now_ms: i64,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct WorkItem {
    /// Its number.
    pub id: i64,
    /// The base.
    pub base: String,
    /// Why.
    pub kind: WorkKind,
    /// The question with personal numbers masked.
    pub question: String,
    /// Id of the answer; empty for none.
    pub answer: String,
    /// What was said with it.
    pub note: String,
    /// How often the same came up.
    pub times: u32,
    /// When it came up first, milliseconds since 1970.
    pub opened_ms: i64,
    /// When it was done.
    pub closed_ms: Option<i64>,
    /// Id of the person who did it.
    pub person: Option<String>,
    /// What was done.
    pub outcome: String,
}

/// A question whose answer must stay as it was corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Regression {
    /// Its number.
    pub id: i64,
    /// The base.
    pub base: String,
    /// The question.
    pub question: String,
    /// The day for which it is asked.
    pub as_of: Date,
    /// What the answer must hold, word for word.
    pub expected: String,
}

/// Most open work of a base: more is never read, and anybody may open it.
pub(crate) const MAX_OPEN: usize = 2_000;

const COLUMNS: &str = "id, base, kind, question, answer, note, times, opened_ms, closed_ms, \
     person, outcome";

/// Work of a base, the newest first; open work only, or all.
pub(crate) fn work(
    connection: &Connection,
    base: &str,
    open_only: bool,
    most: usize,
) -> Result<Vec<WorkItem>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM work WHERE base = ? AND (NOT ? OR closed_ms IS NULL) \
         ORDER BY id DESC LIMIT ?"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![base, open_only, most])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(item(row)?);
    }
    Ok(found)
}

/// Questions whose answers must stay.
pub(crate) fn regressions(
    connection: &Connection,
    base: &str,
) -> Result<Vec<Regression>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, base, question, as_of, expected FROM regression WHERE base = ? ORDER BY id",
    )?;
    let mut rows = statement.query([base])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let as_of: String = row.get(3)?;
        found.push(Regression {
            id: row.get(0)?,
            base: row.get(1)?,
            question: row.get(2)?,
            as_of: as_of.parse().map_err(|error| damaged("as_of", &error))?,
            expected: row.get(4)?,
        });
    }
    Ok(found)
}

/// A piece of work by its number.
pub(crate) fn work_item(connection: &Connection, id: i64) -> Result<Option<WorkItem>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM work WHERE id = ?");
    let mut statement = connection.prepare_cached(&statement)?;
    let mut rows = statement.query([id])?;
    rows.next()?.map(item).transpose()
}

/// How much work of a base is open.
pub(crate) fn count_open(connection: &Connection, base: &str) -> Result<usize, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM work WHERE base = ? AND closed_ms IS NULL")?;
    let open: i64 = statement.query_row([base], |row| row.get(0))?;
    Ok(usize::try_from(open).unwrap_or(0))
}

/// Opens work, or counts it where the same is open already. Beyond [`MAX_OPEN`] nothing more is
/// opened, and zero is returned.
pub(crate) fn open_work(connection: &Connection, new: &NewWork<'_>) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM work WHERE base = ? AND kind = ? AND question = ? AND note = ? \
         AND closed_ms IS NULL",
    )?;
    let kind = new.kind.name();
    let same = params![new.base, kind, new.question, new.note];
    let known: Option<i64> = optional(statement.query_row(same, |row| row.get(0)))?;
    if let Some(id) = known {
        connection
            .prepare_cached("UPDATE work SET times = times + 1 WHERE id = ?")?
            .execute([id])?;
        return Ok(id);
    }
    if count_open(connection, new.base)? >= MAX_OPEN {
        tracing::warn!(
            base = new.base,
            "too much open work: nothing more is opened"
        );
        return Ok(0);
    }
    connection
        .prepare_cached(
            "INSERT INTO work (base, kind, question, answer, note, times, opened_ms, outcome) \
             VALUES (?, ?, ?, ?, ?, 1, ?, '')",
        )?
        .execute(params![
            new.base,
            kind,
            new.question,
            new.answer,
            new.note,
            new.now_ms
        ])?;
    Ok(connection.last_insert_rowid())
}

/// Closes work that is open.
pub(crate) fn close_work(
    connection: &Connection,
    id: i64,
    person: &str,
    outcome: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached(
            "UPDATE work SET closed_ms = ?, person = ?, outcome = ? \
             WHERE id = ? AND closed_ms IS NULL",
        )?
        .execute(params![now_ms, person, outcome, id])?;
    Ok(changed == 1)
}

/// Keeps a corrected question.
pub(crate) fn keep_regression(
    connection: &Connection,
    kept: &Regression,
    work: Option<i64>,
    person: &str,
    now_ms: i64,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO regression (base, question, as_of, expected, work, person, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            kept.base,
            kept.question,
            kept.as_of.to_string(),
            kept.expected,
            work,
            person,
            now_ms
        ])?;
    Ok(connection.last_insert_rowid())
}

fn item(row: &rusqlite::Row<'_>) -> Result<WorkItem, StoreError> {
    let kind: String = row.get(2)?;
    Ok(WorkItem {
        id: row.get(0)?,
        base: row.get(1)?,
        kind: WorkKind::parse(&kind).ok_or_else(|| damaged("kind", &kind))?,
        question: row.get(3)?,
        answer: row.get(4)?,
        note: row.get(5)?,
        times: row.get(6)?,
        opened_ms: row.get(7)?,
        closed_ms: row.get(8)?,
        person: row.get(9)?,
        outcome: row.get(10)?,
    })
}
