//! What may be asked, and how a question that cannot be used is refused.

use thiserror::Error;

use super::record::Asked;

/// Longest accepted question, in characters.
pub const MAX_QUESTION_CHARS: usize = 2000;
/// Most texts that an answer may quote.
pub const MAX_TOP_K: usize = 50;

/// A field of a question that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct BadField {
    /// Name of the field.
    pub field: &'static str,
    /// What is wrong and what would be accepted.
    pub message: String,
}

/// Refuses a question or options that cannot be used, before anything is searched.
pub fn check(asked: &Asked) -> Result<(), BadField> {
    let bad = |field, message: String| Err(BadField { field, message });
    if asked.question.trim().is_empty() {
        let message = "问题（question）是空的，请写一句要问的话".to_owned();
        return bad("question", message);
    }
    let chars = asked.question.chars().count();
    if chars > MAX_QUESTION_CHARS {
        let message = format!(
            "问题（question）有 {chars} 个字，最多 {MAX_QUESTION_CHARS} 个字，请缩短后再问"
        );
        return bad("question", message);
    }
    if !(1..=MAX_TOP_K).contains(&asked.top_k) {
        let message = format!("top_k 是 {}，应在 1 到 {MAX_TOP_K} 之间", asked.top_k);
        return bad("top_k", message);
    }
    Ok(())
}
