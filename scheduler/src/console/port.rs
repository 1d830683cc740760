//! Where the pages get their data: the same code that answers gRPC.

use crate::access::Caller;
use futures::future::BoxFuture;
use tonic::Status;
use zhisuan_proto::v1;

/// Answer of the port.
pub(crate) type Answer<'a, T> = BoxFuture<'a, Result<T, Status>>;

/// Data of the pages. Every call shows `caller` no more than its role and tenant may see.
pub(crate) trait ConsolePort: Send + Sync + 'static {
    fn list_jobs(
        &self,
        caller: &Caller,
        request: v1::ListJobsRequest,
    ) -> Answer<'_, v1::ListJobsResponse>;
    fn get_job(&self, caller: &Caller, job_id: u64) -> Answer<'_, v1::Job>;
    /// The last lines of the latest attempt's first task.
    fn log_tail(&self, caller: &Caller, job_id: u64, lines: u32) -> Answer<'_, Vec<v1::LogChunk>>;
    /// Asked for operators and auditors only.
    fn list_nodes(&self, caller: &Caller) -> Answer<'_, v1::ListNodesResponse>;
    /// A tenant's own account; everybody's for operators and auditors.
    fn accounts(&self, caller: &Caller) -> Answer<'_, Vec<v1::Account>>;
    fn statement(
        &self,
        caller: &Caller,
        request: v1::StatementRequest,
    ) -> Answer<'_, v1::StatementResponse>;
    fn models(&self, caller: &Caller) -> Answer<'_, Vec<v1::ModelManifest>>;
    fn deployments(&self, caller: &Caller) -> Answer<'_, Vec<v1::Deployment>>;
}
