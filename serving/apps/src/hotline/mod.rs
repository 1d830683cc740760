//! Tickets of a citizens' hotline (12345): what a ticket is, who takes it, and a draft reply.
//!
//! Words decide, weighed and learned from a labelled set; nothing here is sent by itself. Where the
//! words do not decide, a person routes the ticket.

mod class;
mod draft;
mod route;
mod words;

use serde::Serialize;

use crate::answer::Answer;

pub use class::{Class, Judged, classify, question_in};
pub use draft::Draft;
pub use route::{Routed, route};

/// Longest ticket that is read, in characters.
pub const MAX_TICKET_CHARS: usize = 4000;

/// Name and version of the JSON form.
pub const SCHEMA: &str = "zhisuan.hotline/1";

/// What is proposed for one ticket; a clerk decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The ticket with personal numbers masked.
    pub text: String,
    /// Its class.
    pub class: Judged,
    /// Who takes it.
    pub routed: Routed,
    /// The draft of a reply; a clerk signs or discards it.
    pub draft: Draft,
}

/// The proposal for a ticket whose personal numbers are masked. `issuers` are the bodies known to
/// the knowledge base; `answer` is what the base says, asked only for a 咨询.
pub fn propose(text: &str, issuers: &[String], answer: Option<&Answer>) -> Proposal {
    let class = classify(text);
    let routed = route(text, issuers, answer);
    let draft = Draft::of(class.class, &routed, answer);
    Proposal {
        schema: SCHEMA,
        text: text.to_owned(),
        class,
        routed,
        draft,
    }
}
