//! What to train and how fast.

use crate::error::EngineError;
use crate::model::lora::Target;
use serde::{Deserialize, Serialize};

/// Shape of the adapter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoraConfig {
    /// Inner width of each pair.
    pub rank: usize,
    /// Strength: the pair's product is scaled by `alpha / rank`.
    pub alpha: f32,
    /// PEFT module names: `q_proj k_proj v_proj o_proj gate_proj up_proj down_proj`.
    pub targets: Vec<String>,
    /// Adapt only this many layers, counted from the last; `None` adapts all. Fewer layers
    /// make steps faster: the backward pass ends at the first adapted layer.
    pub layers: Option<usize>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        let targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
            .map(str::to_owned)
            .to_vec();
        Self {
            rank: 8,
            alpha: 16.0,
            targets,
            layers: None,
        }
    }
}

impl LoraConfig {
    pub(crate) fn parsed_targets(&self) -> Result<Vec<Target>, EngineError> {
        if self.rank == 0 || self.rank > 512 {
            return Err(EngineError::invalid(
                "rank",
                format!("值为 {}，应在 1 到 512 之间", self.rank),
            ));
        }
        if !self.alpha.is_finite() || self.alpha <= 0.0 {
            return Err(EngineError::invalid(
                "alpha",
                format!("值为 {}，应大于 0", self.alpha),
            ));
        }
        if self.layers == Some(0) {
            return Err(EngineError::invalid("layers", "值为 0，至少为 1"));
        }
        let mut targets = Vec::new();
        for name in &self.targets {
            targets.push(Target::parse(name)?);
        }
        targets.sort_unstable();
        targets.dedup();
        if targets.is_empty() {
            return Err(EngineError::invalid("targets", "不能为空"));
        }
        Ok(targets)
    }
}

/// How the learning rate moves after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Falls along half a cosine to zero at the last step.
    Cosine,
    /// Stays.
    Constant,
}

/// How to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    /// Optimiser steps.
    pub steps: usize,
    /// Examples in one forward pass.
    pub batch_size: usize,
    /// Forward passes in one step.
    pub grad_accumulation: usize,
    /// Longest example in tokens; longer ones are cut at the end.
    pub max_len: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps over which the rate rises from zero.
    pub warmup_steps: usize,
    /// What the rate does then.
    pub schedule: Schedule,
    /// Largest norm of the gradient of all parameters together; 0 does not clip.
    pub clip_norm: f64,
    /// Seed of the first weights and of the order of examples.
    pub seed: u64,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            steps: 30,
            batch_size: 4,
            grad_accumulation: 1,
            max_len: 512,
            learning_rate: 2e-4,
            warmup_steps: 3,
            schedule: Schedule::Cosine,
            clip_norm: 1.0,
            seed: 0,
            weight_decay: 0.0,
        }
    }
}

impl TrainConfig {
    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        let counts = [
            ("steps", self.steps, 10_000_000),
            ("batch_size", self.batch_size, 4096),
            ("grad_accumulation", self.grad_accumulation, 4096),
            ("max_len", self.max_len, 1 << 20),
        ];
        for (field, value, most) in counts {
            if value == 0 || value > most {
                return Err(EngineError::invalid(
                    field,
                    format!("值为 {value}，应在 1 到 {most} 之间"),
                ));
            }
        }
        let rates = [
            ("learning_rate", self.learning_rate, 1.0),
            ("clip_norm", self.clip_norm, 1e6),
            ("weight_decay", self.weight_decay, 1.0),
        ];
        for (field, value, most) in rates {
            if !(0.0..=most).contains(&value) {
                return Err(EngineError::invalid(
                    field,
                    format!("值为 {value}，应在 0 到 {most} 之间"),
                ));
            }
        }
        Ok(())
    }

    /// Learning rate of step `step`, counted from 0.
    pub(crate) fn rate(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * (step + 1) as f64 / self.warmup_steps as f64;
        }
        match self.schedule {
            Schedule::Constant => self.learning_rate,
            Schedule::Cosine => {
                let span = self.steps.saturating_sub(self.warmup_steps).max(1) as f64;
                let done = ((step - self.warmup_steps) as f64 / span).min(1.0);
                self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos())
            }
        }
    }
}
