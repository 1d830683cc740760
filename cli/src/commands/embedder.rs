//! A model for vectors in this process: the engine behind the knowledge base's trait.

use super::pull;
use crate::error::{Exit, Failure, Result};
use crate::output::Printer;
use crate::words::say;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zhisuan_apps::retrieve::{Embedder, ModelFault, Side};
use zhisuan_engine::{EmbedRequest, Engine, LoadOptions};

/// An encoder of the engine.
struct Local {
    name: String,
    engine: Engine,
}

impl Embedder for Local {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn embed(
        &self,
        texts: &[String],
        side: Side,
    ) -> std::result::Result<Vec<Vec<f32>>, ModelFault> {
        let request = EmbedRequest {
            instruction: side.instruction(&self.name).to_owned(),
            ..EmbedRequest::new(texts.to_vec())
        };
        let answer = self.engine.embed(&request);
        let rows = answer.map_err(|error| ModelFault(error.to_string()))?;
        Ok(rows.vectors)
    }
}

/// The model of a file, or of a name of the built-in catalogue: that one is fetched when the cache
/// lacks it, and every byte is checked.
pub(crate) async fn open(model: &str, out: Printer) -> Result<Arc<dyn Embedder>> {
    let path = if Path::new(model).exists() {
        PathBuf::from(model)
    } else {
        known(model, out).await?
    };
    let failed = |error: zhisuan_engine::EngineError| {
        Failure::new(Exit::Failed, "ZS-KNOWLEDGE", error.to_string()).field("embedder")
    };
    let engine = Engine::load(LoadOptions::new(path)).map_err(failed)?;
    Ok(Arc::new(Local {
        name: model.to_owned(),
        engine,
    }))
}

async fn known(model: &str, out: Printer) -> Result<PathBuf> {
    let unknown = || {
        let message = say!(
            "没有名为 {} 的文件,内置目录里也没有这个模型",
            "there is no file {}, and no such model in the built-in catalogue",
            model
        );
        Failure::usage("ZS-CLI-VALUE", message).field("embedder")
    };
    let manifest = zhisuan_scheduler::built_in(model).ok_or_else(unknown)?;
    let files = pull::fetch(&manifest, out).await?;
    // Models of several files are folders; the catalogue's names for them are no folder yet.
    match files.as_slice() {
        [only] => Ok(only.clone()),
        _ => Err(unknown()),
    }
}
