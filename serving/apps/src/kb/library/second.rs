//! Which versions need a second person: a checker who had no hand in them.

use rusqlite::Connection;

use super::LibraryError;
use super::desk::{list, must_check};
use crate::kb::known::Stage;
use crate::kb::store::StoreError;
use crate::kb::store::rows::VersionRow;
use crate::kb::store::versions::was_published;
use crate::kb::timeline::Claim;
use crate::staff::Person;

/// Whether only a checker who had no hand in a version may publish it: it is suspicious, a person
/// changed it, it would take the place of a text that was law already, or it says that it replaces
/// another text of the base.
pub(super) fn needs_second(connection: &Connection, row: &VersionRow) -> Result<bool, StoreError> {
    Ok(row.changed
        || row.stage == Stage::Quarantined
        || was_published(connection, &row.id.document)?
        || displaces(connection, row)?)
}

/// Whether it says that it replaces a published text of another document.
fn displaces(connection: &Connection, row: &VersionRow) -> Result<bool, StoreError> {
    let Some(claim) = Claim::of(&row.head) else {
        return Ok(false);
    };
    let published = list(connection, &row.base, Some(Stage::Published))?;
    Ok(published.iter().any(|other| {
        let head = &other.head;
        other.id.document != row.id.document
            && claim.hits(&head.title, head.number.as_deref(), head.place.as_deref())
    }))
}

/// Refuses a person who may not publish a version.
pub(super) fn may_publish(
    connection: &Connection,
    row: &VersionRow,
    person: &Person,
) -> Result<(), LibraryError> {
    let second = needs_second(connection, row)?;
    if !second && person.maker {
        return Ok(());
    }
    must_check(person)?;
    if second && row.makers.contains(&person.id) {
        return Err(LibraryError::SamePerson {
            person: person.name.clone(),
            what: row.id.to_string(),
        });
    }
    Ok(())
}
