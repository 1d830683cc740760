//! Why the library refused.

use thiserror::Error;

use crate::audit::{ChainError, VerifyError};
use crate::kb::quality::RepairFault;
use crate::kb::store::StoreError;

/// Why the library refused or failed; nothing was changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LibraryError {
    /// The file could not be read.
    #[error("“{name}”读不出来：{message}")]
    Unreadable {
        /// Name of the file.
        name: String,
        /// The reader's stable code.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
        /// Byte offset of the fault in the file, where it has one.
        offset: Option<usize>,
    },
    /// There is no such thing.
    #[error("没有{what}“{name}”，请检查名称")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A field's value is not acceptable.
    #[error("{message}")]
    BadField {
        /// Name of the field.
        field: &'static str,
        /// What is wrong and what would be accepted.
        message: String,
    },
    /// The person may not do this.
    #[error("“{person}”没有{role}权限，请由有权限的人员操作")]
    NotAllowed {
        /// Name of the person.
        person: String,
        /// What they lack.
        role: &'static str,
    },
    /// Nobody checks their own work.
    #[error("{what}由“{person}”经手，须由另一名复核人员发布（录入与复核不得为同一人）")]
    SamePerson {
        /// Name of the person.
        person: String,
        /// What they made.
        what: String,
    },
    /// It is not what the person looked at any more.
    #[error("{what} 在您查看之后有改动，没有办理；请重新打开核对后再办")]
    Changed {
        /// What was changed.
        what: String,
    },
    /// The quality gate forbids it.
    #[error("{version} 有 {count} 项必须先处理的问题，不能发布。第一项：{first}")]
    Blocked {
        /// The version.
        version: String,
        /// How many findings forbid it.
        count: usize,
        /// What the first one says.
        first: String,
    },
    /// It is not in the stage for this.
    #[error("{version} 现为“{stage}”，不能{deed}")]
    WrongStage {
        /// The version.
        version: String,
        /// Its stage, for people.
        stage: &'static str,
        /// What was asked.
        deed: &'static str,
    },
    /// What was asked would change nothing.
    #[error("{what} 没有{lacking}，没有改动")]
    Nothing {
        /// What was to be changed.
        what: String,
        /// What it does not have.
        lacking: &'static str,
    },
    /// The name belongs to something already.
    #[error("已有{what}“{name}”，请换一个名称")]
    Exists {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The work was stopped before it ended.
    #[error("处理中断，请稍后重试")]
    Interrupted,
    /// The repairs do not fit the text.
    #[error("{0}")]
    Repair(#[from] RepairFault),
    /// The file of the library failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The audit failed; what was done is kept and brought to it later.
    #[error("{0}")]
    Audit(#[from] ChainError),
    /// The log of answers is not what it was; nothing is written on it.
    #[error("{0}")]
    Log(#[from] VerifyError),
    /// The system gave no randomness.
    #[error("系统随机数不可用：{0}，请检查系统后重试")]
    Random(String),
}

impl LibraryError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "ZS-KB-UNREADABLE",
            Self::NotFound { .. } => "ZS-KB-UNKNOWN",
            Self::BadField { .. } => "ZS-FIELD",
            Self::NotAllowed { .. } => "ZS-KB-ROLE",
            Self::SamePerson { .. } => "ZS-KB-SAME-PERSON",
            Self::Changed { .. } => "ZS-KB-CHANGED",
            Self::Blocked { .. } => "ZS-KB-BLOCKED",
            Self::WrongStage { .. } => "ZS-KB-STAGE",
            Self::Nothing { .. } => "ZS-KB-NOTHING",
            Self::Exists { .. } => "ZS-KB-EXISTS",
            Self::Interrupted => "ZS-KB-INTERRUPTED",
            Self::Repair(_) => "ZS-KB-REPAIR",
            Self::Store(error) => error.code(),
            Self::Audit(_) => "ZS-KB-LOG",
            Self::Log(error) => error.code(),
            Self::Random(_) => "ZS-KB-RANDOM",
        }
    }

    /// The refused field, if a field was refused.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadField { field, .. } => Some(field),
            _ => None,
        }
    }

    pub(super) fn bad(field: &'static str, message: impl Into<String>) -> Self {
        Self::BadField {
            field,
            message: message.into(),
        }
    }

    pub(super) fn not_found(what: &'static str, name: &(impl ToString + ?Sized)) -> Self {
        Self::NotFound {
            what,
            name: name.to_string(),
        }
    }
}
