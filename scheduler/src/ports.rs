//! What the console's pages ask of the services.

use crate::access::{Caller, Role};
use crate::api::{BillingService, JobsService, NodesService};
use crate::console::{Answer, ConsolePort};
use crate::logs::LogTask;
use crate::models::{Deployments, Models};
use futures::future::FutureExt as _;
use tonic::Status;
use zhisuan_proto::v1;

/// Data of the console's pages: the services that answer gRPC, asked from inside.
pub(crate) struct Desk {
    pub(crate) jobs: JobsService,
    pub(crate) nodes: NodesService,
    pub(crate) billing: BillingService,
    pub(crate) models: Models,
    pub(crate) deployments: Deployments,
}

/// Whose records a page shows; `None` is everybody's.
fn tenant_seen(caller: &Caller) -> Option<String> {
    let sees_all = matches!(caller.role, Role::Operator | Role::Auditor);
    (!sees_all).then(|| caller.tenant.clone())
}

impl ConsolePort for Desk {
    fn list_jobs(
        &self,
        caller: &Caller,
        request: v1::ListJobsRequest,
    ) -> Answer<'_, v1::ListJobsResponse> {
        let caller = caller.clone();
        async move { self.jobs.page_of_jobs(&caller, request).await }.boxed()
    }

    fn get_job(&self, caller: &Caller, job_id: u64) -> Answer<'_, v1::Job> {
        let caller = caller.clone();
        async move { self.jobs.message(&caller, job_id).await }.boxed()
    }

    fn log_tail(&self, caller: &Caller, job_id: u64, lines: u32) -> Answer<'_, Vec<v1::LogChunk>> {
        let caller = caller.clone();
        async move {
            let stored = self.jobs.stored(&caller, job_id).await?;
            let attempt = stored.job.attempts.len() as u32;
            if attempt == 0 {
                return Ok(Vec::new());
            }
            let task = LogTask {
                job: job_id,
                attempt,
                task: 0,
            };
            self.jobs.logs.read(task, lines).await.map_err(Status::from)
        }
        .boxed()
    }

    fn list_nodes(&self, _: &Caller) -> Answer<'_, v1::ListNodesResponse> {
        async move {
            Ok(v1::ListNodesResponse {
                nodes: self.nodes.nodes().await?,
            })
        }
        .boxed()
    }

    fn accounts(&self, caller: &Caller) -> Answer<'_, Vec<v1::Account>> {
        let caller = caller.clone();
        async move { self.billing.accounts(&caller).await }.boxed()
    }

    fn statement(
        &self,
        caller: &Caller,
        request: v1::StatementRequest,
    ) -> Answer<'_, v1::StatementResponse> {
        let caller = caller.clone();
        async move { self.billing.statement_for(&caller, request).await }.boxed()
    }

    fn models(&self, caller: &Caller) -> Answer<'_, Vec<v1::ModelManifest>> {
        let models = self.models.list(tenant_seen(caller).as_deref());
        async move { Ok(models) }.boxed()
    }

    fn deployments(&self, caller: &Caller) -> Answer<'_, Vec<v1::Deployment>> {
        let deployments = self.deployments.list(tenant_seen(caller).as_deref());
        async move { Ok(deployments) }.boxed()
    }
}
