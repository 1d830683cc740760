//! The decoder: weights, forward pass over a flat batch, pool of KV blocks, LoRA at run time.

pub(crate) mod adapter_file;
pub(crate) mod decoder;
pub(crate) mod encoder;
pub(crate) mod lora;
mod pool;
mod rows;
pub(crate) mod runner;
mod step;
pub(crate) mod weights;
mod workspace;

#[cfg(test)]
mod exactness;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod runner_tests;
#[cfg(test)]
pub(crate) mod testing;
