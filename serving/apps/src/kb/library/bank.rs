//! The question bank: proposed by one person, in force when another accepts it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::civil::Date;
use rusqlite::Connection;
use serde::Serialize;
use serde_json::json;
use zhisuan_chain::{canonical, sm3_hex};

use super::desk::{must_check, must_have_base, must_make};
use super::work::Correction;
use super::{Library, LibraryError};
use crate::calendar::china_today;
use crate::kb::bank::BankQuestion;
use crate::kb::mask::mask;
use crate::kb::published::Published;
use crate::kb::script::bare;
use crate::kb::state::State;
use crate::kb::store::bank::{
    accept, count, listed, propose, question, remember_import, remove, was_imported,
};
use crate::kb::store::{Deed, KeptQuestion};
use crate::kb::version::Version;
use crate::staff::Person;

/// Most questions of a base.
const MAX_QUESTIONS: usize = 50_000;
/// Longest question, in characters.
const MAX_QUESTION: usize = 200;
/// Longest quote, in characters.
const MAX_QUOTE: usize = 400;

/// What became of questions that were proposed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct ProposedQuestions {
    /// Numbers of those that wait for a checker.
    pub waiting: Vec<i64>,
    /// Those that are in force already.
    pub known: usize,
    /// Those that were left out, and why.
    pub left_out: Vec<(BankQuestion, String)>,
}

impl Library {
    /// Proposes questions; each takes effect when another person accepts it. One whose quote does
    /// not stand in a published version of its document is left out and told.
    pub fn propose_questions(
        &self,
        base: &str,
        questions: &[BankQuestion],
        person: &Person,
        now_ms: i64,
    ) -> Result<ProposedQuestions, LibraryError> {
        let (published, questions) = self.taken(base, questions, person)?;
        let mut desk = self.desk();
        let done = desk.store.change(|transaction| {
            let done = put(transaction, &published, (&questions, base), person, now_ms)?;
            deed(base, "proposed", &questions, person, now_ms).write(transaction)?;
            Ok::<_, LibraryError>(done)
        })?;
        self.tell_chain(&desk.store)?;
        Ok(done)
    }

    /// Accepts or refuses proposed questions by their numbers, all or none of them; never one's
    /// own. A proposal that was made anew since has another number.
    pub fn settle_questions(
        &self,
        base: &str,
        ids: &[i64],
        accepted: bool,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        let mut desk = self.desk();
        let ((), published) = desk.change_published(base, |connection| {
            let waiting = found(connection, base, ids, false)?;
            let own = waiting.iter().find(|kept| kept.maker == person.id);
            if let Some(own) = own.filter(|_| accepted) {
                return Err(LibraryError::SamePerson {
                    person: person.name.clone(),
                    what: format!("问题“{}”", own.question.question),
                });
            }
            for kept in &waiting {
                if accepted {
                    accept(connection, base, kept, &person.id)?;
                } else {
                    remove(connection, kept.id)?;
                }
            }
            let questions: Vec<_> = waiting.into_iter().map(|kept| kept.question).collect();
            let ended = if accepted { "accepted" } else { "refused" };
            deed(base, ended, &questions, person, now_ms).write(connection)?;
            Ok(())
        })?;
        self.shelve(&desk.store, base, published)
    }

    /// Takes questions out of force by their numbers, all or none of them. It changes answers, so
    /// a checker does it.
    pub fn withdraw_questions(
        &self,
        base: &str,
        ids: &[i64],
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        let mut desk = self.desk();
        let ((), published) = desk.change_published(base, |connection| {
            let known = found(connection, base, ids, true)?;
            for kept in &known {
                remove(connection, kept.id)?;
            }
            let questions: Vec<_> = known.into_iter().map(|kept| kept.question).collect();
            deed(base, "withdrawn", &questions, person, now_ms).write(connection)?;
            Ok(())
        })?;
        self.shelve(&desk.store, base, published)
    }

    /// Questions in force, or those that wait for a checker, ordered by document and question.
    pub fn questions(&self, base: &str, accepted: bool) -> Result<Vec<KeptQuestion>, LibraryError> {
        Ok(listed(self.desk().store.read(), base, accepted)?)
    }

