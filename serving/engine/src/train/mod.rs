//! LoRA fine-tuning: the decoder of `model` as a differentiable Candle graph.
//!
//! Forward passes use the same kernels as serving, so a trained adapter meets the very
//! logits it was trained on. Frozen weights never get a gradient; the head is computed only
//! where there is loss; examples are packed without padding.

mod checkpoint;
mod config;
mod data;
mod graph;
mod ops;
mod optimiser;
mod trainer;
mod variables;

pub use config::{LoraConfig, Schedule, TrainConfig};
pub use trainer::{StepReport, Trainer};

#[cfg(test)]
mod tests;
