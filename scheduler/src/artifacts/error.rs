//! Why a file was not taken or not given.

use crate::store::StoreError;
use crate::words::{Problem, mib};
use tonic::{Code, Status};

/// Why a file was not taken or not given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    /// The disk failed.
    #[error("the disk failed: {0}")]
    Io(#[from] std::io::Error),
    /// The store failed.
    #[error("artifact rows cannot be stored or loaded: {0}")]
    Store(#[from] StoreError),
    /// A stored row cannot be read.
    #[error("the stored artifact row {id} cannot be read: {cause}")]
    Damaged {
        /// Which.
        id: String,
        /// Why.
        cause: serde_json::Error,
    },
    /// A field of the request is not accepted.
    #[error("{field} is \"{value}\", accepted: {accepted}")]
    Field {
        /// Which.
        field: &'static str,
        /// As received.
        value: String,
        /// In Chinese.
        zh: String,
        /// In English.
        accepted: String,
    },
    /// The bytes are not those that the header names.
    #[error(
        "the header says {bytes} bytes with SHA-256 {sha256}; {got_bytes} bytes with {got_sha256} came"
    )]
    Hash {
        /// Of the header.
        sha256: String,
        /// Of the header.
        bytes: u64,
        /// Of what came.
        got_sha256: String,
        /// Of what came.
        got_bytes: u64,
    },
    /// More bytes than one file may have.
    #[error("a file of {bytes} bytes, at most {limit} are accepted")]
    TooLarge {
        /// Bytes.
        bytes: u64,
        /// Bytes.
        limit: u64,
    },
    /// The tenant has too much already.
    #[error("the tenant keeps {used} bytes, {bytes} more would exceed its quota of {quota} bytes")]
    Quota {
        /// Bytes that the tenant keeps.
        used: u64,
        /// Bytes of the file.
        bytes: u64,
        /// Bytes.
        quota: u64,
    },
    /// The scheduler's disk is nearly full.
    #[error("a file of {bytes} bytes would leave too little room on the scheduler's disk")]
    Disk {
        /// Bytes of the file.
        bytes: u64,
    },
    /// No such file, or none that the caller may see.
    #[error("no artifact {0}")]
    Unknown(String),
}

impl From<ArtifactError> for Status {
    fn from(error: ArtifactError) -> Self {
        let english = error.to_string();
        match &error {
            ArtifactError::Io(_) | ArtifactError::Store(_) | ArtifactError::Damaged { .. } => {
                Problem::internal("artifacts", &error)
            }
            ArtifactError::Field { field, value, zh, accepted } => Problem::field(field, value, zh, accepted),
            ArtifactError::Hash { sha256, bytes, got_sha256, got_bytes } => Problem::new(
                Code::DataLoss,
                "ZS-ARTIFACT-HASH",
                format!(
                    "内容与声明不符：声明 {bytes} 字节、SHA-256 {sha256}，实收 {got_bytes} 字节、{got_sha256}；未保存"
                ),
                english,
            )
            .hint("请重新计算摘要并上传；上传期间不要修改文件"),
            ArtifactError::TooLarge { bytes, limit } => Problem::new(
                Code::ResourceExhausted,
                "ZS-ARTIFACT-TOO-LARGE",
                format!("文件有 {bytes} 字节，超过上限 {}", mib(limit >> 20)),
                english,
            )
            .hint("请拆分文件，或由运营方提高上限"),
            ArtifactError::Quota { used, bytes, quota } => Problem::new(
                Code::ResourceExhausted,
                "ZS-ARTIFACT-QUOTA",
                format!("租户已存 {used} 字节，再存 {bytes} 字节将超过配额 {}", mib(quota >> 20)),
                english,
            )
            .hint("请缩小文件；已上传过的文件可凭摘要直接使用，不另占配额"),
            ArtifactError::Disk { bytes } => Problem::new(
                Code::ResourceExhausted,
                "ZS-ARTIFACT-DISK",
                format!("调度服务的磁盘余量不足，存不下 {bytes} 字节的文件"),
                english,
            )
            .hint("请联系运营方清理或扩充磁盘后重试"),
            ArtifactError::Unknown(sha256) => Problem::new(
                Code::NotFound,
                "ZS-ARTIFACT-UNKNOWN",
                format!("没有制品 {sha256}"),
                english,
            )
            .hint("请核对摘要，或先上传"),
        }
        .status()
    }
}
