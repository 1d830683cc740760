//! The question bank: ways in which people ask, each tied to the words of a document that answer
//! it, or that come near and do not; reviewed like a text.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A question of the bank.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BankQuestion {
    /// As people put it.
    pub question: String,
    /// Name of the document.
    pub document: String,
    /// Words of that document, as they stand in it.
    pub quote: String,
    /// Whether the quote answers it; otherwise no document does, and the quote comes nearest.
    pub answers: bool,
}

impl BankQuestion {
    /// The same without the blanks and ends of lines that come along when people paste.
    pub(crate) fn trimmed(&self) -> Self {
        Self {
            question: self.question.trim().to_owned(),
            document: self.document.trim().to_owned(),
            quote: self.quote.trim().to_owned(),
            answers: self.answers,
        }
    }
}

/// Questions that one quote answers, or does not: a line of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    document: String,
    quote: String,
    questions: Vec<String>,
    #[serde(default = "yes")]
    answers: bool,
}

fn yes() -> bool {
    true
}

/// A line of a file that is no part of a question bank.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "问题库第 {line} 行不能使用：{reason}。每行应为 \
     {{\"document\":文件名,\"quote\":原文,\"questions\":[问法]}}，原文答不了的另写 \"answers\":false"
)]
pub struct BadBankLine {
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Reads a question bank, one JSON object a line; blank lines and the mark that some editors put
/// first are skipped; pure.
pub fn read_bank(jsonl: &str) -> Result<Vec<BankQuestion>, BadBankLine> {
    let jsonl = jsonl.strip_prefix('\u{feff}').unwrap_or(jsonl);
    let mut bank = Vec::new();
    for (line, text) in (1..).zip(jsonl.lines()) {
        if text.trim().is_empty() {
            continue;
        }
        let read: Line = serde_json::from_str(text).map_err(|fault| BadBankLine {
            line,
            reason: fault.to_string(),
        })?;
        bank.extend(read.questions.into_iter().map(|question| BankQuestion {
            question,
            document: read.document.clone(),
            quote: read.quote.clone(),
            answers: read.answers,
        }));
    }
    Ok(bank)
}

#[cfg(test)]
mod tests {
    use super::read_bank;

    #[test]
    fn a_line_holds_several_ways_to_ask_and_a_bad_one_is_named() {
        let good = r#"{"document":"id-card","quote":"免费","questions":["要钱吗","收费不"]}"#;
        let bank = read_bank(good).map(|bank| bank.into_iter().map(|one| one.question).collect());
        assert_eq!(bank, Ok(vec!["要钱吗".to_owned(), "收费不".to_owned()]));
        let line = |text: &str| read_bank(text).map_err(|bad| bad.line);
        assert_eq!(line(&format!("{good}\n\n{{}}")), Err(3));
        // As Windows' editor writes it.
        let marked = format!("\u{feff}{good}\r\n");
        assert_eq!(read_bank(&marked).map(|bank| bank.len()), Ok(2));
        let misspelt = good.replace("questions", "question");
        assert_eq!(line(&misspelt), Err(1));
    }
}
