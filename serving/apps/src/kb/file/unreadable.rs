//! Why a file was refused.

use thiserror::Error;

/// A file that cannot be read, in words for the person who gave it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Unreadable {
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what would be accepted.
    pub message: String,
    /// Byte of the raw file where it shows, where there is one.
    pub offset: Option<usize>,
}

impl Unreadable {
    /// A refusal of the whole file.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            offset: None,
        }
    }

    /// The same refusal, shown at a byte.
    pub(crate) fn at(self, offset: usize) -> Self {
        Self {
            offset: Some(offset),
            ..self
        }
    }
}
