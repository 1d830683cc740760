//! The question bank: questions in force and those that wait for a checker.

use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::{StoreError, optional};
use crate::kb::bank::BankQuestion;

/// A question of the bank as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct KeptQuestion {
    /// Its number.
    pub id: i64,
    /// The question.
    #[serde(flatten)]
    pub question: BankQuestion,
    /// Id of the person who proposed it.
    pub maker: String,
    /// Id of the person who accepted it; none while it waits.
    pub checker: Option<String>,
}

const COLUMNS: &str = "id, question, document, quote, answers, maker, checker";

/// Questions in force, ordered by document and question.
pub(crate) fn bank(connection: &Connection, base: &str) -> Result<Vec<BankQuestion>, StoreError> {
    let kept = listed(connection, base, true)?;
    Ok(kept.into_iter().map(|kept| kept.question).collect())
}

/// Questions that are in force, or that wait, ordered by document and question.
pub(crate) fn listed(
    connection: &Connection,
    base: &str,
    accepted: bool,
) -> Result<Vec<KeptQuestion>, StoreError> {
    let statement = format!(
        "SELECT {COLUMNS} FROM bank_question WHERE base = ? AND (checker IS NOT NULL) = ? \
         ORDER BY document, question"
    );
    let mut statement = connection.prepare_cached(&statement)?;
    let rows = statement.query_map(params![base, accepted], kept)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A question of a base by its number.
pub(crate) fn question(
    connection: &Connection,
    base: &str,
    id: i64,
) -> Result<Option<KeptQuestion>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM bank_question WHERE base = ? AND id = ?");
    let mut statement = connection.prepare_cached(&statement)?;
    Ok(optional(statement.query_row(params![base, id], kept))?)
}

/// How many questions a base has, waiting ones with them.
pub(crate) fn count(connection: &Connection, base: &str) -> Result<usize, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT count(*) FROM bank_question WHERE base = ?")?;
    let count: i64 = statement.query_row([base], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// How many questions of a base wait for a checker.
pub(crate) fn count_waiting(connection: &Connection, base: &str) -> Result<usize, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT count(*) FROM bank_question WHERE base = ? AND checker IS NULL")?;
    let count: i64 = statement.query_row([base], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Writes a proposal; it takes the place of one for the same question and document that waits.
/// False where the very same is in force already.
pub(crate) fn propose(
    connection: &Connection,
    base: &str,
    one: &BankQuestion,
    maker: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let BankQuestion {
        question,
        document,
        quote,
        answers,
    } = one;
    let mut known = connection.prepare_cached(
        "SELECT 1 FROM bank_question WHERE base = ? AND question = ? AND document = ? \
         AND quote = ? AND answers = ? AND checker IS NOT NULL",
    )?;
    if known.exists(params![base, question, document, quote, answers])? {
        return Ok(false);
    }
    connection
        .prepare_cached(
            "DELETE FROM bank_question WHERE base = ? AND question = ? AND document = ? \
             AND checker IS NULL",
        )?
        .execute(params![base, question, document])?;
    connection
        .prepare_cached(
            "INSERT INTO bank_question (base, question, document, quote, answers, maker, at_ms) \
             VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            base, question, document, quote, answers, maker, now_ms
        ])?;
    Ok(true)
}

/// Puts a proposal into force in place of what was known of its question.
pub(crate) fn accept(
    connection: &Connection,
    base: &str,
    kept: &KeptQuestion,
    checker: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "DELETE FROM bank_question WHERE base = ? AND question = ? AND document = ? \
             AND checker IS NOT NULL",
        )?
        .execute(params![
            base,
            kept.question.question,
            kept.question.document
        ])?;
    connection
        .prepare_cached("UPDATE bank_question SET checker = ? WHERE id = ?")?
        .execute(params![checker, kept.id])?;
    Ok(())
}

/// Whether a question was brought in from a folder before.
pub(crate) fn was_imported(
    connection: &Connection,
    base: &str,
    sm3: &str,
) -> Result<bool, StoreError> {
    let mut known =
        connection.prepare_cached("SELECT 1 FROM imported_question WHERE base = ? AND sm3 = ?")?;
    Ok(known.exists([base, sm3])?)
}

/// Remembers that a question was brought in from a folder, if it was taken.
pub(crate) fn remember_import(
    connection: &Connection,
    base: &str,
    one: &BankQuestion,
    sm3: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO imported_question (base, sm3) SELECT ?1, ?2 WHERE EXISTS \
             (SELECT 1 FROM bank_question WHERE base = ?1 AND question = ?3 AND document = ?4 \
             AND quote = ?5 AND answers = ?6)",
        )?
        .execute(params![
            base,
            sm3,
            one.question,
            one.document,
            one.quote,
            one.answers
        ])?;
    Ok(())
}

/// Takes a question out.
pub(crate) fn remove(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM bank_question WHERE id = ?")?
        .execute([id])?;
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<KeptQuestion> {
    Ok(KeptQuestion {
        id: row.get(0)?,
        question: BankQuestion {
            question: row.get(1)?,
            document: row.get(2)?,
            quote: row.get(3)?,
            answers: row.get(4)?,
        },
        maker: row.get(5)?,
        checker: row.get(6)?,
    })
}
