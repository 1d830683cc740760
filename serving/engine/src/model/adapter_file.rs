//! Adapter folders in PEFT's layout: `adapter_config.json` and `adapter_model.safetensors`.

use super::lora::{Adapter, Pair, Target};
use crate::error::EngineError;
use crate::kernel::matrix::Matrix;
use crate::load::safetensors::to_f32;
use crate::load::spec::DecoderSpec;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// `adapter_config.json`, the fields that matter here.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AdapterConfig {
    pub(crate) peft_type: String,
    pub(crate) r: usize,
    pub(crate) lora_alpha: f32,
    pub(crate) target_modules: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) layers_to_transform: Option<Vec<usize>>,
    #[serde(default)]
    pub(crate) base_model_name_or_path: Option<String>,
    /// Ours: SHA-256 of the base model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) zhisuan_base_sha256: Option<String>,
    #[serde(default)]
    pub(crate) use_rslora: bool,
    #[serde(default)]
    pub(crate) use_dora: bool,
    #[serde(default)]
    pub(crate) bias: Option<String>,
    #[serde(default)]
    pub(crate) task_type: Option<String>,
}

/// PEFT's tensor name.
pub(crate) fn tensor_name(layer: usize, target: Target, side: char) -> String {
    format!(
        "base_model.model.model.layers.{layer}.{}.{}.lora_{side}.weight",
        target.module(),
        target.name()
    )
}

/// Reads an adapter and refuses it unless every tensor fits the base model.
pub(crate) fn load(dir: &Path, spec: &DecoderSpec) -> Result<Adapter, EngineError> {
    let config_path = dir.join("adapter_config.json");
    let text =
        std::fs::read_to_string(&config_path).map_err(|e| EngineError::io(&config_path, &e))?;
    let config: AdapterConfig = serde_json::from_str(&text)
        .map_err(|e| EngineError::corrupt("adapter_config.json", e.to_string()))?;
    if config.peft_type != "LORA" || config.use_dora {
        return Err(EngineError::unsupported(format!(
            "适配器类型 {}（支持 LORA）",
            config.peft_type
        )));
    }
    if config.r == 0 || config.r > 4096 || !config.lora_alpha.is_finite() {
        return Err(EngineError::corrupt(
            "adapter_config.json r",
            format!("值为 {}", config.r),
        ));
    }
    let rank = config.r as f32;
    let scale = config.lora_alpha / if config.use_rslora { rank.sqrt() } else { rank };
    let weights_path = dir.join("adapter_model.safetensors");
    let bytes = std::fs::read(&weights_path).map_err(|e| EngineError::io(&weights_path, &e))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| EngineError::corrupt("adapter_model.safetensors", e.to_string()))?;
    let mut sides = BTreeMap::new();
    // In order of names, so that the same file is always refused for the same reason.
    for (name, view) in file.tensors().into_iter().collect::<BTreeMap<_, _>>() {
        let (layer, target, side) = parse_name(&name)?;
        if layer >= spec.layers {
            return Err(EngineError::mismatch(format!(
                "张量 {name}：基础模型只有 {} 层",
                spec.layers
            )));
        }
        let (n, k) = target.shape(spec);
        let wanted = if side == 'A' {
            [config.r, k]
        } else {
            [n, config.r]
        };
        if view.shape() != wanted {
            return Err(EngineError::mismatch(format!(
                "张量 {name} 的形状为 {:?}，基础模型需要 {wanted:?}",
                view.shape()
            )));
        }
        let data = to_f32(&name, view.dtype(), view.data())?;
        if data.iter().any(|v| !v.is_finite()) {
            return Err(EngineError::corrupt(name, "含有非有限数值"));
        }
        sides.insert(
            (layer, target, side),
            Matrix::Dense {
                n: wanted[0],
                k: wanted[1],
                data,
            },
        );
    }
    pair_up(sides, scale)
}

fn pair_up(
    mut sides: BTreeMap<(usize, Target, char), Matrix>,
    scale: f32,
) -> Result<Adapter, EngineError> {
    let mut adapter = Adapter::default();
    while let Some(((layer, target, side), first)) = sides.pop_first() {
        let second = (side == 'A')
            .then(|| sides.remove(&(layer, target, 'B')))
            .flatten();
        let Some(b) = second else {
            let name = tensor_name(layer, target, side);
            return Err(EngineError::mismatch(format!("张量 {name} 缺少另一半")));
        };
        adapter
            .pairs
            .insert((layer, target), Pair { a: first, b, scale });
    }
    if adapter.pairs.is_empty() {
        return Err(EngineError::mismatch("文件中没有 LoRA 张量"));
    }
    Ok(adapter)
}

fn parse_name(name: &str) -> Result<(usize, Target, char), EngineError> {
    let unknown = || EngineError::mismatch(format!("不认识的张量 {name}"));
    let rest = name.split_once("layers.").ok_or_else(unknown)?.1;
    let mut parts = rest.split('.');
    let layer: usize = parts
        .next()
        .and_then(|p| p.parse().ok())
        .ok_or_else(unknown)?;
    let _module = parts.next().ok_or_else(unknown)?;
    let target = Target::parse(parts.next().ok_or_else(unknown)?).map_err(|_| unknown())?;
    match parts.next() {
        Some("lora_A") => Ok((layer, target, 'A')),
        Some("lora_B") => Ok((layer, target, 'B')),
        _ => Err(unknown()),
    }
}
