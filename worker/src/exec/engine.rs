//! Loading an engine with the adapters of an assignment.

use super::prepare::{self, LocalModel};
use super::{Context, ExecError, memory};
use crate::convert::error_code;
use std::path::PathBuf;
use zhisuan_engine::{Engine, EngineError, LoadOptions};

/// Sequences that run together when the work names no number.
const MAX_BATCH: usize = 8;
/// Requests that wait beyond those.
const MAX_WAITING: usize = 64;

/// Upper limits that the work names; 0 stands for the default.
#[derive(Clone, Copy, Default)]
pub(crate) struct Limits {
    pub(crate) batch: u32,
    pub(crate) waiting: u32,
    pub(crate) context: u32,
}

/// A loaded engine and the names that it answers to.
pub(crate) struct Loaded {
    pub(crate) engine: Engine,
    pub(crate) base: String,
    pub(crate) adapters: Vec<String>,
}

impl From<EngineError> for ExecError {
    fn from(error: EngineError) -> Self {
        Self::new(&error_code(&error), error.to_string())
    }
}

/// Fetches the models, loads the base, then every adapter. A stop ends the waiting.
pub(crate) async fn load(context: &Context, limits: Limits) -> Result<Loaded, ExecError> {
    let models = prepare::models(context).await?;
    let path = models.base.engine_path(&context.folder)?;
    let mut adapters = Vec::new();
    for adapter in &models.adapters {
        adapters.push((
            adapter.manifest.name.clone(),
            adapter.folder(&context.folder)?,
        ));
    }
    context.log.line(&format!(
        "[zhisuan] 载入模型 {} 与 {} 个适配器",
        models.base.manifest.name,
        adapters.len()
    ));
    let weights = models.base.manifest.files.iter();
    let weights = weights.fold(0_u64, |sum, file| sum.saturating_add(file.bytes));
    let mut options = options(context, path, limits);
    if let Some(bytes) = memory::for_cache(context.memory_mib(), weights)? {
        options.pin_bytes = bytes / 4;
        options.kv_bytes = bytes;
    }
    let LocalModel { manifest, .. } = models.base;
    let loading = context.blocking.spawn_blocking(move || {
        let engine = Engine::load(options)?;
        for (name, folder) in &adapters {
            engine.load_adapter(name, folder)?;
        }
        let names = adapters.into_iter().map(|(name, _)| name).collect();
        Ok::<_, EngineError>((engine, names))
    });
    let loaded = context.stop.unless_stopped(loading).await?;
    let (engine, adapters) =
        loaded.map_err(|error| ExecError::new("ZS-WORKER-PANIC", error.to_string()))??;
    Ok(Loaded {
        engine,
        base: manifest.name,
        adapters,
    })
}

fn options(context: &Context, model: PathBuf, limits: Limits) -> LoadOptions {
    let or = |given: u32, default: usize| if given == 0 { default } else { given as usize };
    let waiting = or(limits.waiting, MAX_WAITING);
    LoadOptions {
        max_batch: or(limits.batch, MAX_BATCH),
        max_waiting: waiting,
        // Nobody fills the queue alone.
        max_waiting_tenant: waiting.div_ceil(2).max(1),
        max_context: (limits.context != 0).then_some(limits.context as usize),
        threads: Some(context.threads()),
        ..LoadOptions::new(model)
    }
}
