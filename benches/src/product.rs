//! The product as its users run it: the binary `zhisuan up` in a process of its own, on a fresh
//! data folder, with one model deployed.

use crate::centre::{Api, connect_to};
use crate::load::Target;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use zhisuan_proto::v1::billing_client::BillingClient;
use zhisuan_proto::v1::models_client::ModelsClient;
use zhisuan_proto::v1::{self, Metering, Resources};

/// Time for a model to load and answer.
const READY: Duration = Duration::from_mins(2);

/// How the model is deployed.
pub(crate) struct Deploy<'a> {
    /// Name in the model library.
    pub(crate) model: &'a str,
    pub(crate) threads: usize,
    pub(crate) max_batch: usize,
    pub(crate) memory_mib: u64,
}

/// A running platform; it ends with this value.
pub(crate) struct Product {
    child: Child,
    told: Value,
    _folder: TempDir,
}

impl Drop for Product {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Product {
    /// Starts `binary` (by default the one beside this bench).
    pub(crate) async fn start(binary: Option<&str>, deploy: &Deploy<'_>) -> Result<Self> {
        let binary = binary.map_or_else(beside, |path| Ok(PathBuf::from(path)))?;
        let folder = tempfile::tempdir()?;
        let mut child = Command::new(&binary)
            .args(["up", "--no-deploy", "--json", "--listen", "127.0.0.1:0"])
            .args(["--gateway-listen", "127.0.0.1:0", "--data-dir"])
            .arg(folder.path().join("data"))
            .arg("--config")
            .arg(folder.path().join("config.toml"))
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let told = serde_json::from_str(&line).context("`zhisuan up --json` told nothing")?;
        let product = Self {
            child,
            told,
            _folder: folder,
        };
        product.deploy(deploy).await?;
        Ok(product)
    }

    fn told(&self, name: &str) -> &str {
        self.told[name].as_str().unwrap_or_default()
    }

    /// The endpoint, as the first tenant calls it.
    pub(crate) fn target(&self, model: &str) -> Result<Target> {
        let url = format!("{}/v1", self.told("gateway"));
        Target::new("zhisuan up", &url, self.told("key"), model)
    }

    /// Memory of the process, in MiB, as the system counts it.
    pub(crate) fn resident_mib(&self) -> f64 {
        resident_mib(self.child.id())
    }

    async fn operator(&self) -> Result<Api> {
        connect_to(self.told("scheduler"), self.told("operator_key")).await
    }

    /// The ledger, read as the operator.
    pub(crate) async fn billing(&self) -> Result<BillingClient<Api>> {
        Ok(BillingClient::new(self.operator().await?))
    }

    async fn deploy(&self, wanted: &Deploy<'_>) -> Result<()> {
        let mut models = ModelsClient::new(self.operator().await?);
        let request = v1::DeployRequest {
            model: wanted.model.to_owned(),
            replicas: 1,
            metering: Metering::Tokens.into(),
            max_batch: u32::try_from(wanted.max_batch)?,
            max_waiting: 4096,
            resources: Some(Resources {
                cpu_milli: u32::try_from(wanted.threads * 1000)?,
                memory_mib: wanted.memory_mib,
                ..Resources::default()
            }),
            ..v1::DeployRequest::default()
        };
        let name = models.deploy(request).await?.into_inner().name;
        let until = Instant::now() + READY;
        while Instant::now() < until {
            let all = models
                .list_deployments(v1::ListDeploymentsRequest {})
                .await?
                .into_inner()
                .deployments;
            if all.iter().any(|one| one.name == name && one.ready > 0) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{name} was not ready in {} s", READY.as_secs())
    }
}

fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("zhisuan");
    if !path.exists() {
        bail!(
            "no {}; build it (cargo build --release -p zhisuan-cli) or give --zhisuan PATH",
            path.display()
        );
    }
    Ok(path)
}

/// Resident memory of a process, in MiB; 0 where the system does not tell.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
