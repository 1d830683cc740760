//! A run of sentences under one heading, all as byte ranges of the canonical text.

use std::ops::Range;

use serde::Serialize;

/// What a section is about, told by its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// Who may apply (受理条件).
    Conditions,
    /// What to bring (申请材料).
    Materials,
    /// Steps (办理流程).
    Process,
    /// How long it takes (办理时限).
    Time,
    /// What it costs (收费标准).
    Fee,
    /// How much is granted or allowed (补贴标准、提取额度).
    Standard,
    /// How long something lasts or may wait (有效期、申请期限).
    Period,
    /// Where and when (办理地点与时间).
    Place,
    /// Whom to call (咨询电话).
    Phone,
    /// On what ground (法律依据).
    Legal,
    /// Who is responsible (责任单位).
    Responsible,
    /// Anything else.
    Other,
}

/// A run of sentences under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// Headings above it, the highest first: chapter, section, item.
    pub path: Vec<String>,
    /// What the nearest heading names.
    pub kind: SectionKind,
    /// Byte ranges of its sentences, in order, without overlap.
    pub sentences: Vec<Range<usize>>,
    /// The bodies named as responsible for it (责任单位、牵头单位).
    pub responsible: Vec<String>,
    /// Byte range of the words that set a deadline, such as `2025年12月底前`.
    pub deadline: Option<Range<usize>>,
    /// Byte range of the row that names the columns, where its sentences are rows of a table.
    pub table_head: Option<Range<usize>>,
}

impl Passage {
    /// A passage of sentences under headings.
    pub fn new(path: Vec<String>, kind: SectionKind, sentences: Vec<Range<usize>>) -> Self {
        Self {
            path,
            kind,
            sentences,
            responsible: Vec::new(),
            deadline: None,
            table_head: None,
        }
    }
}
