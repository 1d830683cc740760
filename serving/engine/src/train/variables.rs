//! The trainable matrices: one pair for each adapted projection of each adapted layer.

use super::LoraConfig;
use crate::error::EngineError;
use crate::load::spec::DecoderSpec;
use crate::model::adapter_file::tensor_name;
use crate::model::lora::Target;
use crate::output::sample::uniform;
use candle_core::{Device, Tensor, Var};
use std::collections::BTreeMap;

/// All pairs. `a` is `[rank, inputs]`, `b` is `[outputs, rank]`.
pub(crate) struct Variables {
    pub(crate) pairs: BTreeMap<(usize, Target), (Var, Var)>,
    /// `alpha / rank`.
    pub(crate) scale: f64,
}

impl Variables {
    /// A uniform within `1 / sqrt(inputs)`, B zero: the first adapter changes nothing.
    pub(crate) fn new(
        spec: &DecoderSpec,
        config: &LoraConfig,
        seed: u64,
    ) -> Result<Self, EngineError> {
        let targets = config.parsed_targets()?;
        let count = config.layers.unwrap_or(spec.layers);
        if count > spec.layers {
            return Err(EngineError::invalid(
                "layers",
                format!("值为 {count}，模型只有 {} 层", spec.layers),
            ));
        }
        let first_layer = spec.layers - count;
        let mut pairs = BTreeMap::new();
        let mut drawn = 0u64;
        for layer in first_layer..spec.layers {
            for target in &targets {
                let (n, k) = target.shape(spec);
                let bound = 1.0 / (k as f64).sqrt();
                let values: Vec<f32> = (0..(config.rank * k) as u64)
                    .map(|i| ((uniform(seed, drawn + i) * 2.0 - 1.0) * bound) as f32)
                    .collect();
                drawn += values.len() as u64;
                let a = Tensor::from_vec(values, (config.rank, k), &Device::Cpu)?;
                let b = Tensor::zeros((n, config.rank), candle_core::DType::F32, &Device::Cpu)?;
                pairs.insert(
                    (layer, *target),
                    (Var::from_tensor(&a)?, Var::from_tensor(&b)?),
                );
            }
        }
        let scale = f64::from(config.alpha) / config.rank as f64;
        Ok(Self { pairs, scale })
    }

    /// Every variable with PEFT's name, in a fixed order.
    pub(crate) fn named(&self) -> Vec<(String, &Var)> {
        self.pairs
            .iter()
            .flat_map(|((layer, target), (a, b))| {
                [
                    (tensor_name(*layer, *target, 'A'), a),
                    (tensor_name(*layer, *target, 'B'), b),
                ]
            })
            .collect()
    }

    /// `scale * (x A^T) B^T`, where this projection is adapted.
    pub(crate) fn delta(
        &self,
        layer: usize,
        target: Target,
        x: &Tensor,
    ) -> Result<Option<Tensor>, EngineError> {
        let Some((a, b)) = self.pairs.get(&(layer, target)) else {
            return Ok(None);
        };
        let low = x.matmul(&a.t()?)?;
        Ok(Some((low.matmul(&b.t()?)? * self.scale)?))
    }
}
