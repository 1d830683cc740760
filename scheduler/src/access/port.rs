//! What the access service needs of the rest: the tenants on record.

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
}

/// The tenants on record.
pub(crate) trait TenantPort: Send + Sync + 'static {
    /// Opens a tenant and its account; answered after it is durable.
    fn add(&self, tenant: Tenant, title: String) -> BoxFuture<'_, Result<(), Status>>;
    /// Every tenant, by name.
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantRow>, Status>>;
}
