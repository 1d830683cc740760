//! The platform under test, tenants of their own for each test, and redaction.

use crate::run::User;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

/// A running platform. It ends when its stdin does, so also when the test process is killed.
pub(crate) struct Server {
    child: Child,
    /// What `up --json` told.
    pub(crate) told: Value,
}

impl Server {
    /// Starts `up` on free ports with a data folder and a home.
    pub(crate) fn start(data: &Path, home: &Path) -> Self {
        Self::start_with(data, home, None, &[])
    }

    /// The same, on a cache of models of its own and with more arguments.
    pub(crate) fn start_with(
        data: &Path,
        home: &Path,
        cache: Option<&Path>,
        more: &[&str],
    ) -> Self {
        let script = "\"$@\" & pid=$!; exec >&-; read -r _; kill -TERM $pid; wait $pid";
        let mut child = Command::new("sh")
            .args(["-c", script, "sh", env!("CARGO_BIN_EXE_zhisuan")])
            .args(["up", "--no-deploy", "--json", "--allow-commands"])
            .args(["--simulate-devices", "nvidia-h100:2:81920"])
            .args(["--listen", "127.0.0.1:0", "--gateway-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(data)
            .args(more)
            .env_clear()
            .env("HOME", home)
            .envs(cache.map(|cache| ("ZHISUAN_CACHE", cache)))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start zhisuan up");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("read");
        let told = serde_json::from_str(&line).expect("up --json tells one line of JSON");
        Self { child, told }
    }

    /// Asks the platform to stop and waits for its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        drop(self.child.stdin.take());
        self.child.wait().expect("wait for zhisuan up").code()
    }

    /// A value that `up` told.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.told[key].as_str().unwrap_or_default()
    }

    /// A user of this platform with a key.
    pub(crate) fn user(&self, key: &str) -> User {
        User::new()
            .var("ZHISUAN_SCHEDULER", self.text("scheduler"))
            .var("ZHISUAN_GATEWAY", self.text("gateway"))
            .var("ZHISUAN_KEY", key)
    }

    /// The operator.
    pub(crate) fn operator(&self) -> User {
        self.user(self.text("operator_key"))
    }

    /// A fresh tenant with some money and its user.
    pub(crate) fn tenant(&self, yuan: &str) -> (String, User) {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("t-{:03}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let operator = self.operator();
        let created = operator.run(&["tenant", "create", &name, "--title", "测试单位"]);
        assert_eq!(created.exit, 0, "{}", created.whole());
        if yuan != "0" {
            let paid = operator.run(&["topup", &name, yuan, "--reference", "first"]);
            assert_eq!(paid.exit, 0, "{}", paid.whole());
        }
        let key = operator.run(&["key", "create", "--tenant", &name, "--name", "test"]);
        assert_eq!(key.exit, 0, "{}", key.whole());
        (name, self.user(key.stdout.trim()))
    }
}

/// The platform that all tests share.
pub(crate) fn shared() -> &'static Server {
    static SHARED: OnceLock<(TempDir, Server)> = OnceLock::new();
    let (_, server) = SHARED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::start(&folder.path().join("data"), folder.path());
        (folder, server)
    });
    server
}

/// Keys whose values differ from run to run.
const VOLATILE: [&str; 7] = [
    "id", "job_id", "job_ids", "epoch", "revision", "node", "tenant",
];

/// Replaces what differs from run to run.
pub(crate) fn redacted(text: &str) -> Value {
    let mut value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    redact(&mut value, false);
    value
}

fn redact(value: &mut Value, volatile: bool) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields.iter_mut() {
                let charged = key.starts_with("charged_micro") || key.starts_with("total_micro");
                let hit = key.ends_with("_at_ms") || VOLATILE.contains(&key.as_str()) || charged;
                redact(inner, volatile || hit);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, volatile)),
        Value::Number(_) | Value::String(_) if volatile => *value = "#".into(),
        _ => {}
    }
}
