//! Why a model is not registered, found or served.

use crate::store::StoreError;
use crate::words::Problem;
use tonic::{Code, Status};

/// Why a model is not registered, found or served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// A field is not accepted.
    #[error("{field} is \"{value}\", accepted: {accepted}")]
    Field {
        /// Path of the field.
        field: String,
        /// As received.
        value: String,
        /// In Chinese.
        zh: String,
        /// In English.
        accepted: String,
    },
    /// No such model, or none that the caller may see.
    #[error("no model {name}{}", if nearest.is_empty() { String::new() } else { format!("; did you mean {nearest}?") })]
    Unknown {
        /// As asked for.
        name: String,
        /// The most similar name, or nothing.
        nearest: String,
    },
    /// The name belongs to somebody else.
    #[error("the name {name} belongs to another owner")]
    NameTaken {
        /// As asked for.
        name: String,
        /// Path of the field that has it.
        field: &'static str,
    },
    /// The version exists.
    #[error("{name} version {version} exists and never changes")]
    VersionExists {
        /// Of the model.
        name: String,
        /// Which.
        version: u32,
    },
    /// Served already.
    #[error("{0} is deployed already")]
    DeploymentExists(String),
    /// Not served.
    #[error("no deployment {0}")]
    DeploymentUnknown(String),
    /// About names that several serve.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// The store failed.
    #[error("models cannot be stored or loaded: {0}")]
    Store(#[from] StoreError),
    /// A stored record cannot be read.
    #[error("the stored record {id} cannot be read: {cause}")]
    Damaged {
        /// Which.
        id: String,
        /// Why.
        cause: serde_json::Error,
    },
    /// A catalogue file cannot be read.
    #[error("the catalogue cannot be read at {path}: {cause}")]
    Catalogue {
        /// Path of the key.
        path: String,
        /// Why, and where in the file.
        cause: String,
    },
    /// The process is going down.
    #[error("work on models was cut short: {0}")]
    Cut(#[from] tokio::task::JoinError),
}

/// What can be wrong with names that several serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SharingError {
    /// The name of a back end is in use.
    #[error("the name {0} is in use by a deployment or back end")]
    BackendExists(String),
    /// No such back end.
    #[error("no back end {0}")]
    BackendUnknown(String),
    /// Others changed the division meanwhile.
    #[error("the traffic of {model} is at revision {found}, not {expected}")]
    Revision {
        /// Name that callers use.
        model: String,
        /// As the caller knew it.
        expected: u64,
        /// As it is.
        found: u64,
    },
    /// It answers for a shared name.
    #[error("{deployment} has a share of the traffic of {model}")]
    CarriesTraffic {
        /// What should be taken back.
        deployment: String,
        /// Name that callers use.
        model: String,
    },
}

impl ModelError {
    pub(crate) fn field(field: impl Into<String>, value: &str, zh: &str, accepted: &str) -> Self {
        Self::Field {
            field: field.into(),
            value: value.to_owned(),
            zh: zh.to_owned(),
            accepted: accepted.to_owned(),
        }
    }
}

impl From<ModelError> for Status {
    fn from(error: ModelError) -> Self {
        let english = error.to_string();
        match &error {
            ModelError::Field {
                field,
                value,
                zh,
                accepted,
            } => Problem::field(field, value, zh, accepted),
            ModelError::Unknown { name, nearest } => {
                let hint = if nearest.is_empty() {
                    "zhisuan models list 可列出可用的模型".to_owned()
                } else {
                    format!("是否要用 {nearest}？zhisuan models list 可列出可用的模型")
                };
                Problem::new(
                    Code::NotFound,
                    "ZS-MODEL-UNKNOWN",
                    format!("没有模型 {name}"),
                    english,
                )
                .hint(hint)
            }
            ModelError::NameTaken { name, field } => Problem::new(
                Code::AlreadyExists,
                "ZS-MODEL-NAME-TAKEN",
                format!("模型名 {name} 已被占用"),
                english,
            )
            .at(field, name, "a name that no other owner has")
            .hint("请换一个名字"),
            ModelError::VersionExists { name, version } => Problem::new(
                Code::AlreadyExists,
                "ZS-MODEL-VERSION-EXISTS",
                format!("模型 {name} 的第 {version} 版已存在，登记后不可更改"),
                english,
            )
            .hint("请将 version 设为 0，登记为新版本"),
            ModelError::DeploymentExists(name) => Problem::new(
                Code::AlreadyExists,
                "ZS-DEPLOYMENT-EXISTS",
                format!("{name} 已在服务中（或正在停止）"),
                english,
            )
            .hint("请先停止它并等待副本结束，或换一个部署名与模型"),
            ModelError::DeploymentUnknown(name) => Problem::new(
                Code::NotFound,
                "ZS-DEPLOYMENT-UNKNOWN",
                format!("没有部署 {name}"),
                english,
            )
            .hint("zhisuan models deployments 可列出在服务的模型"),
            ModelError::Sharing(sharing) => sharing.problem(),
            ModelError::Store(_)
            | ModelError::Damaged { .. }
            | ModelError::Catalogue { .. }
            | ModelError::Cut(_) => Problem::internal("models", &error),
        }
        .status()
    }
}

impl SharingError {
    fn problem(&self) -> Problem {
        let english = self.to_string();
        match self {
            Self::BackendExists(name) => Problem::new(
                Code::AlreadyExists,
                "ZS-BACKEND-EXISTS",
                format!("{name} 已是某个部署或外部后端的名字"),
                english,
            )
            .hint("请换一个名字；zhisuan backend list 可列出外部后端"),
            Self::BackendUnknown(name) => Problem::new(
                Code::NotFound,
                "ZS-BACKEND-UNKNOWN",
                format!("没有外部后端 {name}"),
                english,
            )
            .hint("zhisuan backend list 可列出外部后端"),
            Self::Revision {
                model,
                expected,
                found,
            } => Problem::new(
                Code::Aborted,
                "ZS-TRAFFIC-REVISION",
                format!("{model} 的流量已被他人更改：现为第 {found} 版，而非第 {expected} 版"),
                english,
            )
            .hint("zhisuan traffic show 可查看现状，确认后重试"),
            Self::CarriesTraffic { deployment, model } => Problem::new(
                Code::FailedPrecondition,
                "ZS-DEPLOYMENT-TRAFFIC",
                format!("{deployment} 仍承担 {model} 的流量"),
                english,
            )
            .hint(format!(
                "请先用 zhisuan traffic set {model} 把流量交给其他部署"
            )),
        }
    }
}
