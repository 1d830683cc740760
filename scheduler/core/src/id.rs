//! Typed ids: a job number is never mistaken for an epoch.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                Self(value.to_owned())
            }
        }
    };
}

number!(
    /// Number of a job, 1 for the first, never reused.
    JobId
);
number!(
    /// Fencing token of an attempt: grows with every placement of any job.
    Epoch
);
name!(
    /// Who pays.
    TenantName
);
name!(
    /// A worker's machine.
    NodeName
);
name!(
    /// One inference request, chosen by the gateway; the key of its charge.
    RequestId
);

/// One task of one attempt, with the epoch that makes reports about it valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskRef {
    /// The job.
    pub job: JobId,
    /// 1 for the first try.
    pub attempt: u32,
    /// 0 for the first task of the gang.
    pub task: u32,
    /// Epoch of the attempt.
    pub epoch: Epoch,
}
