//! The model library and what is served from it.

mod backend;
mod catalogue;
mod convert;
mod demand;
mod deployment;
mod deployments;
#[cfg(test)]
mod deployments_tests;
mod describe;
mod error;
mod grpc;
mod handle;
mod load;
mod model;
mod plan;
mod port;
mod reconcile;
#[cfg(test)]
mod reconcile_tests;
mod registry;
mod routes;
mod sale;
mod scale;
#[cfg(test)]
mod scale_tests;
mod shape;
mod sharing;
#[cfg(test)]
mod sharing_tests;
mod state;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod traffic;

pub(crate) use catalogue::Catalogue;
pub use catalogue::built_in;
pub(crate) use deployments::Deployments;
pub(crate) use grpc::ModelService;
pub(crate) use handle::Models;
pub(crate) use port::{ReadyReplica, ReplicaPort, ReplicaUpdate};
