//! Answers as they were given, and what people said of them.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::{StoreError, from_json, optional, to_json};
use crate::answer::Answer;
use crate::audit::Link;

/// An answer as it was given, with its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeptAnswer {
    /// The base that was asked.
    pub base: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// The answer; none once it was erased.
    pub answer: Option<Answer>,
    /// Its place in the chain.
    pub link: Link,
}

/// What somebody said of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Feedback {
    /// Id of the answer.
    pub answer: String,
    /// When, milliseconds since 1970.
    pub at_ms: i64,
    /// Whether it helped.
    pub helpful: bool,
    /// Stable reason: `wrong`, `incomplete`, `outdated`, `unclear`, `other`; empty for none.
    pub reason: String,
    /// In their words, personal numbers masked.
    pub comment: String,
}

/// An answer by its id.
pub(crate) fn answer(connection: &Connection, id: &str) -> Result<Option<KeptAnswer>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT base, at_ms, body, link_seq, link_hash FROM answer WHERE id = ?")?;
    let mut rows = statement.query([id])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let body: Option<String> = row.get(2)?;
    let answer = body.map(|body| from_json("answer", &body)).transpose()?;
    Ok(Some(KeptAnswer {
        base: row.get(0)?,
        at_ms: row.get(1)?,
        answer,
        link: Link {
            seq: row.get(3)?,
            hash: row.get(4)?,
        },
    }))
}

/// The salt of an answer that is kept and not erased.
pub(crate) fn salt(connection: &Connection, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT salt FROM answer WHERE id = ?")?;
    let found: Option<Option<Vec<u8>>> = optional(statement.query_row([id], |row| row.get(0)))?;
    Ok(found.flatten())
}

/// The newest feedback of a base.
pub(crate) fn feedback(
    connection: &Connection,
    base: &str,
    most: usize,
) -> Result<Vec<Feedback>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT answer, at_ms, helpful, reason, comment FROM feedback WHERE base = ? \
         ORDER BY id DESC LIMIT ?",
    )?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![base, most], |row| {
        Ok(Feedback {
            answer: row.get(0)?,
            at_ms: row.get(1)?,
            helpful: row.get(2)?,
            reason: row.get(3)?,
            comment: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Keeps an answer. The same answer given again (the same hashes) is kept once.
pub(crate) fn keep_answer(
    connection: &Connection,
    base: &str,
    answer: &Answer,
    salt: &[u8],
    link: &Link,
    at_ms: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO answer (id, base, at_ms, salt, body, link_seq, link_hash) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             salt = excluded.salt, body = excluded.body, at_ms = excluded.at_ms, \
             link_seq = excluded.link_seq, link_hash = excluded.link_hash WHERE body IS NULL",
        )?
        .execute(params![
            answer.id,
            base,
            at_ms,
            salt,
            to_json("answer", answer)?,
            link.seq,
            link.hash,
        ])?;
    Ok(())
}

/// Forgets what was asked and answered; the chain keeps only a digest that says nothing any more.
pub(crate) fn erase_answer(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    connection
        .prepare_cached("UPDATE feedback SET comment = '' WHERE answer = ?")?
        .execute([id])?;
    connection
        .prepare_cached("UPDATE work SET question = '', note = '' WHERE answer = ?")?
        .execute([id])?;
    let changed = connection
        .prepare_cached("UPDATE answer SET salt = NULL, body = NULL WHERE id = ?")?
        .execute([id])?;
    Ok(changed == 1)
}

/// Drops the answers given before a moment, with what was said of them; how many there were.
pub(crate) fn drop_answers(
    connection: &Connection,
    base: &str,
    before_ms: i64,
) -> Result<usize, StoreError> {
    connection
        .prepare_cached("DELETE FROM feedback WHERE base = ? AND at_ms < ?")?
        .execute(params![base, before_ms])?;
    let dropped = connection
        .prepare_cached("DELETE FROM answer WHERE base = ? AND at_ms < ?")?
        .execute(params![base, before_ms])?;
    Ok(dropped)
}

/// Keeps what somebody said.
pub(crate) fn keep_feedback(
    connection: &Connection,
    base: &str,
    said: &Feedback,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO feedback (answer, base, at_ms, helpful, reason, comment) \
             VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            said.answer,
            base,
            said.at_ms,
            said.helpful,
            said.reason,
            said.comment
        ])?;
    Ok(())
}
