//! What is said in answer, as data. The JSON form is stable under [`SCHEMA`].

use jiff::civil::Date;
use serde::Serialize;

use super::cite::Citation;
use super::document::Status;

/// Name and version of the JSON form; a change that breaks readers changes the number.
pub const SCHEMA: &str = "zhisuan.answer/1";

/// The visible label of extractive answers.
const LABEL: &str =
    "以下内容由机器从来源文件中逐句摘录，未经人工审核，以来源原文和经办机构答复为准。";

/// An answer to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Answer {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The question as asked.
    pub question: String,
    /// The day on which the answer is to hold, `YYYY-MM-DD`.
    #[serde(serialize_with = "serialize_day")]
    pub as_of: Date,
    /// The label that must stay with the text wherever it is shown or copied.
    pub label: &'static str,
    /// What was found: `"outcome": "answered"` or `"no_source"`, with its fields beside it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Either sentences with sources, or the plain word that there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Sentences, each verified against its source.
    Answered {
        /// What the sources say, verbatim.
        sentences: Vec<Sentence>,
        /// What the reader must know about the sources, such as that one is a draft.
        notices: Vec<Notice>,
    },
    /// No source was found.
    NoSource {
        /// Stable reason: `no_matter`, `other_place`, `nothing_found`, `not_covered` or
        /// `source_changed`.
        reason: &'static str,
        /// The same for people.
        message: String,
        /// Where a person will help.
        hand_over: Option<HandOver>,
    },
}

/// One verbatim sentence and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Sentence {
    /// The sentence, byte for byte as in the source.
    pub text: String,
    /// Its sources; never empty.
    pub citations: Vec<Citation>,
}

/// A warning about a source used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// Name of the text.
    pub document_id: String,
    /// Its status.
    pub status: Status,
    /// The warning for people.
    pub message: String,
}

/// Where a person will help.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandOver {
    /// Telephone number.
    pub phone: String,
    /// Counter.
    pub counter: Option<String>,
}

impl Answer {
    pub(crate) fn new(question: &str, as_of: Date, outcome: Outcome) -> Self {
        Self {
            schema: SCHEMA,
            question: question.to_owned(),
            as_of,
            label: LABEL,
            outcome,
        }
    }
}

impl Outcome {
    /// Sentences with the warnings that their sources call for.
    pub(crate) fn answered(sentences: Vec<Sentence>) -> Self {
        let mut notices: Vec<Notice> = Vec::new();
        for citation in sentences.iter().flat_map(|sentence| &sentence.citations) {
            let known = notices
                .iter()
                .any(|n| n.document_id == citation.document_id);
            if let (Some(message), false) = (warning(citation), known) {
                notices.push(Notice {
                    document_id: citation.document_id.clone(),
                    status: citation.status,
                    message,
                });
            }
        }
        Self::Answered { sentences, notices }
    }

    /// The plain word that there is no source.
    pub(crate) fn no_source(reason: &'static str, hand_over: Option<HandOver>) -> Self {
        let message = match reason {
            "no_matter" => "没有看出要问的事项，请写明事项名称，例如“居住证要带什么材料”。",
            "other_place" => "知识库里没有这个地区的文件，请咨询当地政务服务热线。",
            "not_covered" => "找到了相近的文件，但其中没有写明所问的内容，不作推测。",
            "source_changed" => "来源文件在载入后有改动，核对不上，暂不摘录，请联系人工。",
            _ => "没有找到可靠来源，不作推测。",
        };
        Self::NoSource {
            reason,
            message: message.to_owned(),
            hand_over,
        }
    }
}

fn warning(citation: &Citation) -> Option<String> {
    let title = &citation.title;
    match citation.status {
        Status::InForce => None,
        Status::Draft => Some(format!("《{title}》是草案，尚未施行，内容可能改变。")),
        Status::Repealed => Some(format!("《{title}》已经失效，仅供查考，不能作为办事依据。")),
        Status::NotYet => Some(format!("《{title}》尚未生效。")),
        Status::Unstated => Some(format!("《{title}》没有注明效力，请向发布机构核实。")),
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's serialize_with passes a reference to the field"
)]
fn serialize_day<S: serde::Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}
