//! Questions with their gold answers, one JSON object a line.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::answer::Outcome;

/// Which questions were looked at while the rules were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Looked at.
    Tune,
    /// Never looked at; only its totals are printed.
    Blind,
}

impl Split {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Blind => "blind",
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
    /// How it is put: `plain`, `colloquial`, `traditional`, `typo`, `as_of`, `near_miss` and so on.
    pub style: String,
    /// What kind of fact it asks for.
    #[serde(rename = "type")]
    pub kind: String,
    /// The day on which it is asked; none is the runner's day.
    #[serde(default)]
    pub as_of: Option<Date>,
    /// The asker's place.
    #[serde(default)]
    pub place: Option<String>,
    /// Name of the document that answers it.
    #[serde(default)]
    pub document: Option<String>,
    /// Words of the document that the answer must hold, all of them.
    #[serde(default)]
    pub facts: Vec<String>,
    /// How the answer must end.
    pub outcome: Outcome,
    /// Its split.
    pub split: Split,
}

/// A line that is no question.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("评测集第 {line} 行不能使用：{reason}。请按 examples/README.md 的字段改正")]
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
        let good = r#"{"id":"a","question":"问","style":"plain","type":"fee","facts":["1元"],"outcome":"answered","split":"tune"}"#;
        assert_eq!(read(good).unwrap().len(), 1);
        assert_eq!(read(&format!("{good}\n\n{{}}")).unwrap_err().line, 3);
        assert_eq!(read(&format!("{good}\n{good}")).unwrap_err().line, 2);
    }
}
