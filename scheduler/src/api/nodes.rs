//! The Nodes service: what operators see and do.

use super::convert::Seen;
use super::{failure, node_message};
use crate::actor::Core;
use crate::sessions::Sessions;
use crate::words;
use std::collections::BTreeSet;
use tonic::{Request, Response, Status};
use zhisuan_core::{Event, NodeName, Refusal};
use zhisuan_proto::v1::{self, nodes_server::Nodes};

/// Cheap to clone: the console asks through it too.
#[derive(Clone)]
pub(crate) struct NodesService {
    pub(crate) core: Core,
    pub(crate) sessions: Sessions,
}

impl NodesService {
    pub(crate) async fn nodes(&self) -> Result<Vec<v1::Node>, Status> {
        let sessions = self.sessions.clone();
        let nodes = self.core.ask(move |state, _| {
            let message = |node: &zhisuan_core::Node| {
                let name = &node.spec.name;
                let jobs: BTreeSet<u64> = state
                    .tasks_on(name)
                    .into_iter()
                    .map(|task| task.job.0)
                    .collect();
                node_message(
                    node,
                    Seen {
                        heartbeat: sessions.last_heartbeat(&name.0),
                        jobs,
                    },
                )
            };
            state.nodes().values().map(message).collect()
        });
        nodes.await.map_err(|error| failure(&error))
    }

    async fn node(&self, name: &str) -> Result<v1::Node, Status> {
        let found = self
            .nodes()
            .await?
            .into_iter()
            .find(|node| node.name == name);
        found.ok_or_else(|| words::refusal(&Refusal::UnknownNode(name.into())))
    }
}

#[tonic::async_trait]
impl Nodes for NodesService {
    async fn list(
        &self,
        _: Request<v1::ListNodesRequest>,
    ) -> Result<Response<v1::ListNodesResponse>, Status> {
        Ok(Response::new(v1::ListNodesResponse {
            nodes: self.nodes().await?,
        }))
    }

    async fn drain(
        &self,
        request: Request<v1::DrainRequest>,
    ) -> Result<Response<v1::Node>, Status> {
        let message = request.into_inner();
        let event = Event::NodeDrained {
            node: NodeName(message.node.clone()),
            drain: message.drain,
        };
        self.core
            .apply(event)
            .await
            .map_err(|error| failure(&error))?;
        Ok(Response::new(self.node(&message.node).await?))
    }

    async fn accept_devices(
        &self,
        request: Request<v1::AcceptDevicesRequest>,
    ) -> Result<Response<v1::Node>, Status> {
        let name = request.into_inner().node;
        let node = self.node(&name).await?;
        let event = Event::NodeForgotten {
            node: NodeName(name),
        };
        self.core
            .apply(event)
            .await
            .map_err(|error| failure(&error))?;
        // The record as it was: the node comes back with its new devices when it registers.
        Ok(Response::new(node))
    }
}
