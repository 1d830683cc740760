//! Scheduler, worker and gateway in one process, started and stopped in order.

use super::knowledge::{Knowledge, KnowledgeOptions};
use super::operations::with_audit;
use super::{cache_dir, hub, node_name, not_started};
use crate::args::QaModelArgs;
use crate::client::Client;
use crate::error::Result;
use crate::words::tr;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use zhisuan_scheduler::Role;
use zhisuan_worker::SimulatedDevice;

/// Requests that the gateway works on at once.
const MAX_INFLIGHT: usize = 256;

/// What the roles are told.
pub(crate) struct StackOptions {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) gateway_listen: SocketAddr,
    pub(crate) knowledge: Option<PathBuf>,
    /// Days for which answers are kept; 0 for ever.
    pub(crate) keep_days: u32,
    /// Where people reach the gateway's pages, if that is not its own address.
    pub(crate) public_url: Option<String>,
    pub(crate) catalogue: Option<PathBuf>,
    pub(crate) allow_commands: bool,
    pub(crate) simulated: Vec<SimulatedDevice>,
    /// Of the gateway.
    pub(crate) operations: zhisuan_serving::Operations,
}

/// The running roles.
pub(crate) struct Stack {
    scheduler: zhisuan_scheduler::Handle,
    worker: zhisuan_worker::Handle,
    gateway: zhisuan_serving::Handle,
    knowledge: Knowledge,
}

impl Stack {
    /// Starts the scheduler, then a worker, then the gateway.
    pub(crate) async fn start(options: StackOptions) -> Result<Self> {
        let mut scheduler =
            zhisuan_scheduler::Options::new(options.data_dir.join("scheduler"), options.listen);
        scheduler.catalogue = options.catalogue;
        let scheduler = zhisuan_scheduler::start(scheduler)
            .await
            .map_err(|error| not_started(tr("调度服务", "the scheduler"), error.code(), &error))?;
        let url = local_url(scheduler.address());
        let worker = zhisuan_worker::start(zhisuan_worker::Options {
            scheduler_url: url.clone(),
            key: scheduler.internal_key(Role::Worker),
            node: node_name(),
            data_dir: options.data_dir.join("worker"),
            cache_dir: cache_dir(),
            simulated_devices: options.simulated,
            allow_commands: options.allow_commands,
            hub: hub(),
            ..zhisuan_worker::Options::default()
        })
        .await
        .map_err(|error| not_started(tr("工作节点", "the worker"), error.code(), &error))?;
        let folder = options.data_dir.join("knowledge");
        let mut knowledge = Knowledge::open(KnowledgeOptions {
            data: &folder,
            folder: options.knowledge.as_deref(),
            keep_days: options.keep_days,
            public_url: options.public_url.as_deref(),
            scheduler: &url,
            ca: None,
        })
        .await?;
        let gateway = zhisuan_serving::start(zhisuan_serving::Options {
            listen: options.gateway_listen,
            scheduler_url: url,
            key: scheduler.internal_key(Role::Gateway),
            max_inflight: MAX_INFLIGHT,
            extra: Some(knowledge.router()),
            operations: with_audit(options.operations, &options.data_dir),
        })
        .await
        .map_err(|error| not_started(tr("推理网关", "the gateway"), error.code(), &error))?;
        let gateway_url = local_url(gateway.address());
        knowledge.follow(&gateway_url, None)?;
        let stack = Self {
            scheduler,
            worker,
            gateway,
            knowledge,
        };
        stack
            .knowledge
            .offer(&stack.operator()?, &gateway_url)
            .await?;
        Ok(stack)
    }

    /// Lets the models behind the gateway help the knowledge service, at the cost of a tenant.
    pub(crate) fn help_knowledge(&mut self, key: &str, models: &QaModelArgs) -> Result<()> {
        let gateway = self.gateway_url();
        self.knowledge.follow(&gateway, Some((key, models)))
    }

    /// Address of scheduler and console, as this machine reaches it.
    pub(crate) fn scheduler_url(&self) -> String {
        local_url(self.scheduler.address())
    }

    /// Address of the gateway, as this machine reaches it.
    pub(crate) fn gateway_url(&self) -> String {
        local_url(self.gateway.address())
    }

    /// Name of the node.
    pub(crate) fn node(&self) -> &str {
        self.worker.node()
    }

    /// An operator of this process.
    pub(crate) fn operator(&self) -> Result<Client> {
        let key = self.scheduler.internal_key(Role::Operator);
        Client::at(&self.scheduler_url(), &key, None)
    }

    /// Waits until a role cannot go on, and says why.
    pub(crate) async fn failed(&self) -> String {
        self.scheduler.failed().await
    }

    /// Drains and stops: no new requests, then no work, then the state.
    pub(crate) async fn shutdown(self, grace: Duration) {
        self.gateway.shutdown(grace).await;
        self.worker.shutdown(grace).await;
        self.scheduler.shutdown().await;
    }
}

/// An address that listens everywhere is reached on this machine.
fn local_url(address: SocketAddr) -> String {
    let mut address = address;
    if address.ip().is_unspecified() {
        let local = if address.is_ipv6() {
            std::net::Ipv6Addr::LOCALHOST.into()
        } else {
            std::net::Ipv4Addr::LOCALHOST.into()
        };
        address.set_ip(local);
    }
    format!("http://{address}")
}
