//! Looking into the question bank: which questions there are, and whether their quotes still stand.

use std::collections::HashMap;

use serde::Serialize;

use super::bank::Quotes;
use super::{Library, LibraryError};
use crate::calendar::china_today;
use crate::kb::bank::BankQuestion;
use crate::kb::script::bare;
use crate::kb::store::KeptQuestion;
use crate::kb::store::bank::{count_waiting, listed};

/// Which questions of the bank are looked for; empty fields leave none out.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Those that wait for a checker, or those in force; both where it is not said.
    pub waiting: Option<bool>,
    /// Of this document.
    pub document: String,
    /// Whose question or quote holds this; scripts, widths, blanks and signs do not count.
    pub words: String,
    /// Whose quote stands no more.
    pub stale: bool,
    /// Id of the person whose own questions come last: somebody else settles them.
    pub own_last: String,
}

/// A question of the bank as it is looked at today.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ShownQuestion {
    /// The question.
    #[serde(flatten)]
    pub kept: KeptQuestion,
    /// Whether its quote stands in a published version of its document that nothing has replaced.
    pub stands: bool,
}

/// A stretch of the questions that were looked for, those that wait first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FoundQuestions {
    /// The stretch.
    pub items: Vec<ShownQuestion>,
    /// How many there are in all.
    pub total: usize,
}

/// How many questions the bank of a base has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct BankCounts {
    /// In force.
    pub in_force: usize,
    /// Waiting for a checker.
    pub waiting: usize,
    /// In force with a quote that stands no more: they say nothing now.
    pub stale: usize,
}

impl Library {
    /// Questions of the bank, `most` of them after the first `skip`.
    pub fn find_questions(
        &self,
        base: &str,
        wanted: &Wanted,
        skip: usize,
        most: usize,
    ) -> Result<FoundQuestions, LibraryError> {
        let mut kept = Vec::new();
        for waiting in [true, false] {
            if wanted.waiting.is_none_or(|asked| asked == waiting) {
                kept.extend(listed(self.desk().store.read(), base, !waiting)?);
            }
        }
        kept.retain(|kept| wanted.names(&kept.question));
        let published = self.published(base).unwrap_or_default();
        let mut standing = Standing::of(Quotes::now(&published, china_today()));
        if wanted.stale {
            kept.retain(|kept| !standing.holds(&kept.question));
        }
        if !wanted.own_last.is_empty() {
            kept.sort_by_key(|kept| kept.maker == wanted.own_last);
        }
        let total = kept.len();
        let stretch = kept.into_iter().skip(skip).take(most);
        let items = stretch.map(|kept| ShownQuestion {
            stands: standing.holds(&kept.question),
            kept,
        });
        Ok(FoundQuestions {
            items: items.collect(),
            total,
        })
    }

    /// How many questions the bank of a base has.
    pub fn bank_counts(&self, base: &str) -> Result<BankCounts, LibraryError> {
        let waiting = self.waiting_questions(base)?;
        let published = self.published(base).unwrap_or_default();
        let mut standing = Standing::of(Quotes::now(&published, china_today()));
        let bank = published.bank.iter();
        Ok(BankCounts {
            in_force: published.bank.len(),
            waiting,
            stale: bank.filter(|one| !standing.holds(one)).count(),
        })
    }

    /// How many questions of a base wait for a checker.
    pub fn waiting_questions(&self, base: &str) -> Result<usize, LibraryError> {
        Ok(count_waiting(self.desk().store.read(), base)?)
    }
}

impl Wanted {
    /// Whether a question is of the wanted document and holds the wanted words.
    fn names(&self, one: &BankQuestion) -> bool {
        let words = bare(&self.words);
        let holds = |text: &str| bare(text).contains(&words);
        (self.document.is_empty() || self.document == one.document)
            && (words.is_empty() || holds(&one.question) || holds(&one.quote))
    }
}

/// Answers once for each quote: many questions share one.
struct Standing<'a> {
    quotes: Quotes<'a>,
    known: HashMap<(String, String), bool>,
}

impl<'a> Standing<'a> {
    fn of(quotes: Quotes<'a>) -> Self {
        let known = HashMap::new();
        Self { quotes, known }
    }

    fn holds(&mut self, one: &BankQuestion) -> bool {
        let key = (one.document.clone(), one.quote.clone());
        let known = self.known.entry(key);
        *known.or_insert_with(|| self.quotes.stands(one))
    }
}
