//! Why something asked for is not done. Nothing has changed when one of these is returned.

use crate::{JobId, NodeName, Reason, RequestId, TaskRef, TenantName};
use std::fmt::Display;

/// A refused event. Sentences for people are made from this data by the shell.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A field has a value that is not accepted.
    #[error("{field} is {value}, accepted: {accepted}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// As received, shortened.
        value: String,
        /// What would be accepted.
        accepted: String,
    },
    /// No such tenant.
    #[error("unknown tenant {0}")]
    UnknownTenant(TenantName),
    /// No such live job.
    #[error("unknown job {0}")]
    UnknownJob(JobId),
    /// No such node.
    #[error("unknown node {0}")]
    UnknownNode(NodeName),
    /// No open hold for the request.
    #[error("unknown request {0}")]
    UnknownRequest(RequestId),
    /// No node of the fleet could ever run it.
    #[error("impossible on this fleet: {0:?}")]
    Impossible(Box<Reason>),
    /// The account does not cover the hold.
    #[error("tenant {tenant} has {available_micro}, {needed_micro} micro-yuan are needed")]
    Balance {
        /// Who would pay.
        tenant: TenantName,
        /// The hold.
        needed_micro: i64,
        /// What is left, credit included.
        available_micro: i64,
    },
    /// The hold exceeds the job's own cap.
    #[error("the hold of {hold_micro} exceeds max_cost_micro {cap_micro}")]
    OverBudget {
        /// The hold.
        hold_micro: i64,
        /// The cap.
        cap_micro: i64,
    },
    /// The price book has no price for it.
    #[error("no price for {0}")]
    NoPrice(String),
    /// A report about an attempt that is no longer the current one.
    #[error("stale report about {0:?}")]
    Stale(TaskRef),
    /// A node came back with other devices while the old ones are on record.
    #[error("devices of {node} changed: {was} on record, {now} reported")]
    DevicesChanged {
        /// The node.
        node: NodeName,
        /// Devices on record.
        was: String,
        /// Devices reported.
        now: String,
    },
    /// Another node already has the device.
    #[error("device {uuid} belongs to {owner}")]
    DeviceTaken {
        /// The device.
        uuid: String,
        /// Its node.
        owner: NodeName,
    },
    /// A name, key or place is taken: the text says which.
    #[error("{0} is in use already")]
    Conflict(String),
}

impl Refusal {
    /// A field with a value that is not accepted; the value is shortened.
    pub fn invalid(
        field: impl Into<String>,
        value: impl Display,
        accepted: impl Into<String>,
    ) -> Self {
        let mut value = value.to_string();
        if let Some((end, _)) = value.char_indices().nth(80) {
            value.truncate(end);
            value.push('…');
        }
        Self::Invalid {
            field: field.into(),
            value,
            accepted: accepted.into(),
        }
    }
}
