//! What may be asked of a base and how it refuses.

use std::path::PathBuf;

use jiff::civil::Date;
use thiserror::Error;

/// Longest accepted question, in characters.
pub const MAX_QUESTION_CHARS: usize = 2000;
/// Most texts that a search may return.
pub const MAX_TOP_K: usize = 50;

/// Why a base could not be loaded.
#[derive(Debug, Error)]
pub enum KbError {
    /// The folder cannot be read.
    #[error("无法读取知识库目录 {dir}：{source}。请检查路径和读取权限")]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The search index could not be built.
    #[error("无法建立检索索引：{0}。请检查内存是否充足后重试")]
    Index(#[from] tantivy::TantivyError),
}

impl KbError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "kb_folder",
            Self::Index(_) => "kb_index",
        }
    }
}

/// Why a question was refused before anything was searched, or could not be searched.
#[derive(Debug, Error)]
pub enum AskError {
    /// A field's value is not acceptable.
    #[error("{message}")]
    BadField {
        /// Name of the field.
        field: &'static str,
        /// What is wrong and what would be accepted.
        message: String,
    },
    /// The index failed.
    #[error("检索失败：{0}。请稍后重试")]
    Search(#[from] tantivy::TantivyError),
    /// The work was stopped before it ended.
    #[error("处理中断，请稍后重试")]
    Interrupted,
}

impl AskError {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadField { .. } => "bad_field",
            Self::Search(_) => "search_failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// The refused field, if a field was refused.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::BadField { field, .. } => Some(field),
            Self::Search(_) | Self::Interrupted => None,
        }
    }
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskOptions {
    /// The day on which the answer is to hold.
    pub as_of: Date,
    /// How many of the best texts may be asked, 1 to [`MAX_TOP_K`].
    pub top_k: usize,
}

impl AskOptions {
    /// The usual options for a day: the three best texts are asked.
    pub fn on(as_of: Date) -> Self {
        Self { as_of, top_k: 3 }
    }
}

/// Refuses a question or options that cannot be used, before anything is searched.
pub(super) fn check(question: &str, options: AskOptions) -> Result<(), AskError> {
    let bad = |field, message: String| Err(AskError::BadField { field, message });
    if question.trim().is_empty() {
        return bad(
            "question",
            "问题（question）是空的，请写一句要问的话".to_owned(),
        );
    }
    let chars = question.chars().count();
    if chars > MAX_QUESTION_CHARS {
        let message = format!("问题（question）有 {chars} 个字，最多 {MAX_QUESTION_CHARS} 个字");
        return bad("question", message);
    }
    if !(1..=MAX_TOP_K).contains(&options.top_k) {
        let message = format!("top_k 是 {}，应在 1 到 {MAX_TOP_K} 之间", options.top_k);
        return bad("top_k", message);
    }
    Ok(())
}
