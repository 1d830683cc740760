//! What the access service needs of the rest: the tenants on record.

use super::limits::Limits;
use futures::future::BoxFuture;
use tonic::Status;
use zhisuan_core::Tenant;

/// A tenant as it is listed.
#[derive(Clone, Debug)]
pub(crate) struct TenantRow {
    pub(crate) tenant: Tenant,
    /// For people.
    pub(crate) title: String,
    pub(crate) created_at_ms: i64,
    /// Of all its keys together.
    pub(crate) limits: Option<Limits>,
}

/// The tenants on record.
pub(crate) trait TenantPort: Send + Sync + 'static {
    /// Opens a tenant and its account; answered after it is durable.
    fn add(
        &self,
        tenant: Tenant,
        title: String,
        limits: Option<Limits>,
    ) -> BoxFuture<'_, Result<(), Status>>;
    /// Sets what all keys of a tenant together may ask for.
    fn limit(&self, tenant: String, limits: Option<Limits>) -> BoxFuture<'_, Result<(), Status>>;
    /// What all keys of a tenant together may ask for, and its weight in the fair share.
    fn terms(&self, tenant: String) -> BoxFuture<'_, Result<(Option<Limits>, u32), Status>>;
    /// Every tenant, by name.
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantRow>, Status>>;
}
