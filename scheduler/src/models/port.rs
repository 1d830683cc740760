//! What the deployments need of the scheduler, and what they are told by it.

use futures::future::BoxFuture;
use tonic::Status;
use zhisuan_core::JobState;
use zhisuan_proto::v1;

/// Submits and cancels the jobs that keep replicas running, and knows who may buy what.
pub(crate) trait ReplicaPort: Send + Sync + 'static {
    /// Submits one replica for `tenant` to pay; answered with the job's number once it is durable.
    fn submit(&self, tenant: String, spec: v1::JobSpec) -> BoxFuture<'_, Result<u64, Status>>;
    /// Asks a replica's job to stop; a job that has ended is left as it is.
    fn cancel(&self, job_id: u64) -> BoxFuture<'_, Result<(), Status>>;
    /// Tells a running replica what it serves from now on; nothing happens when it does not run.
    fn tell(&self, job_id: u64, work: v1::ServeWork) -> BoxFuture<'_, Result<(), Status>>;
    /// Refuses a tenant that does not exist (empty is everybody) and, where tokens are paid for,
    /// a name without a price.
    fn check_sale(
        &self,
        model: String,
        tenant: String,
        priced: bool,
    ) -> BoxFuture<'_, Result<(), Status>>;
}

/// News of a job with serve work.
#[derive(Clone, Debug)]
pub(crate) struct ReplicaUpdate {
    pub(crate) job_id: u64,
    /// As its `ServeWork` names it.
    pub(crate) deployment: String,
    pub(crate) state: JobState,
    /// Of the current attempt; 0 before the first.
    pub(crate) epoch: u64,
    /// Why it ended, in Chinese; empty while it goes on.
    pub(crate) message: String,
}

/// A replica that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadyReplica {
    /// host:port.
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) epoch: u64,
    pub(crate) context_length: u32,
    /// Names that it serves, as callers know them.
    pub(crate) models: Vec<String>,
    /// What its base can do, as it says itself.
    pub(crate) abilities: Vec<String>,
}
