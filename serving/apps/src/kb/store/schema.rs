//! The SQLite schema of the library and its versions.

use rusqlite::Connection;

use super::StoreError;

const VERSION: i64 = 6;

const CREATE: &str = "
CREATE TABLE base (
    name     TEXT PRIMARY KEY,
    title    TEXT NOT NULL,
    audience TEXT NOT NULL,
    people   TEXT NOT NULL
) STRICT;
CREATE TABLE raw (
    sha256 TEXT PRIMARY KEY,
    bytes  BLOB NOT NULL
) STRICT;
CREATE TABLE version (
    id           INTEGER PRIMARY KEY,
    document     TEXT NOT NULL,
    number       INTEGER NOT NULL,
    base         TEXT NOT NULL REFERENCES base (name),
    stage        TEXT NOT NULL,
    file         TEXT NOT NULL,
    sha256       TEXT NOT NULL REFERENCES raw (sha256),
    text         TEXT NOT NULL,
    layout       TEXT NOT NULL,
    head         TEXT NOT NULL,
    repairs      TEXT NOT NULL,
    findings     TEXT NOT NULL,
    sketch       BLOB NOT NULL,
    makers       TEXT NOT NULL,
    changed      INTEGER NOT NULL,
    checker      TEXT,
    added_ms     INTEGER NOT NULL,
    published_ms INTEGER,
    note         TEXT NOT NULL,
    UNIQUE (document, number)
) STRICT;
CREATE INDEX version_by_base ON version (base, stage, document, number);
CREATE TABLE synonym (
    base    TEXT NOT NULL REFERENCES base (name),
    word    TEXT NOT NULL,
    means   TEXT NOT NULL,
    maker   TEXT NOT NULL,
    checker TEXT,
    PRIMARY KEY (base, word)
) STRICT, WITHOUT ROWID;
CREATE TABLE proposed_synonym (
    base  TEXT NOT NULL REFERENCES base (name),
    word  TEXT NOT NULL,
    means TEXT NOT NULL,
    maker TEXT NOT NULL,
    PRIMARY KEY (base, word)
) STRICT, WITHOUT ROWID;
CREATE TABLE closed_theme (
    base   TEXT NOT NULL REFERENCES base (name),
    theme  TEXT NOT NULL,
    person TEXT NOT NULL,
    at_ms  INTEGER NOT NULL,
    PRIMARY KEY (base, theme)
) STRICT, WITHOUT ROWID;
CREATE TABLE work (
    id        INTEGER PRIMARY KEY,
    base      TEXT NOT NULL,
    kind      TEXT NOT NULL,
    question  TEXT NOT NULL,
    answer    TEXT NOT NULL,
    note      TEXT NOT NULL,
    times     INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER,
    person    TEXT,
    outcome   TEXT NOT NULL
) STRICT;
CREATE INDEX work_open ON work (base, closed_ms, id);
CREATE TABLE regression (
    id       INTEGER PRIMARY KEY,
    base     TEXT NOT NULL,
    question TEXT NOT NULL,
    as_of    TEXT NOT NULL,
    expected TEXT NOT NULL,
    work     INTEGER REFERENCES work (id),
    person   TEXT NOT NULL,
    at_ms    INTEGER NOT NULL
) STRICT;
CREATE TABLE answer (
    id        TEXT PRIMARY KEY,
    base      TEXT NOT NULL,
    at_ms     INTEGER NOT NULL,
    salt      BLOB,
    body      TEXT,
    link_seq  INTEGER NOT NULL,
    link_hash TEXT NOT NULL
) STRICT;
CREATE TABLE feedback (
    id      INTEGER PRIMARY KEY,
    answer  TEXT NOT NULL,
    base    TEXT NOT NULL,
    at_ms   INTEGER NOT NULL,
    helpful INTEGER NOT NULL,
    reason  TEXT NOT NULL,
    comment TEXT NOT NULL
) STRICT;
CREATE TABLE history (
    id     INTEGER PRIMARY KEY,
    at_ms  INTEGER NOT NULL,
    base   TEXT NOT NULL,
    person TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
-- What happened stays: raw files, texts and the history are never rewritten or thrown away.
CREATE TRIGGER history_fixed BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER history_keep BEFORE DELETE ON history BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER raw_fixed BEFORE UPDATE ON raw BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER raw_keep BEFORE DELETE ON raw BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER version_keep BEFORE DELETE ON version BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER version_fixed BEFORE UPDATE OF document, number, base, file, sha256, text, layout
    ON version BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER published_fixed BEFORE UPDATE OF head, repairs ON version
    WHEN OLD.published_ms IS NOT NULL BEGIN SELECT RAISE(ABORT, 'published'); END;
-- Written with what it tells of; taken out when the chain has it.
CREATE TABLE outbox (
    history INTEGER PRIMARY KEY REFERENCES history (id)
) STRICT;
";

/// What each version of the schema changes in the one before it; the first creates it.
const STEPS: [&str; VERSION as usize] = [
    CREATE,
    "ALTER TABLE base ADD COLUMN home TEXT",
    "CREATE TABLE person (id TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT, WITHOUT ROWID",
    // How far the log of answers was seen to reach, as far as the answers tell.
    "CREATE TABLE log_head (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seq  INTEGER NOT NULL,
        hash TEXT NOT NULL
     ) STRICT;
     INSERT INTO log_head (one, seq, hash) SELECT 1, link_seq, link_hash FROM answer
        WHERE link_seq > 0 ORDER BY link_seq DESC LIMIT 1;",
    // A question may be in force and be proposed anew at one time.
    "CREATE TABLE bank_question (
        id       INTEGER PRIMARY KEY AUTOINCREMENT,
        base     TEXT NOT NULL REFERENCES base (name),
        question TEXT NOT NULL,
        document TEXT NOT NULL,
        quote    TEXT NOT NULL,
        answers  INTEGER NOT NULL,
        maker    TEXT NOT NULL,
        checker  TEXT,
        at_ms    INTEGER NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX bank_question_once ON bank_question (base, question, document, checker IS NULL);",
    // A folder that is read again brings nothing back that was withdrawn.
    "CREATE TABLE imported_question (
        base TEXT NOT NULL REFERENCES base (name),
        sm3  TEXT NOT NULL,
        PRIMARY KEY (base, sm3)
     ) STRICT, WITHOUT ROWID",
];

