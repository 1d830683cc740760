//! What the gateway is told at its start, and why a start can fail.

use std::net::SocketAddr;

/// Settings of one gateway.
#[derive(Clone)]
pub struct Options {
    /// Where HTTP is listened for; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// `http://host:port` of the scheduler.
    pub scheduler_url: String,
    /// Secret of a key with the role "gateway".
    pub key: String,
    /// Requests that may be under way at once; one more is refused with 429.
    pub max_inflight: usize,
    /// Application pages, served for every path that the gateway itself does not own.
    pub extra: Option<axum::Router>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret and stays out of every log.
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("scheduler_url", &self.scheduler_url)
            .field("max_inflight", &self.max_inflight)
            .field("extra", &self.extra.is_some())
            .finish_non_exhaustive()
    }
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option is unusable.
    #[error("{option} is `{value}`: {accepted}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// The value as given; never a secret.
        value: String,
        /// What would be accepted.
        accepted: &'static str,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; choose another address or stop what uses it")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Metrics could not be registered.
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

impl Error {
    /// Stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Option { .. } => "ZS-GATEWAY-OPTION",
            Self::Listen { .. } => "ZS-GATEWAY-LISTEN",
            Self::Metrics(_) => "ZS-GATEWAY-METRICS",
        }
    }
}
