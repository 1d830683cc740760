//! Fetching by manifest: cache first, then each source in order until one gives the right bytes.

use super::error::{FetchError, SourceError};
use super::lock::{Held, Locks};
use super::progress::{FetchEvent, FetchProgress};
use super::sink::Sink;
use super::{hub, local, manifest, pip};
use crate::artifacts::{Artifacts, hash_file, is_digest};
use crate::options::HubOptions;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use zhisuan_proto::v1::model_source::Source;
use zhisuan_proto::v1::{ModelFile, ModelManifest, ModelSource};

/// Models under `<cache>/models/sha256/<digest>`. Share one per process: it remembers which files
/// it has hashed and lets one task at a time fetch a file.
pub struct ModelStore {
    folder: PathBuf,
    hub: HubOptions,
    artifacts: Option<Artifacts>,
    client: OnceLock<reqwest::Client>,
    locks: Locks,
    hashed: Mutex<HashSet<String>>,
    always_verify: bool,
}

impl ModelStore {
    /// A store in `cache_dir`. Without `artifacts`, artifact sources are skipped.
    pub fn new(cache_dir: &Path, hub: HubOptions, artifacts: Option<Artifacts>) -> Self {
        Self {
            folder: cache_dir.join("models").join("sha256"),
            hub,
            artifacts,
            client: OnceLock::new(),
            locks: Locks::default(),
            hashed: Mutex::default(),
            always_verify: false,
        }
    }

    /// Hash cached files at every use, not only at the first of the process.
    #[must_use]
    pub fn always_verify(mut self, always: bool) -> Self {
        self.always_verify = always;
        self
    }

    /// Makes every file of the manifest present and verified; returns their paths in the
    /// manifest's order. Fails with `ZS-MODEL-HASH` when sources give only wrong bytes.
    pub async fn fetch(
        &self,
        manifest: &ModelManifest,
        progress: &dyn FetchProgress,
    ) -> Result<Vec<PathBuf>, FetchError> {
        manifest::check(manifest)?;
        for folder in [self.folder.clone(), self.partial_folder()] {
            tokio::fs::create_dir_all(&folder)
                .await
                .map_err(|source| FetchError::cache(&folder, source))?;
        }
        let mut paths = Vec::with_capacity(manifest.files.len());
        for file in &manifest.files {
            paths.push(self.fetch_file(&manifest.name, file, progress).await?);
        }
        Ok(paths)
    }

    fn partial_folder(&self) -> PathBuf {
        self.folder.with_file_name("partial")
    }

    async fn fetch_file(
        &self,
        model: &str,
        file: &ModelFile,
        progress: &dyn FetchProgress,
    ) -> Result<PathBuf, FetchError> {
        let target = self.folder.join(&file.sha256);
        if self.is_cached(file, &target).await {
            progress.report(FetchEvent::Cached { file: &file.path });
            return Ok(target);
        }
        let partials = self.partial_folder();
        let held: Held = self
            .locks
            .hold(&partials, &file.sha256, || {
                progress.report(FetchEvent::Waiting { file: &file.path });
            })
            .await
            .map_err(|source| FetchError::cache(&partials, source))?;
        // Whoever held the lock before may have brought the file.
        if self.is_cached(file, &target).await {
            progress.report(FetchEvent::Cached { file: &file.path });
            return Ok(target);
        }
        // Only under the lock: nobody else can just have brought a good one.
        remove_if_present(&target);
        let fetched = self.try_sources(model, file, &target, progress).await;
        drop(held);
        fetched?;
        self.remember(&file.sha256);
        progress.report(FetchEvent::Verified {
            file: &file.path,
            bytes: file.bytes,
        });
        Ok(target)
    }

