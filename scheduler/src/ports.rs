//! What the rooms beside the core (access, models, console) ask of it.

use crate::access::{Caller, Role, TenantPort, TenantRow};
use crate::actor::{Core, Failure};
use crate::api::{BillingService, JobsService, NodesService, failure, unavailable};
use crate::console::{Answer, ConsolePort};
use crate::logs::LogTask;
use crate::models::{Deployments, Models, ReplicaPort};
use crate::store::Records;
use futures::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;
use zhisuan_core::{Event, JobId, Refusal, Tenant, TenantName};
use zhisuan_proto::v1;

const KIND: &str = "tenant";

/// What the core need not know of a tenant.
#[derive(Default, Serialize, Deserialize)]
struct Card {
    title: String,
    created_at_ms: i64,
}

/// Tenants: decided by the core, described by a side record.
pub(crate) struct Tenants {
    pub(crate) core: Core,
    pub(crate) records: Arc<dyn Records>,
}

impl Tenants {
    async fn open(&self, tenant: Tenant, title: String) -> Result<(), Status> {
        let name = tenant.name.0.clone();
        self.core
            .apply(Event::TenantAdded { tenant })
            .await
            .map_err(|error| failure(&error))?;
        let now = self
            .core
            .ask(|_, now| now)
            .await
            .map_err(|error| failure(&error))?;
        let card = Card {
            title,
            created_at_ms: now.0,
        };
        let json = serde_json::to_string(&card).map_err(|error| unavailable(&error.to_string()))?;
        let records = self.records.clone();
        let kept = tokio::task::spawn_blocking(move || records.put(KIND, &name, &json)).await;
        kept.map_err(|error| unavailable(&error.to_string()))?
            .map_err(|error| unavailable(&error.to_string()))
    }

    async fn rows(&self) -> Result<Vec<TenantRow>, Status> {
        let tenants = self.core.ask(|state, _| state.tenants().clone());
        let tenants = tenants.await.map_err(|error| failure(&error))?;
        let records = self.records.clone();
        let cards = crate::api::read(move || records.all(KIND)).await?;
        let mut cards: BTreeMap<String, Card> = cards
            .into_iter()
            .map(|(name, json)| (name, serde_json::from_str(&json).unwrap_or_default()))
            .collect();
        let row = |(name, tenant): (TenantName, Tenant)| {
            let Card {
                title,
                created_at_ms,
            } = cards.remove(&name.0).unwrap_or_default();
            TenantRow {
                tenant,
                title,
                created_at_ms,
            }
        };
        Ok(tenants.into_iter().map(row).collect())
    }
}

impl TenantPort for Tenants {
    fn add(&self, tenant: Tenant, title: String) -> BoxFuture<'_, Result<(), Status>> {
        self.open(tenant, title).boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantRow>, Status>> {
        self.rows().boxed()
    }
}

/// Jobs that keep replicas running.
pub(crate) struct Replicas {
    pub(crate) jobs: JobsService,
}

impl ReplicaPort for Replicas {
    fn submit(&self, tenant: String, spec: v1::JobSpec) -> BoxFuture<'_, Result<u64, Status>> {
        async move {
            let accepted = self
                .jobs
                .accept(TenantName(tenant), vec![spec], String::new())
                .await?;
            accepted
                .job_ids
                .first()
                .copied()
                .ok_or_else(|| unavailable("a replica got no number"))
        }
        .boxed()
    }

    fn cancel(&self, job_id: u64) -> BoxFuture<'_, Result<(), Status>> {
        async move {
            match self
                .jobs
                .core
                .apply(Event::CancelRequested { job: JobId(job_id) })
                .await
            {
                Ok(_) | Err(Failure::Refused(Refusal::UnknownJob(_))) => Ok(()),
                Err(error) => Err(failure(&error)),
            }
        }
        .boxed()
    }
}

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