    /// Takes the questions of a folder as its clean texts are taken: they go into force by one
    /// person who may both make and check, and wait where the person may not check. One that was
    /// brought in before is not brought in again: what was withdrawn or replaced since stays so.
    pub(super) fn import_questions(
        &self,
        base: &str,
        questions: &[BankQuestion],
        person: &Person,
        now_ms: i64,
    ) -> Result<ProposedQuestions, LibraryError> {
        let (before, questions) = self.taken(base, questions, person)?;
        let mut desk = self.desk();
        let (done, published) = desk.change_published(base, |connection| {
            let mut new = Vec::new();
            for one in questions {
                if !was_imported(connection, base, &digest(&one))? {
                    new.push(one);
                }
            }
            let mut done = put(connection, &before, (&new, base), person, now_ms)?;
            for one in &new {
                remember_import(connection, base, one, &digest(one))?;
            }
            if done.waiting.is_empty() {
                return Ok(done);
            }
            let state = if person.checker {
                for kept in found(connection, base, &done.waiting, false)? {
                    accept(connection, base, &kept, &person.id)?;
                }
                done.known += done.waiting.len();
                done.waiting.clear();
                "imported"
            } else {
                "proposed"
            };
            deed(base, state, &new, person, now_ms).write(connection)?;
            Ok(done)
        })?;
        self.shelve(&desk.store, base, published)?;
        Ok(done)
    }

    /// What every way into the bank begins with: whoever may not make is refused, and questions
    /// are looked at without the blanks around them, beside what is published.
    fn taken(
        &self,
        base: &str,
        questions: &[BankQuestion],
        person: &Person,
    ) -> Result<(Arc<Published>, Vec<BankQuestion>), LibraryError> {
        must_make(person)?;
        let published = self.published(base).unwrap_or_default();
        let questions = questions.iter().map(BankQuestion::trimmed);
        Ok((published, questions.collect()))
    }
}

/// Names a question with all that it says.
fn digest(one: &BankQuestion) -> String {
    sm3_hex(canonical(&json!(one)).as_bytes())
}

/// Whether a question's quote stands in a published version of its document; scripts, widths,
/// blanks and signs do not count.
pub(super) struct Quotes<'a> {
    published: &'a Published,
    /// Versions that another one has replaced by this day do not count.
    day: Option<Date>,
    texts: HashMap<&'a str, Vec<String>>,
}

impl<'a> Quotes<'a> {
    /// In any version: questions as of an earlier day are answered from replaced ones.
    fn ever(published: &'a Published) -> Self {
        Self {
            published,
            day: None,
            texts: HashMap::new(),
        }
    }

    /// In versions that nothing has replaced by a day.
    pub(super) fn now(published: &'a Published, day: Date) -> Self {
        Self {
            day: Some(day),
            ..Self::ever(published)
        }
    }

    pub(super) fn stands(&mut self, one: &BankQuestion) -> bool {
        let mut versions = self.published.versions.iter();
        let Some(first) = versions.find(|version| version.id.document == one.document) else {
            return false;
        };
        let texts = self.texts.entry(&first.id.document).or_insert_with(|| {
            let own = self.published.versions.iter();
            let own = own.filter(|version| version.id.document == one.document);
            let own = own.filter(|version| self.day.is_none_or(|day| counts(version, day)));
            own.map(|version| bare(&version.text)).collect()
        });
        let quote = bare(&one.quote);
        !quote.is_empty() && texts.iter().any(|text| text.contains(&quote))
    }
}

fn counts(version: &Version, day: Date) -> bool {
    version.state_on(day) != State::Superseded
}

