//! Every way the engine can refuse, with a stable code each.

use std::path::{Path, PathBuf};

/// An error of the engine. The text says what happened, why, and what to do next;
/// [`EngineError::code`] is stable and meant for programs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The model file breaks its own format, or asks for an absurd size.
    #[error("模型文件损坏：{field}：{detail}。请重新下载模型并核对 SHA-256。")]
    Corrupt {
        /// The header field or tensor at fault.
        field: String,
        /// What is wrong with it, with the numbers.
        detail: String,
    },
    /// The model is well formed but of a kind that this engine does not run.
    #[error(
        "引擎不支持该模型：{what}。支持 llama（含 SmolLM2）、mistral、qwen2、qwen3、gemma3 架构的 GGUF 或 safetensors，以及 bert、roberta、xlm-roberta 架构的向量与重排模型。"
    )]
    Unsupported {
        /// The feature that is missing.
        what: String,
    },
    /// The model is of another kind than the request.
    #[error("该模型不能{what}：它是 {architecture} 模型，只能{instead}。请换用其他模型。")]
    Incapable {
        /// What was asked for.
        what: &'static str,
        /// The model's architecture.
        architecture: String,
        /// What it can be asked for.
        instead: &'static str,
    },
    /// A file could not be read or written.
    #[error("无法读写 {}：{detail}。请检查路径、权限与磁盘空间。", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        detail: String,
    },
    /// Prompt and answer do not fit into the context.
    #[error(
        "上下文超长：提示有 {prompt_tokens} 个词元，上限为 {limit} 个（须为回答至少留 1 个）。请缩短提示或换用上下文更长的模型。"
    )]
    ContextExceeded {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// The context length in tokens.
        limit: usize,
    },
    /// A field of the request is outside what is accepted.
    #[error("请求参数 {field} 无效：{detail}。")]
    InvalidRequest {
        /// Name of the field.
        field: String,
        /// The value and what would be accepted.
        detail: String,
    },
    /// An adapter does not fit the loaded base model.
    #[error("适配器与基础模型不匹配：{detail}。请使用由该基础模型训练的适配器。")]
    AdapterMismatch {
        /// Which tensor, and both shapes.
        detail: String,
    },
    /// The request names an adapter that is not loaded.
    #[error("适配器“{name}”未加载。请先加载，或去掉 adapter 参数。")]
    AdapterUnknown {
        /// The name asked for.
        name: String,
    },
    /// The chat template of the model file failed.
    #[error("对话模板执行失败：{detail}。请检查消息的角色与顺序，或模型文件中的模板。")]
    Template {
        /// The template engine's reason.
        detail: String,
    },
    /// A grammar became too ambiguous or too large while an answer followed it.
    #[error("输出约束无法继续：{detail}。请简化 JSON Schema、正则表达式或文法后重试。")]
    Constraint {
        /// The grammar engine's reason.
        detail: String,
    },
    /// The model produced NaN or infinite logits.
    #[error("模型输出出现非有限数值（NaN 或无穷），本次请求已停止。请核对模型或适配器文件。")]
    NumericFault,
    /// A step of the engine failed by a bug; its requests were ended, the engine goes on.
    #[error("引擎内部错误，本次请求已停止：{detail}。请重试，并把日志交给维护人员。")]
    Internal {
        /// What is known about the failure.
        detail: String,
    },
    /// A waiting queue is full: the engine's, or the tenant's own.
    #[error(
        "引擎繁忙：已有 {waiting} 个请求在排队，上限为 {limit} 个。请在 {retry_ms} 毫秒后重试。"
    )]
    Overloaded {
        /// Requests waiting now.
        waiting: usize,
        /// The bound of the queue.
        limit: usize,
        /// Predicted wait until this tenant's turn, in milliseconds.
        retry_ms: u64,
    },
    /// The request waited longer for its first step than it was allowed to.
    #[error(
        "排队超时：已等待 {waited_ms} 毫秒，上限为 {limit_ms} 毫秒。请稍后重试，或放宽 queue_ms。"
    )]
    DeadlineExceeded {
        /// How long it waited, in milliseconds.
        waited_ms: u64,
        /// What the request allowed, in milliseconds.
        limit_ms: u64,
    },
    /// The engine has been shut down.
    #[error("引擎已停止，不再接受请求。请重新加载模型。")]
    Stopped,
    /// The request was cancelled before it could finish.
    #[error("请求已取消。")]
    Cancelled,
    /// A line of the training data cannot be used.
    #[error("训练数据第 {line} 行，字段 {field}：{detail}。请修改后重试。")]
    Data {
        /// Line number, from 1.
        line: usize,
        /// The JSON field at fault.
        field: String,
        /// What is wrong and what would be accepted.
        detail: String,
    },
    /// A checkpoint does not belong to this model, data or configuration.
    #[error("检查点无法恢复：{detail}。请使用与保存时相同的模型、数据与参数，或从头训练。")]
    CheckpointMismatch {
        /// What differs.
        detail: String,
    },
}

impl EngineError {
    /// Stable, machine-readable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Corrupt { .. } => "model_corrupt",
            Self::Unsupported { .. } => "model_unsupported",
            Self::Incapable { .. } => "model_incapable",
            Self::Io { .. } => "io",
            Self::ContextExceeded { .. } => "context_exceeded",
            Self::InvalidRequest { .. } => "invalid_request",
            Self::AdapterMismatch { .. } => "adapter_mismatch",
            Self::AdapterUnknown { .. } => "adapter_unknown",
            Self::Template { .. } => "template_failed",
            Self::Constraint { .. } => "constraint_failed",
            Self::NumericFault => "numeric_fault",
            Self::Internal { .. } => "internal",
            Self::Overloaded { .. } => "overloaded",
            Self::DeadlineExceeded { .. } => "deadline_exceeded",
            Self::Stopped => "engine_stopped",
            Self::Cancelled => "cancelled",
            Self::Data { .. } => "data_invalid",
            Self::CheckpointMismatch { .. } => "checkpoint_mismatch",
        }
    }

    pub(crate) fn corrupt(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Corrupt {
            field: field.into(),
            detail: detail.into(),
        }
    }

    pub(crate) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::InvalidRequest {
            field: field.into(),
            detail: detail.into(),
        }
    }

    pub(crate) fn io(path: &Path, error: &std::io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            detail: error.to_string(),
        }
    }

    pub(crate) fn mismatch(detail: impl Into<String>) -> Self {
        Self::AdapterMismatch {
            detail: detail.into(),
        }
    }
}

/// A Candle failure after validation is a bug of ours, not of the input.
impl From<candle_core::Error> for EngineError {
    fn from(error: candle_core::Error) -> Self {
        Self::Internal {
            detail: error.to_string(),
        }
    }
}
