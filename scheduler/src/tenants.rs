//! Tenants: decided by the core, described by a side record.

use crate::access::{Limits, TenantPort, TenantRow};
use crate::actor::Core;
use crate::api::{failure, unavailable};
use crate::store::{Records, StoreError};
use crate::words;
use futures::future::{BoxFuture, FutureExt as _};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tonic::Status;
use zhisuan_core::{Event, Refusal, Tenant, TenantName};

const KIND: &str = "tenant";

/// What the core need not know of a tenant.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Card {
    title: String,
    created_at_ms: i64,
    #[serde(default)]
    limits: Option<Limits>,
}

/// The tenants on record.
pub(crate) struct Tenants {
    core: Core,
    records: Arc<dyn Records>,
    /// By name; a gateway asks with every key that it meets.
    cards: RwLock<BTreeMap<String, Card>>,
}

impl Tenants {
    /// Loads the cards. Blocks.
    pub(crate) fn open(core: Core, records: Arc<dyn Records>) -> Result<Self, StoreError> {
        let card = |(name, json): (String, String)| {
            let card = serde_json::from_str(&json).map_err(|error| StoreError::Damaged {
                what: KIND,
                cause: error.to_string(),
            });
            card.map(|card| (name, card))
        };
        let cards = records.all(KIND)?.into_iter().map(card);
        Ok(Self {
            cards: RwLock::new(cards.collect::<Result<_, _>>()?),
            core,
            records,
        })
    }

    async fn add_one(
        &self,
        tenant: Tenant,
        title: String,
        limits: Option<Limits>,
    ) -> Result<(), Status> {
        let name = tenant.name.0.clone();
        self.core
            .apply(Event::TenantAdded { tenant })
            .await
            .map_err(|error| failure(&error))?;
        let now = self.core.ask(|_, now| now).await;
        let card = Card {
            title,
            created_at_ms: now.map_err(|error| failure(&error))?.0,
            limits,
        };
        self.keep(name, card).await
    }

    async fn keep(&self, name: String, card: Card) -> Result<(), Status> {
        let json = serde_json::to_string(&card).map_err(|error| unavailable(&error.to_string()))?;
        let (records, id) = (self.records.clone(), name.clone());
        let kept = tokio::task::spawn_blocking(move || records.put(KIND, &id, &json)).await;
        kept.map_err(|error| unavailable(&error.to_string()))?
            .map_err(|error| unavailable(&error.to_string()))?;
        let mut cards = self.cards.write().unwrap_or_else(PoisonError::into_inner);
        cards.insert(name, card);
        Ok(())
    }

    fn card(&self, name: &str) -> Card {
        let cards = self.cards.read().unwrap_or_else(PoisonError::into_inner);
        cards.get(name).cloned().unwrap_or_default()
    }

    async fn rows(&self) -> Result<Vec<TenantRow>, Status> {
        let tenants = self.core.ask(|state, _| state.tenants().clone());
        let tenants = tenants.await.map_err(|error| failure(&error))?;
        let row = |(name, tenant): (TenantName, Tenant)| {
            let card = self.card(&name.0);
            TenantRow {
                tenant,
                title: card.title,
                created_at_ms: card.created_at_ms,
                limits: card.limits,
            }
        };
        Ok(tenants.into_iter().map(row).collect())
    }

    /// The weight of a tenant, which must exist.
    async fn weight(&self, name: &str) -> Result<u32, Status> {
        let name = TenantName(name.to_owned());
        let wanted = name.clone();
        let weight = self.core.ask(move |state, _| {
            let tenant = state.tenants().get(&wanted);
            tenant.map(|tenant| tenant.weight)
        });
        let weight = weight.await.map_err(|error| failure(&error))?;
        weight.ok_or_else(|| words::refusal(&Refusal::UnknownTenant(name)))
    }
}

impl TenantPort for Tenants {
    fn add(
        &self,
        tenant: Tenant,
        title: String,
        limits: Option<Limits>,
    ) -> BoxFuture<'_, Result<(), Status>> {
        self.add_one(tenant, title, limits).boxed()
    }

    fn limit(&self, tenant: String, limits: Option<Limits>) -> BoxFuture<'_, Result<(), Status>> {
        async move {
            self.weight(&tenant).await?;
            let card = self.card(&tenant);
            self.keep(tenant, Card { limits, ..card }).await
        }
        .boxed()
    }

    fn terms(&self, tenant: String) -> BoxFuture<'_, Result<(Option<Limits>, u32), Status>> {
        async move {
            let weight = self.weight(&tenant).await?;
            Ok((self.card(&tenant).limits, weight))
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantRow>, Status>> {
        self.rows().boxed()
    }
}
