//! Why a scheduler does not start.

use crate::private::NotPrivate;
use crate::store::StoreError;
use std::path::PathBuf;

/// The scheduler could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be made or used.
    #[error("the data folder {path} cannot be used: {cause}; check that it exists and is writable")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: NotPrivate,
    },
    /// The store cannot be opened or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {cause}; choose another address or stop what uses it")]
    Listen {
        /// Which.
        address: std::net::SocketAddr,
        /// Why.
        cause: std::io::Error,
    },
    /// The catalogue of models is wrong.
    #[error("the model catalogue is refused: {0}")]
    Catalogue(String),
    /// Something that must not fail did.
    #[error("the scheduler cannot start: {0}")]
    Internal(String),
}

impl Error {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "ZS-DATA-DIR",
            Self::Store(_) => "ZS-STORE",
            Self::Listen { .. } => "ZS-LISTEN",
            Self::Catalogue(_) => "ZS-CATALOGUE",
            Self::Internal(_) => "ZS-INTERNAL",
        }
    }
}

/// For what only fails when the machine does.
pub(crate) fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(error.to_string())
}
