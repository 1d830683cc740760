//! The peer: LiteLLM's proxy in front of the same fake OpenAI server.

use super::drive::Target;
use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Environment variable that names a Python with `litellm[proxy]`.
pub(super) const PYTHON: &str = "ZHISUAN_BENCH_LITELLM";

/// The proxy starts only with a key of its own.
const MASTER_KEY: &str = "sk-bench-0123456789abcdef0123456789abcdef";

/// A running proxy; it ends with this value.
pub(super) struct LiteLlm {
    child: Child,
    pub(super) target: Target,
    pub(super) name: String,
}

impl Drop for LiteLlm {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl LiteLlm {
    /// Starts the proxy with one worker per core; `None` when no Python is named for it.
    pub(super) async fn start(
        backend: &str,
        workers: usize,
        folder: &Path,
    ) -> Result<Option<Self>> {
        let Ok(python) = std::env::var(PYTHON) else {
            return Ok(None);
        };
        let config = folder.join("litellm.yaml");
        let text = format!(
            "model_list:\n  - model_name: tiny\n    litellm_params:\n      model: openai/tiny\n      api_base: {backend}\n      api_key: none\nlitellm_settings:\n  telemetry: false\n"
        );
        std::fs::write(&config, text)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let bin = Path::new(&python).with_file_name("litellm");
        let child = Command::new(bin)
            .arg("--config")
            .arg(&config)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args(["--num_workers", &workers.to_string()])
            .env("LITELLM_MASTER_KEY", MASTER_KEY)
            .env("LITELLM_MODE", "PRODUCTION")
            .env("LITELLM_LOG", "ERROR")
            .env("LITELLM_LOCAL_MODEL_COST_MAP", "True")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("LiteLLM cannot be started")?;
        let name = format!("LiteLLM {} with {workers} workers", version(&python));
        let target = Target::new(&format!("http://127.0.0.1:{port}/v1"), MASTER_KEY, "tiny")?;
        let mut peer = Self {
            child,
            target,
            name,
        };
        peer.ready(port).await?;
        Ok(Some(peer))
    }

    async fn ready(&mut self, port: u16) -> Result<()> {
        let began = Instant::now();
        let url = format!("http://127.0.0.1:{port}/health/liveliness");
        loop {
            let answer = self.target.http.get(&url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("LiteLLM ended at once ({status}); run it by hand to see why");
            }
            if began.elapsed() > Duration::from_mins(3) {
                bail!("LiteLLM was not ready within three minutes");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}

fn version(python: &str) -> String {
    let ask = "import importlib.metadata as m; print(m.version('litellm'))";
    let told = Command::new(python).args(["-c", ask]).output();
    told.map(|told| String::from_utf8_lossy(&told.stdout).trim().to_owned())
        .unwrap_or_default()
}
