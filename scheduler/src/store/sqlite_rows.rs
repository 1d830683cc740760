//! Names of states and kinds in the database. Stored for ever: they never change.

use zhisuan_core::JobState;
use zhisuan_core::ledger::EntryKind;

pub(super) fn state_name(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "queued",
        JobState::Starting => "starting",
        JobState::Running => "running",
        JobState::Stopping => "stopping",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
        JobState::TimedOut => "timed_out",
    }
}

pub(super) fn kind_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::TopUp => "top_up",
        EntryKind::Hold => "hold",
        EntryKind::Release => "release",
        EntryKind::Charge => "charge",
        EntryKind::Reversal => "reversal",
    }
}
