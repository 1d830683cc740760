//! The log of answers as the library knows it: how far it must reach.

use std::path::Path;

use serde_json::json;

use super::{Library, LibraryError};
use crate::audit::{Link, Lost, VerifyError, verify};
use crate::kb::store::bases::bases;
use crate::kb::store::log::{forget_head, head, head_in, seen};
use crate::kb::store::{Deed, Store, StoreError};
use crate::staff::Person;

/// The head of the log that the library in a file keeps; none before the first event. Only reads,
/// and needs no running program.
pub fn kept_head(file: &Path) -> Result<Option<Link>, StoreError> {
    head_in(file)
}

/// Takes a shortened or rewritten log of the library in a file as it is now, because what is
/// missing cannot be had back. The library's history keeps who did so, and how far the log had
/// reached; the log gets that event with the next start. None where nothing is missing, or the
/// library never wrote.
pub fn accept_log(
    file: &Path,
    log: &Path,
    person: &Person,
    now_ms: i64,
) -> Result<Option<Lost>, LibraryError> {
    let mut store = Store::open(file)?;
    let Some(kept) = head(store.read())? else {
        return Ok(None);
    };
    let lost = match verify(log, Some(&kept)) {
        Ok(_) => return Ok(None),
        Err(VerifyError::Lost { lost, .. }) => lost,
        Err(other) => return Err(other.into()),
    };
    let Some(base) = bases(store.read())?.into_iter().next() else {
        return Ok(None);
    };
    let now = verify(log, None).ok().map(|verified| verified.head);
    store.change(|transaction| {
        forget_head(transaction)?;
        if let Some(now) = &now {
            seen(transaction, now)?;
        }
        let deed = Deed {
            at_ms: now_ms,
            base: &base.name,
            person,
            action: "log_lost",
            object: "answers".to_owned(),
            detail: json!({
                "reached": kept.to_string(),
                "ends": now.map_or_else(String::new, |now| now.to_string()),
            }),
        };
        Ok::<_, LibraryError>(deed.write(transaction)?)
    })?;
    Ok(Some(lost))
}

impl Library {
    /// The furthest event that the log was seen to hold.
    pub fn log_head(&self) -> Result<Option<Link>, LibraryError> {
        Ok(head(self.desk().store.read())?)
    }

    /// A log that is shorter than it was, or another one, is not written on: what was taken out of
    /// it would never be missed.
    pub(super) fn must_reach_head(&self) -> Result<(), LibraryError> {
        if let (Some(chain), Some(kept)) = (&self.0.chain, self.log_head()?) {
            chain.holds(&kept)?;
        }
        Ok(())
    }
}
