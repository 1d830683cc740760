//! Questions with their gold answers, one JSON object a line.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::answer::Outcome;

/// Which questions were looked at while the rules were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Looked at.
    Tune,
    /// Never looked at; only its totals are printed.
    Blind,
}

impl Split {
    /// The name in file names and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Blind => "blind",
        }
    }
}

/// Words that an answer must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Fact {
    /// These.
    Words(String),
    /// One of these.
    AnyOf(Vec<String>),
}

impl Fact {
    /// All ways to write it.
    pub(super) fn ways(&self) -> &[String] {
        match self {
            Self::Words(words) => std::slice::from_ref(words),
            Self::AnyOf(ways) => ways,
        }
    }
}

/// One question with what a right answer must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// The question as a citizen types it.
    pub question: String,
    /// How it is put: `plain`, `colloquial`, `traditional` or `typo`.
    pub style: String,
    /// What kind of question it is, such as `number` or `near_miss`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the base that is asked.
    #[serde(default)]
    pub base: String,
    /// The day on which it is asked; none is the runner's day.
    #[serde(default)]
    pub as_of: Option<Date>,
    /// The asker's place.
    #[serde(default)]
    pub place: Option<String>,
    /// Names of the documents that an answer may quote.
    #[serde(default)]
    pub documents: Vec<String>,
    /// Words of the documents, all of which must be found.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// What the answer must hold, all of it.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// How the answer must end.
    pub outcome: Outcome,
}

/// A line that is no question.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("评测集第 {line} 行不能使用：{reason}。请对照评测集的字段说明改正")]
pub struct BadCase {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads questions, one JSON object a line; blank lines are skipped.
pub fn read(jsonl: &str) -> Result<Vec<Case>, BadCase> {
    let mut cases: Vec<Case> = Vec::new();
    for (line, text) in (1..).zip(jsonl.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let bad = |reason: String| BadCase { line, reason };
        let case: Case = serde_json::from_str(text).map_err(|fault| bad(fault.to_string()))?;
        if cases.iter().any(|known| known.id == case.id) {
            return Err(bad(format!("编号 {} 重复", case.id)));
        }
        cases.push(case);
    }
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_bad_line_is_named() {
        let good = r#"{"id":"a","question":"问","style":"plain","type":"fee","facts":["1元",["二","贰"]],"outcome":"answered"}"#;
        assert_eq!(read(good).map(|cases| cases.len()), Ok(1));
        let line = |text: &str| read(text).map_err(|bad| bad.line);
        assert_eq!(line(&format!("{good}\n\n{{}}")), Err(3));
        assert_eq!(line(&format!("{good}\n{good}")), Err(2));
    }
}
