//! Checkpoints and adapters on disk. A file appears complete or not at all.

use super::optimiser::Moments;
use super::variables::Variables;
use super::{LoraConfig, TrainConfig};
use crate::error::EngineError;
use crate::load::safetensors::to_f32;
use crate::model::adapter_file::AdapterConfig;
use candle_core::{Tensor, Var};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const FILE: &str = "trainer.safetensors";

/// What a checkpoint belongs to, and how far it got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) step: usize,
    pub(crate) lora: LoraConfig,
    pub(crate) train: TrainConfig,
    /// Architecture, name, weights and bytes of the base model.
    pub(crate) model: String,
    /// SHA-256 of the training data.
    pub(crate) data: String,
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes).map_err(|e| EngineError::io(&part, &e))?;
    std::fs::rename(&part, path).map_err(|e| EngineError::io(path, &e))
}

fn serialise(
    tensors: &BTreeMap<String, (Vec<usize>, Vec<u8>)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>, EngineError> {
    let internal = |e: safetensors::SafeTensorError| EngineError::Internal {
        detail: e.to_string(),
    };
    let mut views = Vec::new();
    for (name, (shape, data)) in tensors {
        views.push((
            name,
            TensorView::new(Dtype::F32, shape.clone(), data).map_err(internal)?,
        ));
    }
    safetensors::serialize(views, metadata).map_err(internal)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn values(var: &Var) -> Result<Vec<f32>, EngineError> {
    Ok(var.flatten_all()?.to_vec1::<f32>()?)
}

/// Writes weights, moments and state into `dir`.
pub(crate) fn save(
    dir: &Path,
    state: &State,
    variables: &Variables,
    moments: &[Moments],
) -> Result<(), EngineError> {
    std::fs::create_dir_all(dir).map_err(|e| EngineError::io(dir, &e))?;
    let mut tensors = BTreeMap::new();
    for ((name, var), moments) in variables.named().into_iter().zip(moments) {
        let shape = var.dims().to_vec();
        tensors.insert(
            format!("first.{name}"),
            (shape.clone(), bytes(&moments.first)),
        );
        tensors.insert(
            format!("second.{name}"),
            (shape.clone(), bytes(&moments.second)),
        );
        tensors.insert(name, (shape, bytes(&values(var)?)));
    }
    let json = serde_json::to_string(state).map_err(|e| EngineError::Internal {
        detail: e.to_string(),
    })?;
    let metadata = HashMap::from([("state".to_owned(), json)]);
    write(&dir.join(FILE), &serialise(&tensors, Some(metadata))?)
}

/// Reads a checkpoint into `variables` and `moments`; returns its step. Refuses one that
/// belongs to other data, another model or other settings.
pub(crate) fn load(
    dir: &Path,
    wanted: &State,
    variables: &Variables,
    moments: &mut [Moments],
) -> Result<usize, EngineError> {
    let path = dir.join(FILE);
    let buffer = std::fs::read(&path).map_err(|e| EngineError::io(&path, &e))?;
    let corrupt = |detail: String| EngineError::corrupt(FILE, detail);
    let (_, header) = SafeTensors::read_metadata(&buffer).map_err(|e| corrupt(e.to_string()))?;
    let file = SafeTensors::deserialize(&buffer).map_err(|e| corrupt(e.to_string()))?;
    let state: State = header
        .metadata()
        .as_ref()
        .and_then(|m| m.get("state"))
        .and_then(|json| serde_json::from_str(json).ok())
        .ok_or_else(|| corrupt("缺少训练状态".to_owned()))?;
    let same = State {
        step: state.step,
        ..wanted.clone()
    };
    if state != same {
        let pairs = [
            ("模型", state.model != same.model),
            ("训练数据", state.data != same.data),
            ("适配器参数", state.lora != same.lora),
            ("训练参数", state.train != same.train),
        ];
        let names: Vec<_> = pairs.iter().filter(|p| p.1).map(|p| p.0).collect();
        return Err(EngineError::CheckpointMismatch {
            detail: format!("{}与检查点不同", names.join("、")),
        });
    }
    let read = |name: &str, shape: &[usize]| {
        let view = file.tensor(name).map_err(|e| corrupt(e.to_string()))?;
        if view.shape() != shape {
            return Err(corrupt(format!("{name} 的形状为 {:?}", view.shape())));
        }
        to_f32(name, view.dtype(), view.data())
    };
    for ((name, var), moments) in variables.named().into_iter().zip(moments) {
        let shape = var.dims();
        moments.first = read(&format!("first.{name}"), shape)?;
        moments.second = read(&format!("second.{name}"), shape)?;
        var.set(&Tensor::from_vec(read(&name, shape)?, shape, var.device())?)?;
    }
    Ok(state.step)
}

/// Writes the adapter in PEFT's layout.
pub(crate) fn save_adapter(
    dir: &Path,
    variables: &Variables,
    config: &LoraConfig,
    base_name: &str,
    base_sha256: &str,
) -> Result<(), EngineError> {
    std::fs::create_dir_all(dir).map_err(|e| EngineError::io(dir, &e))?;
    let mut tensors = BTreeMap::new();
    for (name, var) in variables.named() {
        tensors.insert(name, (var.dims().to_vec(), bytes(&values(var)?)));
    }
    let layers: Vec<usize> = variables.pairs.keys().map(|(layer, _)| *layer).collect();
    let mut layers_to_transform = layers;
    layers_to_transform.dedup();
    let settings = AdapterConfig {
        peft_type: "LORA".to_owned(),
        r: config.rank,
        lora_alpha: config.alpha,
        target_modules: config.targets.clone(),
        layers_to_transform: config.layers.map(|_| layers_to_transform),
        base_model_name_or_path: Some(base_name.to_owned()),
        zhisuan_base_sha256: Some(base_sha256.to_owned()),
        use_rslora: false,
        use_dora: false,
        bias: Some("none".to_owned()),
        task_type: Some("CAUSAL_LM".to_owned()),
    };
    let json = serde_json::to_vec_pretty(&settings).map_err(|e| EngineError::Internal {
        detail: e.to_string(),
    })?;
    write(
        &dir.join("adapter_model.safetensors"),
        &serialise(&tensors, None)?,
    )?;
    write(&dir.join("adapter_config.json"), &json)
}
