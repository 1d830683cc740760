//! Append-only logs whose lines are chained by hash, so that none can be changed, taken out or put
//! in without a break, and anybody can check that from the files alone.
//!
//! Each owner of a log names its [`Kind`], keeps its own thread and decides what to do when the
//! disk refuses; the lines, the files and the verifier are the same for all.

mod canonical;
mod digest;
mod files;
mod line;
mod verify;

pub use canonical::canonical;
pub use digest::{Digest, sm3_hex};
pub use files::{Files, ROTATE_BYTES};
pub use line::{Break, Link, NoLink};
pub use verify::{Lost, Verified, VerifyError, holds, verify};

/// What tells one log from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Begins the names of its files: `audit` gives `audit-000000000001.jsonl`.
    pub name: &'static str,
    /// What its lines are chained by.
    pub digest: Digest,
}
