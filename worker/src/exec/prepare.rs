//! Making the models of an assignment present, with progress in the task's log.

use super::{Context, ExecError, TaskEvents};
use crate::logs::TaskLog;
use crate::models::{FetchEvent, FetchProgress};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zhisuan_proto::v1::{ModelKind, ModelManifest};

const MIB: u64 = 1024 * 1024;

/// A model whose files are on this machine.
pub(crate) struct LocalModel {
    pub(crate) manifest: ModelManifest,
    pub(crate) paths: Vec<PathBuf>,
}

impl LocalModel {
    /// A folder under `parent` in which the files have the names of the manifest.
    pub(crate) fn folder(&self, parent: &Path) -> Result<PathBuf, ExecError> {
        let folder = parent.join(format!("model-{}", self.manifest.name));
        let io = |error: std::io::Error| {
            ExecError::new("ZS-WORKER-IO", format!("无法整理模型文件：{error}"))
        };
        // Of an earlier form of the same replica.
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        std::fs::create_dir_all(&folder).map_err(io)?;
        for (file, path) in self.manifest.files.iter().zip(&self.paths) {
            // The manifest was checked: the place is inside the folder.
            let place = folder.join(&file.path);
            if let Some(inner) = place.parent() {
                std::fs::create_dir_all(inner).map_err(io)?;
            }
            std::os::unix::fs::symlink(path, place).map_err(io)?;
        }
        Ok(folder)
    }

    /// What the engine opens: the file itself when there is one, else the folder.
    pub(crate) fn engine_path(&self, parent: &Path) -> Result<PathBuf, ExecError> {
        match self.paths.as_slice() {
            [one] => Ok(one.clone()),
            _ => self.folder(parent),
        }
    }
}

/// The models that an assignment names.
pub(crate) struct LocalModels {
    pub(crate) base: LocalModel,
    pub(crate) adapters: Vec<LocalModel>,
}

/// Fetches every model of the assignment; a stop ends the fetching.
pub(crate) async fn models(context: &Context) -> Result<LocalModels, ExecError> {
    let (mut base, mut adapters) = (None, Vec::new());
    for manifest in &context.assign.models {
        let model = fetch(context, manifest).await?;
        if manifest.kind == ModelKind::Adapter as i32 {
            adapters.push(model);
        } else {
            base = Some(model);
        }
    }
    match base {
        Some(base) => Ok(LocalModels { base, adapters }),
        None => Err(ExecError::new(
            "ZS-MODEL-MANIFEST",
            "指派里没有基础模型的清单",
        )),
    }
}

/// Makes one model present; a stop ends the fetching.
pub(crate) async fn fetch(
    context: &Context,
    manifest: &ModelManifest,
) -> Result<LocalModel, ExecError> {
    let reporter = Reporter {
        log: context.log.clone(),
        events: context.events.clone(),
        shown: Mutex::new(0),
    };
    let fetched = context
        .stop
        .unless_stopped(Box::pin(context.models.fetch(manifest, &reporter)))
        .await?;
    let paths = fetched.map_err(|error| ExecError::new(error.code(), error.to_string()))?;
    Ok(LocalModel {
        manifest: manifest.clone(),
        paths,
    })
}

/// Writes the steps of a fetch to the task's log, byte counts at every tenth.
struct Reporter {
    log: TaskLog,
    events: TaskEvents,
    shown: Mutex<u64>,
}

impl Reporter {
    /// Whether `mark` differs from the last one that was shown.
    fn is_new(&self, mark: u64) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *shown, mark) != mark
    }

    fn say(&self, text: String) {
        self.log.line(&format!("[zhisuan] {text}"));
        self.events.progress(text);
    }
}

impl FetchProgress for Reporter {
    fn report(&self, event: FetchEvent<'_>) {
        match event {
            FetchEvent::Cached { file } => self.say(format!("模型文件 {file} 已在缓存中")),
            FetchEvent::Waiting { file } => {
                self.say(format!("模型文件 {file} 正由另一任务下载，等待"));
            }
            FetchEvent::Trying {
                file,
                source,
                total,
            } => self.say(format!(
                "取模型文件 {file}（{} MiB），来源：{source}",
                total / MIB
            )),
            FetchEvent::Package { package, bytes } => {
                let mib = bytes / MIB;
                if self.is_new(mib / 16) {
                    self.say(format!("下载 {package}:{mib} MiB"));
                }
            }
            FetchEvent::Bytes { file, done, total } => {
                let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(0);
                if self.is_new(tenth) {
                    self.say(format!("模型文件 {file}:{}%", tenth * 10));
                }
            }
            FetchEvent::SourceFailed {
                file,
                source,
                reason,
            } => {
                self.say(format!("模型文件 {file} 的来源 {source} 不可用：{reason}"));
            }
            FetchEvent::Verified { file, bytes } => {
                self.say(format!(
                    "模型文件 {file} 已下载并校验（{} MiB）",
                    bytes / MIB
                ));
            }
        }
    }
}
