//! Knowledge questions: texts in, answers made of verified source sentences out.

mod answer;
mod base;
mod cite;
mod document;
mod evidence;
mod fold;
mod front_matter;
mod index;
mod passage;
mod published;
mod question;
mod search;
mod select;
mod tokenize;
mod words;

pub use answer::{Answer, HandOver, Notice, Outcome, SCHEMA, Sentence};
pub use base::{AskError, AskOptions, KbError, KnowledgeBase, MAX_QUESTION_CHARS, MAX_TOP_K};
pub use cite::{Citation, CitationFault};
pub use document::{Document, MAX_DOCUMENT_BYTES, Refused, Status};
pub use passage::{Passage, SectionKind};
pub use search::Hit;

pub(crate) use fold::fold;
