//! The model library and what is served from it.

mod catalogue;
mod convert;
mod deployment;
mod deployments;
#[cfg(test)]
mod deployments_tests;
mod error;
mod grpc;
mod handle;
mod model;
mod port;
mod reconcile;
#[cfg(test)]
mod reconcile_tests;
mod registry;
mod routes;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use catalogue::Catalogue;
pub(crate) use deployments::Deployments;
pub(crate) use grpc::ModelService;
pub(crate) use handle::Models;
pub(crate) use port::{ReadyReplica, ReplicaPort, ReplicaUpdate};