    /// Size at every use, the full hash at the first use of the process.
    async fn is_cached(&self, file: &ModelFile, target: &Path) -> bool {
        let Ok(data) = tokio::fs::metadata(target).await else {
            return false;
        };
        let size_ok = data.is_file() && (file.bytes == 0 || data.len() == file.bytes);
        let known = self
            .hashed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&file.sha256);
        if size_ok && known && !self.always_verify {
            return true;
        }
        let owned = target.to_path_buf();
        let hashed = if size_ok {
            tokio::task::spawn_blocking(move || hash_file(&owned)).await
        } else {
            Ok(Ok((String::new(), 0)))
        };
        if matches!(&hashed, Ok(Ok((digest, _))) if *digest == file.sha256) {
            self.remember(&file.sha256);
            return true;
        }
        tracing::warn!(file = %target.display(), "cached model file is damaged");
        false
    }

    fn remember(&self, sha256: &str) {
        self.hashed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(sha256.to_owned());
    }

    async fn try_sources(
        &self,
        model: &str,
        file: &ModelFile,
        target: &Path,
        progress: &dyn FetchProgress,
    ) -> Result<(), FetchError> {
        let (mut tried, mut wrong) = (Vec::new(), None);
        for source in &file.sources {
            let name = manifest::describe(source);
            progress.report(FetchEvent::Trying {
                file: &file.path,
                source: &name,
                total: file.bytes,
            });
            let error = match self.try_source(source, file, target, progress).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let reason = error.to_string();
            tracing::warn!(model, file = %file.path, source = %name, %reason, "model source failed");
            progress.report(FetchEvent::SourceFailed {
                file: &file.path,
                source: &name,
                reason: &reason,
            });
            tried.push(format!("{name}({reason})"));
            if let SourceError::Hash { actual } = error {
                wrong = Some(actual);
            }
        }
        let tried = if tried.is_empty() {
            "清单没有列出来源".into()
        } else {
            tried.join(";")
        };
        let (model, name) = (model.to_owned(), file.path.clone());
        Err(match wrong {
            Some(actual) => FetchError::Hash {
                model,
                file: name,
                expected: file.sha256.clone(),
                actual,
                tried,
            },
            None => FetchError::NoSource {
                model,
                file: name,
                tried,
            },
        })
    }

    /// One source. Bytes that an earlier source left are used once; if the whole is then wrong, the
    /// same source is asked for everything.
    async fn try_source(
        &self,
        source: &ModelSource,
        file: &ModelFile,
        target: &Path,
        progress: &dyn FetchProgress,
    ) -> Result<(), SourceError> {
        let partial = self.partial_folder().join(format!("{}.part", file.sha256));
        for again in [true, false] {
            let mut sink = Sink::open(&partial, file.bytes).await?;
            let resumed = sink.position() > 0;
            let filled = self.fill(source, file, &mut sink, progress).await;
            let result = match filled {
                Ok(()) => sink.finish(&file.sha256, target).await,
                Err(error) => Err(error),
            };
            match result {
                Err(SourceError::Hash { .. } | SourceError::TooLong { .. }) if resumed && again => {
                    remove_if_present(&partial);
                }
                // Wrong bytes are worth nothing; those of a broken transfer are the start of the next.
                Err(error) => {
                    if matches!(
                        error,
                        SourceError::Hash { .. } | SourceError::TooLong { .. }
                    ) {
                        remove_if_present(&partial);
                    }
                    return Err(error);
                }
                Ok(()) => return Ok(()),
            }
        }
        Err(SourceError::Broken("两次都未取得完整文件".into()))
    }

    async fn fill(
        &self,
        source: &ModelSource,
        file: &ModelFile,
        sink: &mut Sink,
        progress: &dyn FetchProgress,
    ) -> Result<(), SourceError> {
        let mut bytes = |done| {
            progress.report(FetchEvent::Bytes {
                file: &file.path,
                done,
                total: file.bytes,
            });
        };
        match &source.source {
            Some(Source::LocalPath(path)) => local::copy(path, sink, &mut bytes).await,
            Some(Source::Hub(source)) => {
                let url = hub::address(&self.hub, source)?;
                hub::download(&self.client()?, &url, file.bytes, sink, &mut bytes).await
            }
            Some(Source::PythonPackage(source)) => {
                let scratch = self.partial_folder();
                let (name, total) = (&file.path, file.bytes);
                pip::join(&self.hub, source, &scratch, sink, name, total, progress).await
            }
            Some(Source::ArtifactSha256(sha256)) => {
                let Some(artifacts) = &self.artifacts else {
                    return Err(SourceError::NotConfigured("没有连接制品库".into()));
                };
                if !is_digest(sha256) {
                    return Err(SourceError::Invalid(format!("“{sha256}”不是 SHA-256 摘要")));
                }
                artifacts.fetch(sha256, sink, &mut bytes).await
            }
            None => Err(SourceError::Invalid("来源为空".into())),
        }
    }

    fn client(&self) -> Result<reqwest::Client, SourceError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = hub::client()?;
        Ok(self.client.get_or_init(|| client).clone())
    }
}

fn remove_if_present(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "cannot remove a model file");
    }
}
