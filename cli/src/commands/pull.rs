//! `zhisuan models pull`: fetches a model into this machine's cache and checks every byte.

use super::{Context, models};
use crate::error::{Exit, Failure, Result};
use crate::output::Printer;
use crate::output::progress::Progress;
use crate::roles;
use crate::units;
use crate::words::say;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use zhisuan_proto::v1::ModelManifest;
use zhisuan_worker::models::{FetchEvent, FetchProgress, ModelStore};

pub(super) async fn run(context: &Context, model: ModelManifest) -> Result<Exit> {
    let paths = fetch(&model, context.out).await?;
    for path in paths {
        context.out.note(&path.display().to_string());
    }
    models::one(context, &model)
}

/// Makes the files of a model present and verified.
pub(crate) async fn fetch(model: &ModelManifest, out: Printer) -> Result<Vec<PathBuf>> {
    let store = ModelStore::new(&roles::cache_dir(), roles::hub(), None);
    let text = say!("下载模型 {}", "fetching {}", model.name);
    let shown = Shown(Mutex::new(Progress::spinner(out, &text)));
    store
        .fetch(model, &shown)
        .await
        .map_err(|error| Failure::new(Exit::Failed, error.code(), error.to_string()))
}

/// Steps of the fetch on stderr.
struct Shown(Mutex<Progress>);

impl FetchProgress for Shown {
    fn report(&self, event: FetchEvent<'_>) {
        let text = match event {
            FetchEvent::Cached { file } => {
                say!("{} 已在缓存,校验通过", "{} is cached and checked", file)
            }
            FetchEvent::Waiting { file } => {
                say!(
                    "{} 正由另一个进程下载",
                    "{} is being fetched by another process",
                    file
                )
            }
            FetchEvent::Trying {
                file,
                source,
                total,
            } => {
                let size = units::bytes(total);
                say!(
                    "{} 从 {} 下载,{}",
                    "fetching {} from {}, {}",
                    file,
                    source,
                    size
                )
            }
            FetchEvent::Package { package, bytes } => {
                let done = units::bytes(bytes / STEP * STEP);
                say!("{} 已下载 {}", "{}: {} so far", package, done)
            }
            FetchEvent::Bytes { file, done, total } => {
                let percent = done
                    .saturating_mul(10)
                    .checked_div(total)
                    .unwrap_or_default()
                    * 10;
                say!("{} 已完成 {}%", "{}: {}%", file, percent)
            }
            FetchEvent::SourceFailed {
                file,
                source,
                reason,
            } => {
                say!(
                    "{} 从 {} 取不到:{}",
                    "{} is not available from {}: {}",
                    file,
                    source,
                    reason
                )
            }
            FetchEvent::Verified { file, bytes } => {
                let size = units::bytes(bytes);
                say!("{} 校验通过,{}", "{} is verified, {}", file, size)
            }
            _ => return,
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .set(&text);
    }
}

/// Wheels are counted in steps of this, so that a log is not one line per packet.
const STEP: u64 = 16 * 1024 * 1024;
