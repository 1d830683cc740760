//! Synonyms, proposed and reviewed, and themes that are switched off.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::{StoreError, from_json, optional, to_json};
use crate::kb::published::Synonym;

/// A synonym that waits for a checker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProposedSynonym {
    /// The synonym; no meanings asks to remove the word.
    pub synonym: Synonym,
    /// Id of the person who proposed it.
    pub maker: String,
}

/// Reviewed synonyms of a base by word.
pub(crate) fn synonyms(connection: &Connection, base: &str) -> Result<Vec<Synonym>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT word, means FROM synonym WHERE base = ? ORDER BY word")?;
    let mut rows = statement.query([base])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let means = from_json("means", &row.get::<_, String>(1)?)?;
        let word = row.get(0)?;
        found.push(Synonym { word, means });
    }
    Ok(found)
}

/// Synonyms that wait for a checker.
pub(crate) fn proposed_synonyms(
    connection: &Connection,
    base: &str,
) -> Result<Vec<ProposedSynonym>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT word, means, maker FROM proposed_synonym WHERE base = ? ORDER BY word",
    )?;
    let mut rows = statement.query([base])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let means = from_json("means", &row.get::<_, String>(1)?)?;
        let word = row.get(0)?;
        found.push(ProposedSynonym {
            synonym: Synonym { word, means },
            maker: row.get(2)?,
        });
    }
    Ok(found)
}

/// Themes of a base that are switched off.
pub(crate) fn closed_themes(
    connection: &Connection,
    base: &str,
) -> Result<Vec<String>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT theme FROM closed_theme WHERE base = ? ORDER BY theme")?;
    let rows = statement.query_map([base], |row| row.get(0))?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Writes a proposal; a newer one for the same word takes its place.
pub(crate) fn propose_synonym(
    connection: &Connection,
    base: &str,
    synonym: &Synonym,
    maker: &str,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO proposed_synonym (base, word, means, maker) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            base,
            synonym.word,
            to_json("means", &synonym.means)?,
            maker
        ])?;
    Ok(())
}

/// The proposal for a word.
pub(crate) fn proposal(
    connection: &Connection,
    base: &str,
    word: &str,
) -> Result<Option<ProposedSynonym>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT means, maker FROM proposed_synonym WHERE base = ? AND word = ?")?;
    let row = optional(statement.query_row([base, word], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    }))?;
    row.map(|(means, maker)| {
        let means = from_json("means", &means)?;
        let word = word.to_owned();
        Ok(ProposedSynonym {
            synonym: Synonym { word, means },
            maker,
        })
    })
    .transpose()
}

/// Ends a proposal: accepted ones take effect.
pub(crate) fn settle_synonym(
    connection: &Connection,
    base: &str,
    proposed: &ProposedSynonym,
    checker: &str,
    accepted: bool,
) -> Result<(), StoreError> {
    let Synonym { word, means } = &proposed.synonym;
    connection
        .prepare_cached("DELETE FROM proposed_synonym WHERE base = ? AND word = ?")?
        .execute(params![base, word])?;
    if !accepted {
        return Ok(());
    }
    if means.is_empty() {
        connection
            .prepare_cached("DELETE FROM synonym WHERE base = ? AND word = ?")?
            .execute(params![base, word])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO synonym (base, word, means, maker, checker) \
             VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            base,
            word,
            to_json("means", means)?,
            proposed.maker,
            checker
        ])?;
    Ok(())
}

/// Switches a theme off or on again.
pub(crate) fn switch_theme(
    connection: &Connection,
    base: &str,
    theme: &str,
    person: &str,
    at_ms: i64,
    closed: bool,
) -> Result<(), StoreError> {
    if closed {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO closed_theme (base, theme, person, at_ms) \
                 VALUES (?, ?, ?, ?)",
            )?
            .execute(params![base, theme, person, at_ms])?;
    } else {
        connection
            .prepare_cached("DELETE FROM closed_theme WHERE base = ? AND theme = ?")?
            .execute(params![base, theme])?;
    }
    Ok(())
}
