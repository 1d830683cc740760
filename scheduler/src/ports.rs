//! What the rooms beside the core (access, models, console) ask of it.

use crate::access::{TenantPort, TenantRow};
use crate::actor::{Core, Failure};
use crate::api::{JobsService, failure, unavailable};
use crate::models::ReplicaPort;
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
        self.core.apply(Event::TenantAdded { tenant }).await.map_err(|error| failure(&error))?;
        let now = self.core.ask(|_, now| now).await.map_err(|error| failure(&error))?;
        let card = Card { title, created_at_ms: now.0 };
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
            let Card { title, created_at_ms } = cards.remove(&name.0).unwrap_or_default();
            TenantRow { tenant, title, created_at_ms }
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
            let accepted = self.jobs.accept(TenantName(tenant), vec![spec], String::new()).await?;
            accepted.job_ids.first().copied().ok_or_else(|| unavailable("a replica got no number"))
        }
        .boxed()
    }

    fn cancel(&self, job_id: u64) -> BoxFuture<'_, Result<(), Status>> {
        async move {
            match self.jobs.core.apply(Event::CancelRequested { job: JobId(job_id) }).await {
                Ok(_) | Err(Failure::Refused(Refusal::UnknownJob(_))) => Ok(()),
                Err(error) => Err(failure(&error)),
            }
        }
        .boxed()
    }
}