/// Brings a database to the current schema, or refuses one from a newer program.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer {
            found,
            known: VERSION,
        });
    }
    for (version, step) in (1_i64..)
        .zip(STEPS)
        .skip_while(|(version, _)| *version <= found)
    {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Settings of the connection: a commit is on the disk, references hold.
pub(super) fn configure(connection: &Connection) -> Result<(), StoreError> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "busy_timeout", 10_000)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is forgotten is overwritten, not only unlinked.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use rusqlite::Connection;

    use super::{STEPS, VERSION, migrate};

    #[test]
    fn a_library_of_an_earlier_program_is_brought_on() {
        let mut connection = Connection::open_in_memory().unwrap();
        for (version, step) in (1_i64..).zip(STEPS).take(2) {
            connection.execute_batch(step).unwrap();
            connection
                .pragma_update(None, "user_version", version)
                .unwrap();
        }
        let base = "INSERT INTO base VALUES ('gov', '政务', 'public', '[]', '云麓市')";
        connection.execute_batch(base).unwrap();
        migrate(&mut connection).unwrap();
        let one = |sql: &str| {
            connection
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(one("PRAGMA user_version"), VERSION);
        assert_eq!(one("SELECT count(*) FROM base WHERE home = '云麓市'"), 1);
        assert_eq!(one("SELECT count(*) FROM person"), 0);
    }
}
