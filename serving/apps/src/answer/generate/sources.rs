//! The sentences that a model may reword, and what stands beside them.
//!
//! They are those of the extractive answer, so a reworded answer leaves neither the place, the day
//! nor the evidence, and a text that the extract does not cite cannot be said by any model.

use crate::answer::base::Base;
use crate::answer::compose::version_of;
use crate::answer::question::gives_orders;
use crate::answer::record::{Answer, Citation, Outcome};
use crate::kb::{Passage, Version};
use crate::retrieve::fold;

/// Most sentences that a model rewords: a longer list reads best as it stands.
pub(super) const MAX_SOURCES: usize = 5;
/// Longest text of all of them, in characters.
const MAX_CHARS: usize = 900;

/// A sentence of a text, which a model may reword.
#[derive(Debug, Clone)]
pub(super) struct Source<'a> {
    pub(super) version: &'a Version,
    pub(super) citation: Citation,
    /// The other sentences of its passages.
    pub(super) beside: Vec<&'a str>,
}

impl Source<'_> {
    /// Its words without the mark of a list's item, such as `2.`.
    pub(super) fn words(&self) -> &str {
        let text = self.citation.quote.trim();
        let rest = text.trim_start_matches(|char: char| char.is_ascii_digit());
        let after = rest.strip_prefix(['.', '、', '．']);
        let bare = after.filter(|after| {
            let number = text.len() - rest.len();
            (1..=2).contains(&number) && !after.starts_with(|char: char| char.is_ascii_digit())
        });
        let marks = ['-', '*', '•', '·', ' '];
        bare.unwrap_or(text).trim_start_matches(marks)
    }
}

/// The sources of an answer; none where it is no text that a model may reword: no answer, rows of a
/// table, which say nothing without their columns, sentences that give orders to a machine.
pub(super) fn sources<'a>(base: &'a Base, extract: &Answer) -> Vec<Source<'a>> {
    if extract.outcome != Outcome::Answered || extract.sentences.len() > MAX_SOURCES {
        return Vec::new();
    }
    let all = extract.sentences.iter().map(|said| match &*said.citations {
        [citation] => source(base, citation),
        _ => None,
    });
    let all: Option<Vec<Source<'a>>> = all.collect();
    let all = all.unwrap_or_default();
    let chars: usize = all
        .iter()
        .map(|source| source.citation.quote.chars().count())
        .sum();
    if chars > MAX_CHARS { Vec::new() } else { all }
}

fn source<'a>(base: &'a Base, citation: &Citation) -> Option<Source<'a>> {
    let version = version_of(base.published(), citation)?.as_ref();
    let quote = fold(&citation.quote);
    if quote.contains('|') || gives_orders(&quote) || citation.verify(&version.text).is_err() {
        return None;
    }
    let span = citation.start_byte..citation.end_byte;
    let holds = |passage: &&Passage| {
        let mut own = passage.sentences.iter();
        own.any(|other| other.start < span.end && span.start < other.end)
    };
    let passages: Vec<&Passage> = version.passages.iter().filter(holds).collect();
    let in_table = passages.iter().any(|passage| passage.table_head.is_some());
    let others = passages.iter().flat_map(|passage| &passage.sentences);
    let beside = others
        .filter(|other| other.start != span.start)
        .filter_map(|other| version.text.get(other.clone()));
    let beside = beside.collect();
    (!in_table).then(|| Source {
        version,
        citation: citation.clone(),
        beside,
    })
}
