//! Putting a worker together and the handle that its owner holds.

use crate::artifacts::Artifacts;
use crate::devices::Inventory;
use crate::error::Error;
use crate::exec::{NodeFacts, leftovers};
use crate::metrics::Metrics;
use crate::models::ModelStore;
use crate::options::Options;
use crate::replica::{self, ReplicaTable};
use crate::replica_metrics::ReplicaMetrics;
use crate::rpc::{self, Bearer};
use crate::session::{Agent, Config, Event};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use zhisuan_proto::v1::Register;

/// A running worker. Dropping it ends everything at once, without a report.
pub struct Handle {
    node: String,
    replica_address: SocketAddr,
    metrics: Metrics,
    events: mpsc::Sender<Event>,
    agent: AbortOnDropHandle<()>,
    _data_dir: std::fs::File,
    _replicas: AbortOnDropHandle<()>,
}

/// Starts a worker. Returns when the scheduler has registered it, or with the refusal. While the
/// scheduler cannot be reached this waits; afterwards the worker reconnects by itself.
pub async fn start(options: Options) -> Result<Handle, Error> {
    options.check()?;
    let inventory = Inventory::discover(&options)?;
    let tasks_dir = options.data_dir.join("tasks");
    let data_dir = prepare_folders(&options, &tasks_dir)?;
    let listener = TcpListener::bind(options.replica_listen)
        .await
        .map_err(|source| Error::io(format!("无法监听 {}", options.replica_listen), source))?;
    let replica_address = listener
        .local_addr()
        .map_err(|source| Error::io("无法得知监听地址", source))?;
    let ca = options.scheduler_ca_pem.as_deref();
    let artifacts = Artifacts::new(&options.scheduler_url, &options.key, &options.cache_dir, ca)?;
    let store = ModelStore::new(
        &options.cache_dir,
        options.hub.clone(),
        Some(artifacts.clone()),
    );
    let metrics =
        Metrics::new().map_err(|error| Error::io("无法建立指标", std::io::Error::other(error)))?;
    count_devices(&metrics, &inventory);
    let node = NodeFacts {
        simulated: inventory.simulated,
        devices: inventory.devices.clone(),
        allow_commands: options.allow_commands,
        threads: options.threads,
    };
    let replicas = ReplicaTable::default();
    let config = Config {
        endpoint: rpc::endpoint(&options.scheduler_url, ca)?,
        bearer: Bearer::new(&options.key)?,
        register: register(&options, inventory, replica_address),
        tasks_dir,
        checkpoints_dir: options.data_dir.join("checkpoints"),
        artifacts,
        models: Arc::new(store),
        node: Arc::new(node),
        replicas: replicas.clone(),
        metrics: metrics.clone(),
    };
    let numbers = ReplicaMetrics::new(replicas.clone());
    let registry = metrics.registry.clone();
    numbers
        .and_then(|numbers| registry.register(Box::new(numbers)))
        .map_err(|error| Error::io("无法建立指标", std::io::Error::other(error)))?;
    let serving = replica::serve(replicas, listener, registry);
    let service = AbortOnDropHandle::new(tokio::spawn(serving));
    let (first, registered) = oneshot::channel();
    let (agent, events) = Agent::new(config, first);
    let agent = AbortOnDropHandle::new(tokio::spawn(Box::pin(agent.run())));
    let ended = |_| Error::io("节点启动失败", std::io::Error::other("session actor ended"));
    registered.await.map_err(ended)??;
    Ok(Handle {
        node: options.node,
        replica_address,
        metrics,
        events,
        agent,
        _data_dir: data_dir,
        _replicas: service,
    })
}

impl Handle {
    /// Name of the node.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// Where the replicas of this worker listen.
    pub fn replica_address(&self) -> SocketAddr {
        self.replica_address
    }

    /// The worker's metrics, for a page that Prometheus reads.
    pub fn metrics(&self) -> &prometheus::Registry {
        &self.metrics.registry
    }

    /// Stops every task within `grace`, reports the ends, and closes the session.
    pub async fn shutdown(self, grace: Duration) {
        let (done, ended) = oneshot::channel();
        let order = Event::Shutdown { grace, done };
        if self.events.send(order).await.is_ok() {
            let _ = ended.await;
        }
        drop(self.agent);
    }
}

/// The returned file is the lock on the data folder: a second worker there would end our tasks.
fn prepare_folders(options: &Options, tasks_dir: &Path) -> Result<std::fs::File, Error> {
    for folder in [&options.data_dir, &options.cache_dir] {
        std::fs::create_dir_all(folder)
            .map_err(|source| Error::io(format!("无法建立目录 {}", folder.display()), source))?;
    }
    let path = options.data_dir.join("worker.lock");
    let lock = std::fs::File::create(&path)
        .map_err(|source| Error::io(format!("无法建立 {}", path.display()), source))?;
    if lock.try_lock().is_err() {
        let value = options.data_dir.display().to_string();
        return Err(Error::option(
            "data_dir",
            &value,
            "没有被另一个节点使用的目录",
        ));
    }
    leftovers::expire(&options.data_dir.join("checkpoints"));
    leftovers::sweep(tasks_dir)
        .map_err(|source| Error::io(format!("无法清理目录 {}", tasks_dir.display()), source))?;
    Ok(lock)
}

fn register(options: &Options, inventory: Inventory, replicas: SocketAddr) -> Register {
    let mut work = vec!["train", "batch", "serve"];
    if options.allow_commands {
        work.push("command");
    }
    Register {
        node: options.node.clone(),
        version: env!("CARGO_PKG_VERSION").into(),
        devices: inventory.devices,
        cpu_milli: inventory.cpu_milli,
        memory_mib: inventory.memory_mib,
        labels: inventory.labels.into_iter().collect(),
        work: work.into_iter().map(Into::into).collect(),
        running: Vec::new(),
        replica_address: options
            .replica_advertise
            .clone()
            .unwrap_or_else(|| replicas.to_string()),
        simulated: inventory.simulated,
    }
}

fn count_devices(metrics: &Metrics, inventory: &Inventory) {
    for device in &inventory.devices {
        let simulated = if device.simulated { "true" } else { "false" };
        metrics
            .devices
            .with_label_values(&[device.kind.as_str(), simulated])
            .inc();
    }
}
