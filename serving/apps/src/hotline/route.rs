//! Who takes a ticket: the bodies' words, and what the knowledge base's own texts name.

use serde::Serialize;

use super::words::{BODIES, Body};
use crate::answer::Answer;

/// A strong word counts this, and a little more with each of its characters.
const STRONG: f32 = 2.0;
const PER_CHAR: f32 = 0.1;
const WEAK: f32 = 1.0;
/// An answer's issuer counts like one strong word.
const NAMED_BY_ANSWER: f32 = 2.5;
/// Less than this, or less ahead of the next, is left to a person.
const ENOUGH: f32 = 2.0;
const AHEAD: f32 = 0.5;

/// Who takes a ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Routed {
    /// Stable code of the kind of body; empty where a person must route.
    pub code: &'static str,
    /// The body's name as the base's texts write it, else the kind's.
    pub name: String,
    /// The words of the ticket that decided.
    pub because: Vec<String>,
    /// The next likely bodies, the likelier first.
    pub others: Vec<&'static str>,
}

/// Routes a ticket. `issuers` are the bodies that the base's texts name. Pure.
pub fn route(text: &str, issuers: &[String], answer: Option<&Answer>) -> Routed {
    let text = text.to_lowercase();
    let named = answer.and_then(issuer_of);
    let mut scored: Vec<(&Body, f32)> = BODIES
        .iter()
        .map(|body| (body, score(body, &text, named)))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    scored.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = scored.first().copied();
    let next = scored.get(1).map_or(0.0, |next| next.1);
    let decided = best.filter(|(_, score)| *score >= ENOUGH && score - next >= AHEAD);
    let others = |skip: usize| {
        let rest = scored.iter().skip(skip).take(3);
        rest.map(|(body, _)| body.name).collect()
    };
    match decided {
        Some((body, _)) => Routed {
            code: body.code,
            name: full_name(body, issuers).unwrap_or_else(|| body.name.to_owned()),
            because: because(body, &text),
            others: others(1),
        },
        None => Routed {
            code: "",
            name: "人工分派".to_owned(),
            because: Vec::new(),
            others: others(0),
        },
    }
}

/// The issuer of an answer's first source.
fn issuer_of(answer: &Answer) -> Option<&str> {
    if !answer.outcome.is_answer() {
        return None;
    }
    let citation = answer.sentences.first()?.citations.first()?;
    Some(citation.issuer.as_str()).filter(|issuer| !issuer.is_empty())
}

fn score(body: &Body, text: &str, named: Option<&str>) -> f32 {
    let strong = found(&body.strong, text).map(|word| STRONG + PER_CHAR * length(word));
    let weak = found(&body.weak, text).map(|_| WEAK);
    let by_answer = named
        .filter(|name| names(body, name))
        .map(|_| NAMED_BY_ANSWER);
    strong.chain(weak).chain(by_answer).sum()
}

fn found<'a>(words: &'a [&'static str], text: &'a str) -> impl Iterator<Item = &'static str> + 'a {
    words.iter().copied().filter(|word| text.contains(word))
}

fn because(body: &Body, text: &str) -> Vec<String> {
    let words = found(&body.strong, text).chain(found(&body.weak, text));
    words.take(6).map(str::to_owned).collect()
}

#[expect(clippy::cast_precision_loss, reason = "words have a few characters")]
fn length(word: &str) -> f32 {
    word.chars().count() as f32
}

fn names(body: &Body, issuer: &str) -> bool {
    body.issuers.iter().any(|word| issuer.contains(word))
}

fn full_name(body: &Body, issuers: &[String]) -> Option<String> {
    issuers.iter().find(|issuer| names(body, issuer)).cloned()
}
