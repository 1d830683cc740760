//! Integration tests of the engine.

mod batching;
mod encoder;
mod events;
mod goldens;
mod handover;
mod hostile;
mod likely;
mod queueing;
mod qwen3;
mod sharing;
mod speed;
mod structured;
mod support;
mod training;
