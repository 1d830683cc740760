//! Why a job waits, with the numbers. Made by the pass that decides, never guessed afterwards.

use crate::Shortfall;
use serde::{Deserialize, Serialize};

/// Why a waiting job is not placed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    /// No worker has registered yet, or none is connected.
    NoNodes {
        /// Nodes on record.
        known: u64,
    },
    /// The nodes that could run it have too little free now.
    Insufficient {
        /// What is short on the node that comes nearest.
        short: Shortfall,
        /// Asked for by one task.
        asked: u64,
        /// Free on the node that comes nearest.
        free: u64,
        /// Most that any node has in all.
        most: u64,
        /// Nodes that could run it when empty.
        capable_nodes: u64,
    },
    /// Some tasks of the gang would fit, not all of them.
    Gang {
        /// Tasks of the gang.
        tasks: u64,
        /// Tasks that fit now.
        fit: u64,
    },
    /// Nothing in the fleet could run it, even empty.
    Never {
        /// What no node has enough of.
        short: Shortfall,
        /// Asked for by one task.
        asked: u64,
        /// Most that any node has.
        most: u64,
        /// Tasks of the gang.
        tasks: u64,
    },
    /// The planner has not looked at it yet.
    Unplanned,
}

impl Reason {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoNodes { .. } => "no_nodes",
            Self::Insufficient { .. } => "insufficient",
            Self::Gang { .. } => "gang_incomplete",
            Self::Never { .. } => "never",
            Self::Unplanned => "unplanned",
        }
    }
}
