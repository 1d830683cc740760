//! Logs of tasks: appended by workers, read and followed by people.

mod entry;
mod handle;
mod stream;
#[cfg(test)]
mod tests;

pub(crate) use handle::{LogTask, Logs};
