//! Why a model file did not arrive: per source, and for the whole fetch.

use std::path::Path;

/// Why one source gave nothing usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source is not set up on this machine.
    #[error("未启用：{0}")]
    NotConfigured(String),
    /// The manifest names the source in a way that cannot be used.
    #[error("来源描述有误：{0}")]
    Invalid(String),
    /// The other side said no.
    #[error("对方拒绝：{0}")]
    Refused(String),
    /// The transfer broke; another try may go on from there.
    #[error("传输中断：{0}")]
    Broken(String),
    /// More bytes than the manifest allows.
    #[error("内容超过清单所列的 {limit} 字节")]
    TooLong {
        /// Bytes in the manifest.
        limit: u64,
    },
    /// The bytes are not the file of the manifest.
    #[error("SHA-256 不符，实得 {actual}")]
    Hash {
        /// Digest of what came.
        actual: String,
    },
    /// This machine cannot read or write.
    #[error("读写失败：{0}")]
    Io(#[from] std::io::Error),
}

impl SourceError {
    /// Whether trying the same source again can help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Broken(_))
    }
}

/// Why a model could not be made ready. The text lists every source that was tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No source gave the right bytes and at least one gave wrong ones.
    #[error(
        "模型 {model} 的文件 {file} 校验失败：应为 {expected}，实得 {actual}。已试来源：{tried}。请核对清单或更换来源"
    )]
    Hash {
        /// Model name.
        model: String,
        /// File in the manifest.
        file: String,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the last wrong bytes.
        actual: String,
        /// Every source with its reason.
        tried: String,
    },
    /// No source gave anything.
    #[error(
        "模型 {model} 的文件 {file} 无法取得。已试来源：{tried}。请检查网络、来源设置或改用本地文件"
    )]
    NoSource {
        /// Model name.
        model: String,
        /// File in the manifest.
        file: String,
        /// Every source with its reason.
        tried: String,
    },
    /// The manifest cannot be used.
    #[error("模型 {model} 的清单不可用：{field} 的值“{value}”，应为 {accepted}")]
    Manifest {
        /// Model name.
        model: String,
        /// Field of the manifest.
        field: &'static str,
        /// The value, shortened.
        value: String,
        /// What would have been accepted.
        accepted: &'static str,
    },
    /// The cache cannot be used.
    #[error("模型缓存 {path} 不可用：{source}。请检查权限和磁盘空间")]
    Cache {
        /// The folder or file.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl FetchError {
    /// Stable code, never translated.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Hash { .. } => "ZS-MODEL-HASH",
            Self::NoSource { .. } => "ZS-MODEL-SOURCE",
            Self::Manifest { .. } => "ZS-MODEL-MANIFEST",
            Self::Cache { .. } => "ZS-MODEL-CACHE",
        }
    }

    pub(crate) fn cache(path: &Path, source: std::io::Error) -> Self {
        Self::Cache {
            path: path.display().to_string(),
            source,
        }
    }
}
