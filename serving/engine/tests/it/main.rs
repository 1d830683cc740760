//! Integration tests of the engine.

mod batching;
mod events;
mod goldens;
mod hostile;
mod queueing;
mod sharing;
mod speed;
mod support;
mod training;
