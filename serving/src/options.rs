//! What the gateway is told at its start, and why a start can fail.

use crate::audit::AuditOptions;
use crate::guard::GuardOptions;
use crate::label::LabelOptions;
use crate::limits::Rates;
use serde::{Deserialize, Deserializer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Settings of one gateway.
#[derive(Clone)]
pub struct Options {
    /// Where HTTP is listened for; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// `http://host:port` of the scheduler.
    pub scheduler_url: String,
    /// Secret of a key with the role "gateway".
    pub key: String,
    /// Requests that may be at work at once; one more waits its turn, within
    /// [`Operations::queue`], or is refused with 429.
    pub max_inflight: usize,
    /// Application pages, served for every path that the gateway itself does not own.
    pub extra: Option<axum::Router>,
    /// How the gateway is run.
    pub operations: Operations,
}

/// Settings of an operator; the defaults suit a small centre. Files of them name times in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operations {
    /// Of each key for which the scheduler tells no limits.
    pub key_limits: Rates,
    /// Of all keys of a tenant together, where the scheduler tells no limits.
    pub tenant_limits: Rates,
    /// Requests that may wait for their turn.
    pub queue: QueueBounds,
    /// Tenants named on the page of metrics, which needs no key; 0 names none.
    pub metrics_tenants: usize,
    /// File for one JSON line per request: who, what, how long; never content.
    pub access_log: Option<PathBuf>,
    /// A head of a request that is not whole after so long ends its connection.
    #[serde(rename = "request_head_s", deserialize_with = "seconds")]
    pub request_head: Duration,
    /// A body that is not whole after so long is refused; files have longer.
    #[serde(rename = "request_body_s", deserialize_with = "seconds")]
    pub request_body: Duration,
    /// A connection that asks for nothing for so long is closed.
    #[serde(rename = "idle_s", deserialize_with = "seconds")]
    pub idle: Duration,
    /// A reader of a stream that takes nothing for so long loses it.
    #[serde(rename = "reader_stall_s", deserialize_with = "seconds")]
    pub reader_stall: Duration,
    /// Content filter on prompts and answers.
    pub guard: GuardOptions,
    /// Marks of generated content.
    pub label: LabelOptions,
    /// Audit events, chained by hash; `None` writes none.
    pub audit: Option<AuditOptions>,
    /// `http://host:port` of an OpenTelemetry collector (OTLP over gRPC) for traces.
    pub otlp_endpoint: Option<String>,
}

/// How many requests may wait at a gateway, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueueBounds {
    /// Of all tenants together; 0 refuses at once.
    pub waiting: usize,
    /// Of one tenant.
    pub waiting_per_tenant: usize,
    /// Longest wait for a place, and for a replica that is on its way.
    #[serde(rename = "patience_s", deserialize_with = "seconds")]
    pub patience: Duration,
}

impl Default for Operations {
    fn default() -> Self {
        Self {
            key_limits: Rates::default(),
            tenant_limits: Rates::default(),
            queue: QueueBounds::default(),
            metrics_tenants: 0,
            access_log: None,
            request_head: Duration::from_secs(15),
            request_body: Duration::from_secs(30),
            idle: Duration::from_mins(5),
            reader_stall: Duration::from_secs(30),
            guard: GuardOptions::default(),
            label: LabelOptions::default(),
            audit: None,
            otlp_endpoint: None,
        }
    }
}

impl Default for QueueBounds {
    fn default() -> Self {
        Self {
            waiting: 1_024,
            waiting_per_tenant: 256,
            patience: Duration::from_mins(1),
        }
    }
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_secs)
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The key is a secret and stays out of every log.
        f.debug_struct("Options")
            .field("listen", &self.listen)
            .field("scheduler_url", &self.scheduler_url)
            .field("max_inflight", &self.max_inflight)
            .field("extra", &self.extra.is_some())
            .field("operations", &self.operations)
            .finish_non_exhaustive()
    }
}

const MAX_INFLIGHT: usize = 1_000_000;

impl Options {
    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.max_inflight == 0 || self.max_inflight > MAX_INFLIGHT {
            return Err(Error::Option {
                option: "max_inflight",
                value: self.max_inflight.to_string(),
                accepted: "expected 1 to 1000000 requests",
            });
        }
        if self.operations.queue.waiting > MAX_INFLIGHT {
            return Err(Error::Option {
                option: "queue.waiting",
                value: self.operations.queue.waiting.to_string(),
                accepted: "expected 0 to 1000000 requests",
            });
        }
        Ok(())
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
    /// A file cannot be written.
    #[error("cannot write {}: {source}; make its folder writable or choose another", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another gateway writes this audit; two would tear its chain apart.
    #[error("another program writes the audit in {}; stop it, or give this one another folder \
             (audit.folder, or another data folder)", path.display())]
    AuditBusy {
        /// The audit's folder.
        path: PathBuf,
    },
    /// The client for other servers could not be made.
    #[error("cannot make an HTTPS client for other servers: {0}; check the system's certificates")]
    Client(#[from] reqwest::Error),
    /// The system gives no random numbers, so ids could not be told apart.
    #[error("the system gives no random numbers; check /dev/urandom")]
    Random,
    /// The list of terms cannot be read.
    #[error("cannot read the list of terms {}: {source}", path.display())]
    Terms {
        /// The file.
        path: PathBuf,
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
            Self::Terms { .. } => "ZS-GATEWAY-TERMS",
            Self::Client(_) => "ZS-GATEWAY-CLIENT",
            Self::Random => "ZS-GATEWAY-RANDOM",
            Self::File { .. } | Self::AuditBusy { .. } => "ZS-GATEWAY-FILE",
            Self::Metrics(_) => "ZS-GATEWAY-METRICS",
        }
    }
}
