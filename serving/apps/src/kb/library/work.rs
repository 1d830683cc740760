//! What citizens say and what the staff makes of it: feedback, work, corrections.

use jiff::civil::Date;

use super::bank::propose_corrected;
use super::desk::must_make;
use super::{Library, LibraryError};
use crate::kb::mask::mask;
use crate::kb::store::answers::{feedback, keep_feedback};
use crate::kb::store::work::{
    close_work, keep_regression, open_work, regressions, work, work_item,
};
use crate::kb::store::{Feedback, NewWork, Regression, WorkItem, WorkKind};
use crate::staff::Person;

/// Longest words of a person, in characters.
const MAX_CHARS: usize = 2000;
/// Reasons for a low rating.
const REASONS: [&str; 6] = ["", "wrong", "incomplete", "outdated", "unclear", "other"];

/// What somebody says of an answer. Personal numbers in it are masked before it is kept.
#[derive(Debug, Clone)]
pub struct Said<'a> {
    /// Id of the answer.
    pub answer: &'a str,
    /// Whether it helped.
    pub helpful: bool,
    /// Stable reason: `wrong`, `incomplete`, `outdated`, `unclear`, `other`; empty for none.
    pub reason: &'a str,
    /// In their words.
    pub comment: &'a str,
}

/// What an answer should have been.
#[derive(Debug, Clone)]
pub struct Correction<'a> {
    /// The question.
    pub question: &'a str,
    /// The day for which it is asked.
    pub as_of: Date,
    /// What the answer must hold, word for word.
    pub expected: &'a str,
}

impl Library {
    /// Opens work for the staff, or counts it where the same is open already; returns its number.
    pub fn open_work(
        &self,
        base: &str,
        kind: WorkKind,
        question: &str,
        answer: &str,
        note: &str,
        now_ms: i64,
    ) -> Result<i64, LibraryError> {
        check("question", question, 1)?;
        check("note", note, 0)?;
        let (question, note) = (mask(question).text, mask(note).text);
        self.desk().store.change(|transaction| {
            let new = NewWork {
                base,
                kind,
                question: &question,
                answer,
                note: &note,
                now_ms,
            };
            Ok(open_work(transaction, &new)?)
        })
    }

    /// Work of a base, the newest first; open work only, or all.
    pub fn work(
        &self,
        base: &str,
        open_only: bool,
        most: usize,
    ) -> Result<Vec<WorkItem>, LibraryError> {
        Ok(work(self.desk().store.read(), base, open_only, most)?)
    }

    /// Keeps what somebody said of an answer; a low rating opens work.
    pub fn say(&self, said: &Said<'_>, now_ms: i64) -> Result<(), LibraryError> {
        check("comment", said.comment, 0)?;
        if !REASONS.contains(&said.reason) {
            let message = format!("评价理由（reason）“{}”不在可选范围内", said.reason);
            return Err(LibraryError::bad("reason", message));
        }
        let comment = mask(said.comment).text;
        let kept = self.answer(said.answer)?;
        self.desk().store.change(|transaction| {
            let row = Feedback {
                answer: said.answer.to_owned(),
                at_ms: now_ms,
                helpful: said.helpful,
                reason: said.reason.to_owned(),
                comment: comment.clone(),
            };
            keep_feedback(transaction, &kept.base, &row)?;
            if let (false, Some(answer)) = (said.helpful, &kept.answer) {
                let new = NewWork {
                    base: &kept.base,
                    kind: WorkKind::LowRating,
                    question: &answer.question,
                    answer: said.answer,
                    note: &comment,
                    now_ms,
                };
                open_work(transaction, &new)?;
            }
            Ok(())
        })
    }

    /// The newest feedback of a base.
    pub fn feedback(&self, base: &str, most: usize) -> Result<Vec<Feedback>, LibraryError> {
        Ok(feedback(self.desk().store.read(), base, most)?)
    }

    /// Closes work of a base, saying what was done; a correction is kept as a question whose answer
    /// must stay. Where its words stand in one document it is also proposed to the question bank:
    /// the answer is its number there.
    pub fn close_work(
        &self,
        base: &str,
        id: i64,
        outcome: &str,
        correction: Option<&Correction<'_>>,
        person: &Person,
        now_ms: i64,
    ) -> Result<Option<i64>, LibraryError> {
        must_make(person)?;
        check("outcome", outcome, 1)?;
        if let Some(correction) = correction {
            check("question", correction.question, 1)?;
            check("expected", correction.expected, 1)?;
        }
        let published = self.published(base).unwrap_or_default();
        let mut desk = self.desk();
        let proposed = desk.store.change(|transaction| {
            let item = work_item(transaction, id)?.filter(|item| item.base == base);
            let item = item.ok_or_else(|| LibraryError::not_found("工单", &id))?;
            if !close_work(transaction, id, &person.id, outcome, now_ms)? {
                let message = format!("工单 {id} 已经办结");
                return Err(LibraryError::bad("id", message));
            }
            let Some(correction) = correction else {
                return Ok(None);
            };
            let kept = Regression {
                id: 0,
                base: item.base,
                question: correction.question.to_owned(),
                as_of: correction.as_of,
                expected: correction.expected.to_owned(),
            };
            keep_regression(transaction, &kept, Some(id), &person.id, now_ms)?;
            propose_corrected(transaction, &published, (correction, base), person, now_ms)
        })?;
        self.tell_chain(&desk.store)?;
        Ok(proposed)
    }

    /// Questions whose corrected answers must stay.
    pub fn regressions(&self, base: &str) -> Result<Vec<Regression>, LibraryError> {
        Ok(regressions(self.desk().store.read(), base)?)
    }
}

fn check(field: &'static str, text: &str, least: usize) -> Result<(), LibraryError> {
    let chars = text.trim().chars().count();
    if chars < least || chars > MAX_CHARS {
        let message = format!("“{field}”有 {chars} 个字，应为 {least} 至 {MAX_CHARS} 个字");
        return Err(LibraryError::bad(field, message));
    }
    Ok(())
}
