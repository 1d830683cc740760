//! Who may do what: keys, roles, sign-in. Deny by default.

mod error;
mod grpc;
mod handle;
mod keys;
mod layer;
#[cfg(test)]
mod layer_tests;
mod limits;
mod port;
mod roles;
mod sessions;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use error::Denied;
pub(crate) use grpc::AccessService;
pub(crate) use handle::{Access, Caller};
pub(crate) use layer::{caller_of, protect};
pub(crate) use limits::Limits;
pub(crate) use port::{TenantPort, TenantRow};
pub(crate) use roles::CENTRE;
pub use roles::Role;

use std::sync::Arc;

/// The scheduler's clock: milliseconds since the Unix epoch.
pub(crate) type NowMs = Arc<dyn Fn() -> i64 + Send + Sync>;
