//! What an operator sets, and the checks made before anything starts.

use crate::error::Error;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Labels that only the worker itself may set.
pub(crate) const RESERVED_LABEL_PREFIX: &str = "zhisuan.";
/// More simulated devices than this on one node is a typing error.
const MAX_SIMULATED_DEVICES: u64 = 1024;

/// Settings of one worker. Build it with `..Options::default()`, so that new settings keep old code.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://host:port` or `https://host:port` of the scheduler.
    pub scheduler_url: String,
    /// Secret of a key with the role "worker".
    pub key: String,
    /// Name of this node, unique in the cluster: lower-case letters, digits, '-' and '.'.
    pub node: String,
    /// Working folders of tasks; made if absent.
    pub data_dir: PathBuf,
    /// Models and artifacts by content; may be shared by several workers of one machine.
    pub cache_dir: PathBuf,
    /// Where replicas listen; port 0 lets the system choose.
    pub replica_listen: SocketAddr,
    /// `host:port` at which gateways reach the replicas; `None` means the listening address.
    pub replica_advertise: Option<String>,
    /// Thousandths of a core to offer; `None` means all. More than the machine has is refused.
    pub cpu_milli: Option<u32>,
    /// Host memory to offer, MiB; `None` means all. More than the machine has is refused.
    pub memory_mib: Option<u64>,
    /// Labels that jobs may ask for. Those that begin with `zhisuan.` belong to the worker.
    pub labels: BTreeMap<String, String>,
    /// Devices that do not exist. When any is given, real ones are not offered and the node says
    /// everywhere that it is simulated.
    pub simulated_devices: Vec<SimulatedDevice>,
    /// Whether users' own programs may run here. There is no sandbox.
    pub allow_commands: bool,
    /// Where models may be fetched from.
    pub hub: HubOptions,
    /// Most threads of one task, which has one for each core that it declared; `None` sets no
    /// other bound than the machine.
    pub threads: Option<usize>,
    /// Certificate authority (PEM) of the scheduler, needed for `https`.
    pub scheduler_ca_pem: Option<Vec<u8>>,
}

impl Default for Options {
    /// A worker of a scheduler on this machine; `key` and `node` must still be set.
    fn default() -> Self {
        Self {
            scheduler_url: "http://127.0.0.1:7600".into(),
            key: String::new(),
            node: String::new(),
            data_dir: PathBuf::from("worker"),
            cache_dir: PathBuf::from("cache"),
            replica_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            replica_advertise: None,
            cpu_milli: None,
            memory_mib: None,
            labels: BTreeMap::new(),
            simulated_devices: Vec::new(),
            allow_commands: false,
            hub: HubOptions::default(),
            threads: None,
            scheduler_ca_pem: None,
        }
    }
}

/// Devices that no hardware stands behind, for trying a cluster out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedDevice {
    /// Kind that jobs ask for, such as "nvidia-h100".
    pub kind: String,
    /// Memory of each, MiB.
    pub memory_mib: u64,
    /// How many.
    pub count: u32,
}

/// Where models may be fetched from. What is not set is not contacted.
#[derive(Clone, Debug, Default)]
pub struct HubOptions {
    /// Base address of a hub in the style of Hugging Face; `None` skips such sources.
    pub huggingface_endpoint: Option<String>,
    /// Base address of a hub in the style of ModelScope; `None` skips such sources.
    pub modelscope_endpoint: Option<String>,
    /// Environment for `pip download` on top of the worker's own. The package index is chosen by
    /// pip's own configuration and nowhere else.
    pub pip_env: BTreeMap<String, String>,
}

impl Options {
    /// Checks every field that can be wrong by itself.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name_ok = !self.node.is_empty()
            && self.node.len() <= 63
            && self
                .node
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.');
        if !name_ok {
            return Err(Error::option(
                "node",
                &self.node,
                "1 到 63 个小写字母、数字、'-' 或 '.'",
            ));
        }
        let url_ok =
            self.scheduler_url.starts_with("http://") || self.scheduler_url.starts_with("https://");
        if !url_ok {
            return Err(Error::option(
                "scheduler_url",
                &self.scheduler_url,
                "http://主机：端口 或 https://主机：端口",
            ));
        }
        if self.key.is_empty() {
            return Err(Error::option("key", "", "一个 worker 角色的密钥"));
        }
        if self.replica_listen.ip().is_unspecified() && self.replica_advertise.is_none() {
            return Err(Error::option(
                "replica_advertise",
                "",
                "监听所有地址时，必须给出网关能够访问的 主机：端口",
            ));
        }
        self.check_labels()?;
        self.check_simulated()
    }

    fn check_labels(&self) -> Result<(), Error> {
        match self
            .labels
            .keys()
            .find(|name| name.is_empty() || name.starts_with(RESERVED_LABEL_PREFIX))
        {
            Some(name) => Err(Error::option(
                "labels",
                name,
                "非空且不以 zhisuan. 开头的标签名",
            )),
            None => Ok(()),
        }
    }

    fn check_simulated(&self) -> Result<(), Error> {
        let mut total = 0_u64;
        for device in &self.simulated_devices {
            total += u64::from(device.count);
            let kind_ok = !device.kind.is_empty()
                && device.kind.len() <= 63
                && device
                    .kind
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !kind_ok {
                return Err(Error::option(
                    "simulated_devices.kind",
                    &device.kind,
                    "小写字母、数字和 '-'，例如 nvidia-h100",
                ));
            }
            if device.count == 0 || total > MAX_SIMULATED_DEVICES {
                return Err(Error::option(
                    "simulated_devices.count",
                    &device.count.to_string(),
                    "1 到 1024(合计)",
                ));
            }
        }
        Ok(())
    }
}
