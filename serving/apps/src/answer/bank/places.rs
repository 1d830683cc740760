//! In which sentences the quotes of a bank stand; pure.

use std::collections::{HashMap, HashSet};

use super::SentenceKey;
use crate::kb::{Published, Version, bare};

/// A sentence that is a part of a quote has at least this many characters.
const LEAST_PART: usize = 6;

/// Of each question of the bank the sentences that hold its quote, in all versions of its document.
/// Scripts, widths, blanks and signs do not count.
pub(super) fn of(published: &Published) -> Vec<Vec<SentenceKey>> {
    let mut sentences: HashMap<&str, Vec<(SentenceKey, String)>> = HashMap::new();
    let bank = published.bank.iter();
    let known: HashSet<&str> = bank.map(|one| one.document.as_str()).collect();
    for (at, version) in (0_u32..).zip(&published.versions) {
        if known.contains(version.id.document.as_str()) {
            let own = sentences.entry(&version.id.document).or_default();
            own.extend(bare_sentences(at, version));
        }
    }
    let places = published.bank.iter().map(|one| {
        let quote = bare(&one.quote);
        let own = sentences.get(one.document.as_str());
        let holding = own.into_iter().flatten().filter(|(_, sentence)| {
            !quote.is_empty() && sentence.contains(&quote)
                || sentence.chars().count() >= LEAST_PART && quote.contains(sentence.as_str())
        });
        holding.map(|(key, _)| *key).collect()
    });
    places.collect()
}

fn bare_sentences(at: u32, version: &Version) -> impl Iterator<Item = (SentenceKey, String)> {
    let passages = (0_u32..).zip(&version.passages);
    passages.flat_map(move |(number, passage)| {
        passage.sentences.iter().filter_map(move |span| {
            let text = version.text.get(span.clone())?;
            Some(((at, number, span.start as u32, span.end as u32), bare(text)))
        })
    })
}
