//! Restart: the latest snapshot, then the events after it, by the code that applied them first.

use crate::store::{Journal, StoreError};
use zhisuan_core::{Event, Limits, Millis, State};

/// Where the journal left off.
pub(crate) struct Recovered {
    pub(crate) state: State,
    /// Of the last event.
    pub(crate) sequence: u64,
    /// Time of the last event.
    pub(crate) at: Millis,
    /// Events that were applied on top of the snapshot.
    pub(crate) replayed: u64,
}

pub(crate) fn recover(store: &mut impl Journal, limits: Limits) -> Result<Recovered, StoreError> {
    let mut loaded = store.load()?;
    let damaged = |what, cause: String| StoreError::Damaged { what, cause };
    let mut sequence = 0;
    let mut state = State::new(limits);
    if let Some((taken_at, json)) = loaded.snapshot.take() {
        match serde_json::from_str(&json) {
            Ok(snapshot) => (sequence, state) = (taken_at, snapshot),
            Err(error) => {
                // A snapshot only saves time: every event is kept.
                tracing::warn!(%error, "the snapshot cannot be read; replaying every event");
                loaded = store.load_all()?;
            }
        }
    }
    let (mut at, loaded_at) = (Millis(0), loaded.last_at);
    // Indexes first: replay places and cancels jobs through them.
    state.resume(limits, at);
    let mut replayed = 0;
    for entry in loaded.tail {
        if entry.sequence != sequence + 1 {
            let cause = format!("event {} follows event {sequence}", entry.sequence);
            return Err(damaged("journal", cause));
        }
        let event: Event = serde_json::from_str(&entry.body)
            .map_err(|error| damaged("event", error.to_string()))?;
        // An event was written because it had been accepted: a refusal now means that the journal
        // and the program disagree, and going on would rewrite history.
        state.apply(&event, entry.at).map_err(|refusal| {
            damaged("event", format!("{} is refused: {refusal}", entry.sequence))
        })?;
        sequence = entry.sequence;
        at = entry.at;
        replayed += 1;
    }
    Ok(Recovered {
        state,
        sequence,
        at: at.max(loaded_at),
        replayed,
    })
}
