//! Every store behaves the same.

use zhisuan_scheduler::store::{Sqlite, StoreError, conformance};

#[test]
fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Sqlite::open(&folder.path().join("a.db")).unwrap();
    conformance::check(&mut store).unwrap();
}

#[test]
fn history_cannot_be_changed_even_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let mut store = Sqlite::open(&path).unwrap();
    conformance::check(&mut store).unwrap();
    let by_hand = rusqlite::Connection::open(&path).unwrap();
    for statement in [
        "UPDATE posting SET amount_micro = 0",
        "DELETE FROM posting",
        "UPDATE event SET body = '{}'",
        "DELETE FROM event",
    ] {
        let error = by_hand.execute(statement, []).unwrap_err().to_string();
        assert!(error.contains("append only"), "{statement}: {error}");
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    drop(Sqlite::open(&path).unwrap());
    rusqlite::Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = Sqlite::open(&path).unwrap_err();
    assert!(
        matches!(refused, StoreError::Newer { found: 99, .. }),
        "{refused}"
    );
}
