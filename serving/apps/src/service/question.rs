//! A question as it comes from a page or a program, and why it may be refused.

use std::collections::HashMap;

use jiff::civil::Date;
use thiserror::Error;

use super::keeper::KeepFault;
use crate::answer::{Answer, Asked, BadField, MAX_TOP_K, check};
use crate::kb::mask;

/// Texts that an answer may quote unless told.
const USUAL_TOP_K: usize = 3;
/// Longest name of a place, in characters.
const MAX_PLACE: usize = 40;

/// A question with what was said about it, unread.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Question {
    /// The question.
    pub question: String,
    /// The day on which the answer is to hold, `YYYY-MM-DD`; today unless told.
    pub as_of: Option<String>,
    /// The asker's place.
    pub place: Option<String>,
    /// How many texts may be quoted.
    pub top_k: Option<usize>,
    /// A model shall write the sentences, where one is served; each is checked all the same.
    pub reworded: bool,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskFault {
    /// A field's value is not acceptable.
    #[error(transparent)]
    Field(#[from] BadField),
    /// The base's first texts are still being brought in.
    #[error("知识库正在读入文件，还不能回答，请过一会儿再问")]
    Reading,
    /// The work was stopped before it ended.
    #[error("处理中断，请稍后重试")]
    Interrupted,
    /// The answer could not be written down, so it is not told.
    #[error("回答没有记录成功，所以没有给出：{0}")]
    Log(#[from] KeepFault),
}

impl AskFault {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Field(_) => "ZS-FIELD",
            Self::Reading => "ZS-KB-READING",
            Self::Interrupted => "ZS-KB-INTERRUPTED",
            Self::Log(_) => "ZS-KB-LOG",
        }
    }

    /// The refused field, if a field was refused.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Field(bad) => Some(bad.field),
            Self::Reading | Self::Interrupted | Self::Log(_) => None,
        }
    }
}

impl Question {
    /// A question about today and the base's own place.
    pub fn plain(question: &str) -> Self {
        Self {
            question: question.to_owned(),
            ..Self::default()
        }
    }

    /// From the query of an address; `name` is the question's own field.
    pub(crate) fn from_query(query: &HashMap<String, String>, name: &str) -> Self {
        let given = |name: &str| {
            let value = query.get(name).map(|value| value.trim().to_owned());
            value.filter(|value| !value.is_empty())
        };
        Self {
            question: query.get(name).cloned().unwrap_or_default(),
            as_of: given("as_of"),
            place: given("place"),
            top_k: None,
            reworded: given("reworded").is_some(),
        }
    }

    /// The question as it is asked, or which field is wrong.
    pub fn asked(&self, today: Date) -> Result<Asked, BadField> {
        let place = self
            .place
            .as_deref()
            .map(str::trim)
            .filter(|place| !place.is_empty());
        if place.is_some_and(|place| place.chars().count() > MAX_PLACE) {
            let message = format!("地区（place）最多 {MAX_PLACE} 个字");
            return Err(BadField {
                field: "place",
                message,
            });
        }
        // Masked before anything reads it: no answer, notice or digest is made of what was typed.
        let asked = Asked {
            question: mask(&self.question).text,
            as_of: day("as_of", self.as_of.as_deref(), today)?,
            place: place.map(str::to_owned),
            top_k: self.top_k.unwrap_or(USUAL_TOP_K),
        };
        check(&asked)?;
        Ok(asked)
    }
}

/// Reads a day, or explains what would be one; `today` where none is given.
pub fn day(field: &'static str, value: Option<&str>, today: Date) -> Result<Date, BadField> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else {
        return Ok(today);
    };
    value.parse().map_err(|_| {
        let shown: String = value.chars().take(40).collect();
        BadField {
            field,
            message: format!("{field} 是“{shown}”，应写成 2025-01-31 这样的日期"),
        }
    })
}

/// What may have been asked for an answer to come: every breadth, the usual one first.
pub(super) fn breadths(answer: &Answer, place: Option<&str>) -> Vec<Asked> {
    let breadth = |top_k| Asked {
        question: answer.question.clone(),
        as_of: answer.as_of,
        place: place.map(str::to_owned),
        top_k,
    };
    std::iter::once(USUAL_TOP_K)
        .chain(1..=MAX_TOP_K)
        .map(breadth)
        .collect()
}
