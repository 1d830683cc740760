//! The model cache: files by content, fetched from the sources of a manifest and always verified.

pub(crate) mod error;
mod hub;
mod local;
mod lock;
mod manifest;
mod pip;
mod progress;
pub(crate) mod sink;
mod store;

pub(crate) use manifest::is_file_name;

pub use error::{FetchError, SourceError};
pub use progress::{FetchEvent, FetchProgress, Silent};
pub use store::ModelStore;
