//! The decoder: weights, forward pass over a flat batch, KV cache, LoRA at run time.

pub(crate) mod adapter_file;
pub(crate) mod cache;
pub(crate) mod decoder;
pub(crate) mod encoder;
pub(crate) mod lora;
pub(crate) mod weights;

#[cfg(test)]
mod exactness;
