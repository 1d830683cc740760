//! What an operator may set, with the defaults of a small installation.

use std::net::SocketAddr;
use std::path::PathBuf;
use zhisuan_core::Limits;

/// Options of the scheduler.
#[derive(Clone, Debug)]
pub struct Options {
    /// Database, artifacts and logs.
    pub data_dir: PathBuf,
    /// gRPC, console, metrics and health share this address; port 0 picks a free one.
    pub listen: SocketAddr,
    /// A catalogue of the operator's own models, read beside the built-in one.
    pub catalogue: Option<PathBuf>,
    /// How browsers reach this scheduler, for sign-in links; else the listening address.
    pub public_url: Option<String>,
    /// A worker that was silent this long has lost its tasks.
    pub lease_ms: u32,
    /// How often workers say that they live.
    pub heartbeat_ms: u32,
    /// Usage is charged in slices of about this length.
    pub slice_ms: u64,
    /// What is kept of one task's log.
    pub log_limit_bytes: u64,
    /// Time between the wish to stop and the end by force.
    pub stop_grace_ms: u32,
}

impl Options {
    /// Defaults for everything but the two things that have none.
    #[must_use]
    pub fn new(data_dir: PathBuf, listen: SocketAddr) -> Self {
        Self {
            data_dir,
            listen,
            catalogue: None,
            public_url: None,
            lease_ms: 15_000,
            heartbeat_ms: 2_000,
            slice_ms: 60_000,
            log_limit_bytes: 16 * 1024 * 1024,
            stop_grace_ms: 10_000,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            lease_ms: self.lease_ms.into(),
            slice_ms: self.slice_ms,
            ..Limits::default()
        }
    }
}
