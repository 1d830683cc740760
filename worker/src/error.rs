//! Why a worker could not start.

/// Refusals and failures of [`crate::start`]. Texts are Chinese, for people; [`Error::code`] is stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used.
    #[error("设置 {field} 的值“{value}”不可用；可接受：{accepted}")]
    Option {
        /// Name of the setting.
        field: &'static str,
        /// The value as received.
        value: String,
        /// What would have been accepted.
        accepted: String,
    },
    /// The scheduler does not take this worker.
    #[error("调度器拒绝了本节点（{code}）:{message}")]
    Refused {
        /// The scheduler's own stable code.
        code: String,
        /// The scheduler's words, Chinese where it sent Chinese.
        message: String,
    },
    /// A folder or an address of this machine cannot be used.
    #[error("{what}:{source}。请检查权限、磁盘空间和端口占用")]
    Io {
        /// What was tried.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn option(field: &'static str, value: &str, accepted: &str) -> Self {
        Self::Option {
            field,
            value: value.chars().take(80).collect(),
            accepted: accepted.into(),
        }
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// Stable code, never translated.
    pub fn code(&self) -> &str {
        match self {
            Self::Option { .. } => "ZS-WORKER-OPTION",
            Self::Refused { code, .. } => code,
            Self::Io { .. } => "ZS-WORKER-IO",
        }
    }
}
