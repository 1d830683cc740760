//! A secret of this installation, from which replica tokens are derived, so that a restarted
//! scheduler knows the tokens of replicas that went on running.

use crate::store::{Records, StoreError};
use sha2::{Digest as _, Sha256};
use zhisuan_core::TaskRef;

const KIND: &str = "secret";
const ID: &str = "cluster";

/// Never logged, never sent.
#[derive(Clone)]
pub(crate) struct ClusterSecret(String);

impl ClusterSecret {
    /// The secret on record, or a new one.
    pub(crate) fn open(records: &dyn Records) -> Result<Self, StoreError> {
        if let Some((_, secret)) = records.all(KIND)?.into_iter().find(|(id, _)| id == ID) {
            return Ok(Self(secret));
        }
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| StoreError::Damaged {
            what: "random source",
            cause: error.to_string(),
        })?;
        let secret = hex::encode(bytes);
        records.put(KIND, ID, &secret)?;
        Ok(Self(secret))
    }

    /// What callers of the replica that runs `task` must show.
    pub(crate) fn replica_token(&self, task: TaskRef) -> String {
        let mut digest = Sha256::new();
        for part in [
            &self.0,
            "replica",
            &task.job.to_string(),
            &task.epoch.to_string(),
            &self.0,
        ] {
            digest.update(part.as_bytes());
            digest.update([0]);
        }
        hex::encode(digest.finalize())
    }
}
