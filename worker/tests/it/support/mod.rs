//! What the tests share.

pub(crate) mod scheduler;
pub(crate) mod tasks;

use std::path::PathBuf;
use tempfile::TempDir;
use zhisuan_worker::{Handle, Options};

pub(crate) const KEY: &str = "test-key";

/// Folders of one worker, removed after the test.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Commands allowed, everything else as it comes.
    pub(crate) fn options(&self, scheduler_url: &str) -> Options {
        Options {
            scheduler_url: scheduler_url.into(),
            key: KEY.into(),
            node: "node-1".into(),
            data_dir: self.path("data"),
            cache_dir: self.path("cache"),
            allow_commands: true,
            ..Options::default()
        }
    }
}

/// Starts a worker and takes the session that it opens.
pub(crate) async fn start(
    scheduler: &mut scheduler::Scheduler,
    options: Options,
) -> (Handle, scheduler::Session) {
    let worker = Box::pin(zhisuan_worker::start(options)).await.unwrap();
    (worker, scheduler.session().await)
}

/// [`start`] with [`Place::options`].
pub(crate) async fn start_plain(
    scheduler: &mut scheduler::Scheduler,
    place: &Place,
) -> (Handle, scheduler::Session) {
    let options = place.options(&scheduler.url);
    start(scheduler, options).await
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// A model file of the machine's cache, or a loud skip.
pub(crate) fn cached_model(sha256: &str) -> Option<PathBuf> {
    let cache = match std::env::var_os("ZHISUAN_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME")?).join(".cache/zhisuan"),
    };
    let path = cache.join("models/sha256").join(sha256);
    if path.is_file() {
        return Some(path);
    }
    skip(&format!("model file {sha256} is not in the cache"));
    None
}

/// Says on stderr that a test did nothing; fails instead where everything must run.
pub(crate) fn skip(why: &str) {
    use std::io::Write as _;
    let text = format!("SKIPPED: {why}; run 'cargo xtask test' to provide it\n");
    assert!(
        std::env::var_os("ZHISUAN_TEST_REQUIRE").is_none_or(|value| value != "1"),
        "{text}"
    );
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
