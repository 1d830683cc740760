//! Whether a written sentence says only what its sources say.
//!
//! Numbers with their units and bounds, dates, names, negations and words that turn a sentence round
//! are compared exactly after folding; the rest by how many of its words the sources have. A number
//! or a no must also stand beside the words that it is said of: what a text says of one thing does
//! not support the same of another. What cannot be judged so is refused: a dropped sentence costs
//! less than a wrong one.

mod amounts;
mod denials;
mod keywords;
mod names;
mod polarity;
mod segment;
#[cfg(test)]
mod tests;

use thiserror::Error;

use crate::kb::{Quantity, quantities};
use crate::retrieve::fold;
use segment::{Segment, pairs, segments};

/// Share of the pairs of characters of each clause that its sources must have.
const WORDS: f64 = 0.6;
/// Marks that a sentence may have beside those of its sources.
const MARKS: &str = " \n\t,.;:!?、。，；：！？“”‘’\"'《》()—-·%";
/// Of so many pairs of a span one may be missing in what stands in its place.
const LOST: usize = 5;
/// A clause of fewer pairs may be all connection: `是的`.
const FEW: usize = 2;

/// Why a sentence is not supported by its sources.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// It names no source.
    #[error("没有注明来源")]
    NoSource,
    /// A number, or a date, is not in the sources.
    #[error("来源中没有“{0}”这个数")]
    Number(String),
    /// A name is not in the sources.
    #[error("来源中没有“{0}”这个名称")]
    Name(String),
    /// It says no where the sources say yes, or the reverse.
    #[error("“{0}”与来源的肯定或者否定不一致")]
    Negation(String),
    /// It says may, must or must not where the sources do not.
    #[error("来源中没有“{0}”这样的要求")]
    Modal(String),
    /// It leaves out what a source says: a condition, a number, a no.
    #[error("漏掉了来源中的“{0}”")]
    Part(String),
    /// Its source was told before.
    #[error("这一来源前面已经说过")]
    Again,
    /// A word that turns a sentence round is not in the sources.
    #[error("来源中没有“{0}”这个词")]
    Word(String),
    /// Too many of its words are not in the sources.
    #[error("大部分用词不在来源中")]
    Words,
}

impl Unsupported {
    /// Stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSource => "no_source",
            Self::Number(_) => "number",
            Self::Name(_) => "name",
            Self::Negation(_) => "negation",
            Self::Modal(_) => "modal",
            Self::Part(_) => "part",
            Self::Again => "again",
            Self::Word(_) => "word",
            Self::Words => "words",
        }
    }
}

/// What a sentence is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Grounds<'a> {
    /// The spans that it cites.
    pub quotes: &'a [&'a str],
    /// Titles and headings above them: they give names to things, and support nothing alone.
    pub titles: &'a [&'a str],
    /// What else stands there: a sentence must be about what its own spans are about.
    pub beside: &'a [&'a str],
}

/// Checks that a sentence is supported by the spans it cites; pure.
pub fn verify(sentence: &str, grounds: &Grounds<'_>) -> Result<(), Unsupported> {
    if grounds.quotes.iter().all(|span| span.trim().is_empty()) {
        return Err(Unsupported::NoSource);
    }
    // A copy says what its span says.
    if grounds
        .quotes
        .iter()
        .any(|span| bare(span) == bare(sentence))
    {
        return Ok(());
    }
    let joined = |texts: &[&str]| {
        let folded: Vec<String> = texts.iter().map(|text| fold(text)).collect();
        folded.join("\n")
    };
    let said = fold(sentence);
    let (quotes, titles) = (joined(grounds.quotes), joined(grounds.titles));
    let beside = joined(grounds.beside);
    let strange =
        |char: &char| !char.is_alphanumeric() && !MARKS.contains(*char) && !quotes.contains(*char);
    if said.chars().any(|char| strange(&char)) {
        return Err(Unsupported::Words);
    }
    let (parts, sources) = (segments(&said), segments(&quotes));
    let mut beside = segments(&beside);
    beside.retain(|part| sources.iter().all(|source| source.text != part.text));
    amounts::check(&parts, &sources, &beside, &titles)?;
    let all = format!("{quotes}\n{titles}");
    if let Some(name) = names::missing(&said, &all) {
        return Err(Unsupported::Name(name));
    }
    if let Some(word) = keywords::missing(&said, &quotes) {
        return Err(Unsupported::Word(word.to_owned()));
    }
    words(&parts, &all)?;
    polarity::check(&parts, &sources, &beside, &titles)
}

/// Checks that a sentence says all that a span says, so that it may stand in its place: its numbers,
/// what it denies, and four fifths of its words, so that conditions are not lost; pure.
pub fn covers(sentence: &str, span: &str) -> Result<(), Unsupported> {
    let (said, span) = (fold(sentence), fold(span));
    let mut told = quantities(&said).into_iter();
    let same = |one: &Quantity, other: &Quantity| {
        one.millionths == other.millionths && one.unit == other.unit
    };
    for number in quantities(&span) {
        if !told.any(|other| same(&number, &other)) {
            let words = span.get(number.range).unwrap_or_default();
            return Err(Unsupported::Part(words.to_owned()));
        }
    }
    let denied = denials::read(&said).objects;
    let objects = denials::read(&span).objects;
    if let Some(object) = objects.into_iter().find(|object| !denied.contains(object)) {
        return Err(Unsupported::Part(object));
    }
    let pairs = pairs(&span);
    let mut lost = pairs.iter().filter(|(pair, _)| !said.contains(pair));
    if lost.clone().count() * LOST > pairs.len() {
        let first = lost.next().map_or("", |(pair, _)| pair);
        return Err(Unsupported::Part(first.to_owned()));
    }
    if cut(&bare(sentence), &span) {
        return Err(Unsupported::Part("半个词".to_owned()));
    }
    Ok(())
}

/// Whether a text is part of a span, cut out in the middle of a word.
fn cut(said: &str, span: &str) -> bool {
    let edge = |char: Option<char>| char.is_none_or(|char| !char.is_alphanumeric());
    let mut places = span.match_indices(said).peekable();
    let whole = |(at, _): (usize, &str)| {
        let before = span.get(..at).and_then(|before| before.chars().next_back());
        let after = span
            .get(at + said.len()..)
            .and_then(|after| after.chars().next());
        edge(before) && edge(after)
    };
    places.peek().is_some() && !places.any(whole)
}

/// A folded text without what stands around it.
fn bare(text: &str) -> String {
    let folded = fold(text);
    let edge = |char: char| char.is_whitespace() || "。;.".contains(char);
    folded.trim_matches(edge).to_owned()
}

/// Each clause must be made of the sources' words: one that is right lends nothing to the next.
fn words(said: &[Segment<'_>], sources: &str) -> Result<(), Unsupported> {
    for clause in said.iter().flat_map(|part| part.text.split([',', ':'])) {
        let pairs = pairs(clause);
        let found = pairs
            .iter()
            .filter(|(pair, _)| sources.contains(pair))
            .count();
        if pairs.len() >= FEW && (found as f64) < WORDS * pairs.len() as f64 {
            return Err(Unsupported::Words);
        }
    }
    Ok(())
}
