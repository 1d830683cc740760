//! What is said in answer, as data. The JSON form is stable under [`SCHEMA`].

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::kb::{HandOver, Origin, State};

/// Name and version of the JSON form; a change that breaks readers changes the number.
pub const SCHEMA: &str = "zhisuan.answer/2";

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Sentences answer it.
    Answered,
    /// Sentences answer a part of it; the notice says which part is missing.
    Partial,
    /// It can mean several matters; `choices` names them.
    Clarify,
    /// Nothing in the base answers it.
    NoEvidence,
    /// Texts in force say different things; both sides are shown.
    Conflict,
    /// The only texts about it do not hold on the day asked for.
    NotInForce,
    /// It is about another place or another kind of matter.
    OutOfScope,
    /// It asks about the asker's own case, which needs their identity.
    NeedsIdentity,
    /// It was refused: an attack, or a topic that is closed.
    Blocked,
    /// A person must take over: danger to life, or the asker wished so.
    HandedOver,
}

impl Outcome {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Partial => "partial",
            Self::Clarify => "clarify",
            Self::NoEvidence => "no_evidence",
            Self::Conflict => "conflict",
            Self::NotInForce => "not_in_force",
            Self::OutOfScope => "out_of_scope",
            Self::NeedsIdentity => "needs_identity",
            Self::Blocked => "blocked",
            Self::HandedOver => "handed_over",
        }
    }

    /// Whether the answer has sentences that the asker may rely on.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Partial | Self::Conflict)
    }
}

/// A question with everything that its answer depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The question with its personal numbers masked, as [`crate::service::Question::asked`]
    /// makes it; whatever is given here may be told.
    pub question: String,
    /// The day on which the answer is to hold.
    pub as_of: Date,
    /// The asker's place; none asks about the base's own.
    pub place: Option<String>,
    /// Most texts that an answer may quote, 1 to 50.
    pub top_k: usize,
}

/// Who wrote the sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Maker {
    /// Sentences of the sources, word for word.
    Extract,
    /// A model, each sentence verified against its sources.
    Model {
        /// Served name of the model.
        model: String,
    },
}

/// An answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name of this answer: the digest of [`Hashes`] in lower-case hexadecimal, 32 characters.
    pub id: String,
    /// The question with personal numbers masked.
    pub question: String,
    /// The day on which the answer is to hold, `YYYY-MM-DD`.
    pub as_of: Date,
    /// How it ended.
    pub outcome: Outcome,
    /// Stable reason where there is no answer, such as `not_covered`; empty otherwise.
    pub reason: String,
    /// The outcome in words, for people.
    pub message: String,
    /// Who wrote the sentences.
    pub made_by: Maker,
    /// Sentences in the order in which they are read.
    pub sentences: Vec<Sentence>,
    /// What the reader must know about the sources, such as that one is a draft.
    pub notices: Vec<Notice>,
    /// Sides that contradict each other.
    pub conflicts: Vec<Conflict>,
    /// Questions to choose from, where the outcome is to clarify.
    pub choices: Vec<String>,
    /// Titles of the nearest texts, where nothing answered.
    pub nearest: Vec<Citation>,
    /// Where a person will help.
    pub hand_over: Option<HandOver>,
    /// The label that must stay with the text wherever it is shown or copied (GB 45438-2025).
    pub label: String,
    /// What the answer was made of; the same hashes give the same text.
    pub hashes: Hashes,
}

/// Digests of everything that an answer depends on, lower-case hexadecimal SM3.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hashes {
    /// The question with its personal numbers masked, its day and place.
    pub question: String,
    /// The published base.
    pub base: String,
    /// The embedding and the generating model; empty without one.
    pub model: String,
    /// Rules and settings of this build.
    pub configuration: String,
    /// All that a model was told; empty where none was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The sentences and citations.
    pub answer: String,
}

/// One sentence and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// The sentence.
    pub text: String,
    /// Heading under which it is shown; empty for none.
    pub section: String,
    /// Its sources; never empty.
    pub citations: Vec<Citation>,
}

/// A byte range of a version that was checked against its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citation {
    /// Name of the document.
    pub document: String,
    /// Number of its version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Issuing body; empty where the text does not say.
    pub issuer: String,
    /// Document number.
    pub number: Option<String>,
    /// The place where it applies.
    pub place: Option<String>,
    /// State on the day asked for.
    pub state: State,
    /// First day in force.
    pub effective: Option<Date>,
    /// First day out of force.
    pub repealed: Option<Date>,
    /// Headings above the sentence.
    pub path: Vec<String>,
    /// First byte of the version's canonical text.
    pub start_byte: usize,
    /// First byte after it.
    pub end_byte: usize,
    /// What stands there, word for word.
    pub quote: String,
    /// Where it stood in the raw file.
    pub origin: Origin,
    /// SHA-256 of the version's canonical text, lower-case hexadecimal.
    pub text_sha256: String,
}

/// A warning about a source used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Name of the document; empty where it is about the whole answer.
    pub document: String,
    /// Stable code: `draft`, `repealed`, `not_yet`, `superseded`, `unstated`, `part_missing`,
    /// `part_not_in_force`, `period_over`, `repaired`.
    pub code: String,
    /// The warning for people.
    pub message: String,
}

/// Texts that contradict each other about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// What they disagree about.
    pub about: String,
    /// What each says.
    pub sides: Vec<Side>,
}

/// One side of a conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The value that it states.
    pub value: String,
    /// Where.
    pub citation: Citation,
}
