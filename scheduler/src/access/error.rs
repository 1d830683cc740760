//! Why a caller is turned away, and what can go wrong with the keys themselves.

use super::roles::Role;
use crate::store::StoreError;
use crate::words::Problem;
use tonic::{Code, Status};

/// Why a call is not let through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// No key was shown.
    #[error("no key")]
    Missing,
    /// No such key.
    #[error("unknown key")]
    Unknown,
    /// The key has expired.
    #[error("expired key")]
    Expired,
    /// The key was revoked.
    #[error("revoked key")]
    Revoked,
    /// The role may not call the method.
    #[error("role {} may not call {method}", .role.name())]
    Role {
        /// Of the caller.
        role: Role,
        /// Full path.
        method: String,
    },
}

impl Denied {
    pub(crate) fn problem(&self) -> Problem {
        let unauthenticated =
            |id, zh, en, hint| Problem::new(Code::Unauthenticated, id, zh, en).hint(hint);
        match self {
            Self::Missing => unauthenticated(
                "ZS-KEY-MISSING",
                "未提供密钥",
                "no key was shown; send \"authorization: Bearer zs-...\"",
                "请设置密钥后重试",
            ),
            Self::Unknown => unauthenticated(
                "ZS-KEY-UNKNOWN",
                "密钥不正确",
                "the key is not known here",
                "请核对密钥，或向运营方申请新的密钥",
            ),
            Self::Expired => unauthenticated(
                "ZS-KEY-EXPIRED",
                "密钥已过期",
                "the key has expired",
                "请申请新的密钥",
            ),
            Self::Revoked => unauthenticated(
                "ZS-KEY-REVOKED",
                "密钥已被吊销",
                "the key was revoked",
                "请申请新的密钥",
            ),
            Self::Role { role, method } => Problem::new(
                Code::PermissionDenied,
                "ZS-ROLE",
                format!("角色 {} 无权调用 {method}", role.name()),
                format!("role {} may not call {method}", role.name()),
            )
            .hint("请改用有权限的密钥，或联系运营方"),
        }
    }

    /// The same about a key that a gateway asks for: `NotFound`, so that the gateway can tell the
    /// caller's key from its own.
    pub(crate) fn of_resolved(&self) -> Status {
        let (id, zh, en) = match self {
            Self::Expired => (
                "ZS-KEY-EXPIRED",
                "该密钥已过期",
                "the caller's key has expired",
            ),
            Self::Revoked => (
                "ZS-KEY-REVOKED",
                "该密钥已被吊销",
                "the caller's key was revoked",
            ),
            _ => (
                "ZS-KEY-UNKNOWN",
                "没有这个密钥",
                "the caller's key is not known",
            ),
        };
        Problem::new(Code::NotFound, id, zh, en)
            .hint("请调用方更换密钥")
            .status()
    }
}

/// Something went wrong with the keys.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// The store failed.
    #[error("keys cannot be stored or loaded: {0}")]
    Store(#[from] StoreError),
    /// A stored key cannot be read.
    #[error("the stored key {id} cannot be read: {cause}")]
    Damaged {
        /// Which.
        id: String,
        /// Why.
        cause: serde_json::Error,
    },
    /// The system has no randomness.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// A field of a new key is not accepted.
    #[error("{field} is \"{value}\", accepted: {accepted}")]
    Field {
        /// Which.
        field: &'static str,
        /// As received.
        value: String,
        /// In Chinese.
        zh: &'static str,
        /// In English.
        accepted: &'static str,
    },
    /// No such key, or none that the caller may see.
    #[error("no key has the id {0}")]
    UnknownId(String),
}

impl From<AccessError> for Status {
    fn from(error: AccessError) -> Self {
        match &error {
            AccessError::Field {
                field,
                value,
                zh,
                accepted,
            } => Problem::field(field, value, zh, accepted),
            AccessError::UnknownId(id) => Problem::new(
                Code::NotFound,
                "ZS-KEY-ID-UNKNOWN",
                format!("没有编号为 {id} 的密钥"),
                error.to_string(),
            )
            .hint("zhisuan key list 可列出密钥编号"),
            AccessError::Store(_) | AccessError::Damaged { .. } | AccessError::Random(_) => {
                Problem::internal("keys", &error)
            }
        }
        .status()
    }
}