/// Proposes the question of a correction with its words, where they stand in one document alone;
/// the answer is its number. Words of several documents do not tell which of them answers.
pub(super) fn propose_corrected(
    connection: &Connection,
    published: &Published,
    (correction, base): (&Correction<'_>, &str),
    person: &Person,
    now_ms: i64,
) -> Result<Option<i64>, LibraryError> {
    let quote = bare(correction.expected);
    let today = china_today();
    let versions = published.versions.iter();
    let versions = versions.filter(|version| counts(version, today));
    let holding = versions.filter(|version| bare(&version.text).contains(&quote));
    let documents: HashSet<&str> = holding.map(|v| v.id.document.as_str()).collect();
    let mut documents = documents.into_iter();
    let (Some(document), None) = (documents.next(), documents.next()) else {
        return Ok(None);
    };
    let questions = [BankQuestion {
        question: correction.question.trim().to_owned(),
        document: document.to_owned(),
        quote: correction.expected.trim().to_owned(),
        answers: true,
    }];
    // A full bank is no reason to leave the work open.
    if count(connection, base)? >= MAX_QUESTIONS {
        return Ok(None);
    }
    let done = put(connection, published, (&questions, base), person, now_ms)?;
    if !done.waiting.is_empty() {
        deed(base, "proposed", &questions, person, now_ms).write(connection)?;
    }
    Ok(done.waiting.first().copied())
}

fn put(
    connection: &Connection,
    published: &Published,
    (questions, base): (&[BankQuestion], &str),
    person: &Person,
    now_ms: i64,
) -> Result<ProposedQuestions, LibraryError> {
    must_have_base(connection, base)?;
    let mut quotes = Quotes::ever(published);
    let mut done = ProposedQuestions::default();
    let mut seen = HashSet::new();
    for one in questions {
        if let Some(reason) = unfit(one, &mut quotes) {
            done.left_out.push((one.clone(), reason));
        } else if !seen.insert((&one.question, &one.document)) {
            let reason = "同一文件的同一问题在前面已有，只取前一个".to_owned();
            done.left_out.push((one.clone(), reason));
        } else if propose(connection, base, one, &person.id, now_ms)? {
            done.waiting.push(connection.last_insert_rowid());
        } else {
            done.known += 1;
        }
    }
    if count(connection, base)? > MAX_QUESTIONS {
        let message = format!("一个知识库的问题库最多 {MAX_QUESTIONS} 问，请先撤下不用的");
        return Err(LibraryError::bad("questions", message));
    }
    Ok(done)
}

/// Why a question cannot be taken.
fn unfit(one: &BankQuestion, quotes: &mut Quotes<'_>) -> Option<String> {
    if let Some(empty) = empty(one) {
        return Some(empty);
    }
    let long =
        |text: &str, most: usize| text.chars().count() > most || text.chars().any(char::is_control);
    if long(&one.question, MAX_QUESTION) {
        return Some(format!(
            "问题（question）应为一行之内 1 至 {MAX_QUESTION} 个字"
        ));
    }
    if long(&one.quote, MAX_QUOTE) {
        return Some(format!("原文（quote）应为一行之内 1 至 {MAX_QUOTE} 个字"));
    }
    if !mask(&one.question).found.is_empty() {
        return Some("问题（question）里有个人号码，请去掉".to_owned());
    }
    if !quotes.stands(one) {
        let (quote, document) = (&one.quote, &one.document);
        return Some(format!(
            "已发布的“{document}”里没有“{quote}”，请照原文抄写（quote），或者改正文件名（document）"
        ));
    }
    None
}

/// Which field says nothing, told by the others: nobody finds an empty one by itself.
fn empty(one: &BankQuestion) -> Option<String> {
    let BankQuestion {
        question,
        document,
        quote,
        ..
    } = one;
    if question.is_empty() {
        return Some(format!(
            "“{document}”里“{quote}”之下有一个问题（question）是空的，请写明或去掉"
        ));
    }
    let fields = [
        (document, "文件名（document）是空的，请写明由哪个文件回答"),
        (quote, "原文（quote）是空的，请照文件抄写"),
    ];
    let told = fields.into_iter().find(|(text, _)| text.is_empty());
    told.map(|(_, reason)| reason.to_owned())
}

/// The questions of some numbers that are in force, or wait, each once: accepted twice it would
/// take its own place and be gone. A number that is not there is told.
fn found(
    connection: &Connection,
    base: &str,
    ids: &[i64],
    accepted: bool,
) -> Result<Vec<KeptQuestion>, LibraryError> {
    if ids.is_empty() {
        return Err(LibraryError::bad("ids", "没有写明是哪些问题（ids）"));
    }
    let what = if accepted {
        "生效的问题"
    } else {
        "待核的问题"
    };
    let mut once = HashSet::new();
    let known = ids.iter().filter(|id| once.insert(**id)).map(|id| {
        let kept = question(connection, base, *id)?;
        kept.filter(|kept| kept.checker.is_some() == accepted)
            .ok_or_else(|| LibraryError::not_found(what, id))
    });
    known.collect()
}

fn deed<'a>(
    base: &'a str,
    state: &str,
    questions: &[BankQuestion],
    person: &'a Person,
    at_ms: i64,
) -> Deed<'a> {
    let digest = sm3_hex(canonical(&json!(questions)).as_bytes());
    Deed {
        at_ms,
        base,
        person,
        action: "questions",
        object: questions.len().to_string(),
        detail: json!({ "state": state, "sm3": digest }),
    }
}
