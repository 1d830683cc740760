//! Whether a written sentence says only what its sources say.
//!
//! Numbers with their units, dates, names and negations are compared exactly after folding and
//! normalising; the rest by how many of its words the sources have. What cannot be judged so is
//! refused: a dropped sentence costs less than a wrong one.

mod names;
mod polarity;

use thiserror::Error;

use crate::kb::{Quantity, quantities};
use crate::retrieve::{fold, terms};

/// Share of a sentence's pairs of characters that its sources must have.
const WORDS: f64 = 0.6;

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
            Self::Words => "words",
        }
    }
}

/// Checks that a sentence is supported by the spans it cites; pure.
pub fn verify(sentence: &str, spans: &[&str]) -> Result<(), Unsupported> {
    if spans.iter().all(|span| span.trim().is_empty()) {
        return Err(Unsupported::NoSource);
    }
    let said = fold(sentence);
    let sources: Vec<String> = spans.iter().map(|span| fold(span)).collect();
    let sources = sources.join("\n");
    numbers(&said, &sources)?;
    if let Some(name) = names::missing(&said, &sources) {
        return Err(Unsupported::Name(name));
    }
    polarity::check(&said, &sources)?;
    let parts = terms(&said);
    let pairs: Vec<&str> = parts
        .iter()
        .map(|term| term.text)
        .filter(|t| t.chars().nth(1).is_some())
        .collect();
    let found = pairs.iter().filter(|pair| sources.contains(**pair)).count();
    if (found as f64) < WORDS * pairs.len() as f64 {
        return Err(Unsupported::Words);
    }
    Ok(())
}

/// Every number, and every run of numbers without a gap such as a date, must be in the sources.
fn numbers(said: &str, sources: &str) -> Result<(), Unsupported> {
    let (mine, theirs) = (quantities(said), quantities(sources));
    let runs = theirs.chunk_by(|a, b| a.range.end == b.range.start);
    let runs: Vec<&[Quantity]> = runs.collect();
    for run in mine.chunk_by(|a, b| a.range.end == b.range.start) {
        let same = |(a, b): (&Quantity, &Quantity)| {
            a.millionths == b.millionths && (a.unit == b.unit || a.unit.is_empty())
        };
        let held = runs.iter().any(|other| {
            let mut windows = other.windows(run.len());
            windows.any(|window| run.iter().zip(window).all(same))
        });
        if !held {
            let words = run
                .first()
                .zip(run.last())
                .and_then(|(first, last)| said.get(first.range.start..last.range.end));
            return Err(Unsupported::Number(words.unwrap_or_default().to_owned()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::verify;

    const SPAN: &str = "居民身份证补领、换领办事指南。本市户籍的，自受理之日起十个工作日内办结；换领每证20元，不得委托他人代办。\
                        由云麓市公安局负责，自2024年1月1日起施行。";

    fn code(sentence: &str) -> &'static str {
        verify(sentence, &[SPAN]).map_or_else(|fault| fault.code(), |()| "ok")
    }

    #[test]
    fn what_the_source_says_in_other_writing() {
        for sentence in [
            "换领身份证每证20元。",
            "換領每證２０元。",
            "本市户籍的10个工作日内办结。",
            "不得委托他人代办。",
            "由云麓市公安局负责。",
            "自2024年1月1日起施行。",
        ] {
            assert_eq!(verify(sentence, &[SPAN]), Ok(()), "{sentence}");
        }
    }

    #[test]
    fn what_the_source_does_not_say() {
        for (sentence, expected) in [
            ("换领每证40元。", "number"),
            ("本市户籍的20个工作日内办结。", "number"),
            ("自2024年1月11日起施行。", "number"),
            ("由云麓市民政局负责。", "name"),
            ("由青岚市公安局负责。", "name"),
            ("可以委托他人代办。", "negation"),
            ("委托他人代办。", "negation"),
            ("依照《某某条例》换领每证20元。", "name"),
            ("请到月球上的环形山仔细地反复观察海鸟。", "words"),
        ] {
            assert_eq!(code(sentence), expected, "{sentence}");
        }
        assert_eq!(
            verify("每证20元。", &[]).map_err(|f| f.code()),
            Err("no_source")
        );
    }
}
