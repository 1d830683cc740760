//! Synonyms, which another person checks, and themes that are switched off and on.

use std::collections::BTreeSet;

use rusqlite::Connection;
use serde_json::json;
use zhisuan_chain::{canonical, sm3_hex};

use super::desk::{list, must_check, must_have_base, must_make};
use super::{Library, LibraryError};
use crate::kb::known::Stage;
use crate::kb::published::Synonym;
use crate::kb::script::bare;
use crate::kb::store::bases::set_home;
use crate::kb::store::words::{
    closed_themes, proposal, propose_synonym, proposed_synonyms, settle_synonym, switch_theme,
};
use crate::kb::store::{Deed, ProposedSynonym};
use crate::staff::Person;

/// Longest word or theme, in characters.
const MAX_WORD: usize = 40;
/// Most meanings of a word.
const MAX_MEANS: usize = 20;

impl Library {
    /// Proposes what a citizens' word means; no meanings proposes to remove the word. It takes
    /// effect when another person accepts it.
    pub fn propose_synonym(
        &self,
        base: &str,
        synonym: &Synonym,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_make(person)?;
        check_word("word", &synonym.word)?;
        for meaning in &synonym.means {
            check_word("means", meaning)?;
        }
        if synonym.means.len() > MAX_MEANS {
            let message = format!("一个词最多 {MAX_MEANS} 个对应说法（means）");
            return Err(LibraryError::bad("means", message));
        }
        let mut desk = self.desk();
        desk.store.change(|transaction| {
            must_have_base(transaction, base)?;
            propose_synonym(transaction, base, synonym, &person.id)?;
            synonym_deed(base, synonym, person, "proposed", now_ms).write(transaction)?;
            Ok::<_, LibraryError>(())
        })?;
        self.tell_chain(&desk.store)
    }

    /// Accepts or refuses a proposed synonym as it was looked at; never one's own, and not another
    /// proposal that took its place since.
    pub fn settle_synonym(
        &self,
        base: &str,
        seen: &Synonym,
        accept: bool,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        let word = seen.word.as_str();
        let mut desk = self.desk();
        let ((), published) = desk.change_published(base, |connection| {
            let proposed = proposal(connection, base, word)?
                .ok_or_else(|| LibraryError::not_found("待核的同义词", word))?;
            if accept && proposed.maker == person.id {
                return Err(LibraryError::SamePerson {
                    person: person.name.clone(),
                    what: format!("同义词“{word}”"),
                });
            }
            if accept && proposed.synonym.means != seen.means {
                return Err(LibraryError::Changed {
                    what: format!("同义词“{word}”"),
                });
            }
            settle_synonym(connection, base, &proposed, &person.id, accept)?;
            let ended = if accept { "accepted" } else { "refused" };
            synonym_deed(base, &proposed.synonym, person, ended, now_ms).write(connection)?;
            Ok(())
        })?;
        self.shelve(&desk.store, base, published)
    }

    /// Synonyms that wait for a checker.
    pub fn proposed_synonyms(&self, base: &str) -> Result<Vec<ProposedSynonym>, LibraryError> {
        Ok(proposed_synonyms(self.desk().store.read(), base)?)
    }

    /// Tells a base the place that it speaks for: questions that name none are about it. No place
    /// leaves that to its texts. It changes answers, so a checker does it.
    pub fn set_home(
        &self,
        base: &str,
        place: Option<&str>,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        must_check(person)?;
        let place = place.map(str::trim).filter(|place| !place.is_empty());
        if let Some(place) = place {
            check_word("place", place)?;
        }
        let mut desk = self.desk();
        let ((), published) = desk.change_published(base, |connection| {
            must_have_base(connection, base)?;
            set_home(connection, base, place)?;
            let deed = Deed {
                at_ms: now_ms,
                base,
                person,
                action: "home",
                object: place.unwrap_or_default().to_owned(),
                detail: json!({}),
            };
            deed.write(connection)?;
            Ok(())
        })?;
        self.shelve(&desk.store, base, published)
    }

    /// Switches a theme off, at once, or on again: off stops answers about it, so one person is
    /// enough; on again needs a checker.
    pub fn switch_theme(
        &self,
        base: &str,
        theme: &str,
        closed: bool,
        person: &Person,
        now_ms: i64,
    ) -> Result<(), LibraryError> {
        check_word("theme", theme)?;
        if closed && !person.checker {
            must_make(person)?;
        } else {
            must_check(person)?;
        }
        let mut desk = self.desk();
        let ((), published) = desk.change_published(base, |connection| {
            must_have_base(connection, base)?;
            if closed {
                must_be_a_theme(connection, base, theme)?;
            }
            let mut known = closed_themes(connection, base)?;
            // A theme may be written in both scripts.
            known.retain(|other| bare(other) == bare(theme));
            if !closed && known.is_empty() {
                return Err(LibraryError::not_found("已关闭的主题", theme));
            }
            if known.is_empty() {
                known.push(theme.to_owned());
            }
            for written in &known {
                switch_theme(connection, base, written, &person.id, now_ms, closed)?;
            }
            let deed = Deed {
                at_ms: now_ms,
                base,
                person,
                action: if closed { "close_theme" } else { "open_theme" },
                object: theme.to_owned(),
                detail: json!({}),
            };
            deed.write(connection)?;
            Ok(())
        })?;
        self.shelve(&desk.store, base, published)
    }
}

/// Refuses a theme that no text has: closing it would close nothing.
fn must_be_a_theme(connection: &Connection, base: &str, theme: &str) -> Result<(), LibraryError> {
    let rows = list(connection, base, None)?;
    let there = rows.iter().filter(|row| row.stage != Stage::Withdrawn);
    let themes: BTreeSet<&str> = there.filter_map(|row| row.head.theme.as_deref()).collect();
    if themes.iter().any(|known| bare(known) == bare(theme)) {
        return Ok(());
    }
    let known: Vec<&str> = themes.into_iter().take(30).collect();
    let message = format!(
        "没有文件的主题（theme）是“{theme}”，没有关闭任何主题。现有的主题：{}",
        known.join("、")
    );
    Err(LibraryError::bad("theme", message))
}

pub(super) fn check_word(field: &'static str, word: &str) -> Result<(), LibraryError> {
    let chars = word.trim().chars().count();
    if chars == 0 || chars > MAX_WORD || word.chars().any(char::is_control) {
        let message = format!("“{}”（{field}）应为 1 至 {MAX_WORD} 个字", word.trim());
        return Err(LibraryError::bad(field, message));
    }
    Ok(())
}

fn synonym_deed<'a>(
    base: &'a str,
    synonym: &Synonym,
    person: &'a Person,
    ended: &str,
    at_ms: i64,
) -> Deed<'a> {
    let digest = sm3_hex(canonical(&json!(synonym)).as_bytes());
    Deed {
        at_ms,
        base,
        person,
        action: "synonym",
        object: synonym.word.clone(),
        detail: json!({ "state": ended, "sm3": digest }),
    }
}
