//! A draft reply: sentences of the base with their sources for a 咨询, both sides where texts
//! contradict each other, a polite frame otherwise.

use std::fmt::Write as _;

use serde::Serialize;

use super::class::Class;
use super::route::Routed;
use crate::answer::{Answer, Citation, Outcome};

/// Stands under every draft until a clerk signs it.
const UNSIGNED: &str = "（AI 辅助生成的草稿，未经人工核签，不得发出）";

/// A reply that nobody has signed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draft {
    /// The text, with `[1]` where a source is cited and the label at its end.
    pub text: String,
    /// The sources in the order of their numbers.
    pub citations: Vec<Citation>,
    /// Whether the base answers the ticket.
    pub from_base: bool,
    /// Always false: a clerk signs, never this program.
    pub signed: bool,
}

impl Draft {
    /// The draft for a ticket of a class. Pure.
    pub(super) fn of(class: Class, routed: &Routed, answer: Option<&Answer>) -> Self {
        let answer = answer.filter(|_| class == Class::Consult);
        let outcome = answer.map(|answer| answer.outcome);
        let from_base = matches!(outcome, Some(Outcome::Answered | Outcome::Partial));
        let (middle, citations) = match (answer, outcome) {
            (Some(answer), _) if from_base => from_sentences(answer),
            (Some(answer), Some(Outcome::Conflict)) => both_sides(answer),
            _ => (frame(class, routed), Vec::new()),
        };
        let text = format!(
            "您好！您反映的事项已收到。\n\n{middle}\n\n感谢您的来电，祝您生活愉快。\n\n{UNSIGNED}"
        );
        Self {
            text,
            citations,
            from_base,
            signed: false,
        }
    }
}

/// Texts in force contradict each other: a person decides, so both stand in the draft and none is
/// the answer.
fn both_sides(answer: &Answer) -> (String, Vec<Citation>) {
    let mut citations: Vec<Citation> = Vec::new();
    let mut text = format!("{}\n", answer.message);
    for conflict in &answer.conflicts {
        let _ = writeln!(text, "关于“{}”：", conflict.about);
        for side in &conflict.sides {
            let number = number(&mut citations, &side.citation);
            let (value, quote) = (&side.value, side.citation.quote.trim());
            let _ = writeln!(text, "- {value}：{quote}[{number}]");
        }
    }
    text.push_str("（承办人请先向发布机构核实，确定一种说法后再答复。）\n");
    ended(text, answer, citations)
}

fn from_sentences(answer: &Answer) -> (String, Vec<Citation>) {
    let mut citations: Vec<Citation> = Vec::new();
    let mut text = format!("按 {} 有效的文件，答复如下：\n", answer.as_of);
    for sentence in &answer.sentences {
        text.push_str(sentence.text.trim());
        for citation in &sentence.citations {
            let _ = write!(text, "[{}]", number(&mut citations, citation));
        }
        text.push('\n');
    }
    ended(text, answer, citations)
}

/// What stands under every draft of the base: warnings and sources.
fn ended(mut text: String, answer: &Answer, citations: Vec<Citation>) -> (String, Vec<Citation>) {
    for notice in &answer.notices {
        let _ = writeln!(text, "请注意：{}", notice.message);
    }
    text.push_str("\n依据：\n");
    for (at, citation) in citations.iter().enumerate() {
        let number = citation.number.as_deref().unwrap_or("");
        let _ = writeln!(
            text,
            "[{}] 《{}》{} {}（{}）",
            at + 1,
            citation.title,
            citation.issuer,
            number,
            citation.state.label()
        );
    }
    (text.trim_end().to_owned(), citations)
}

/// The number of a citation's text; the same text keeps its number.
fn number(known: &mut Vec<Citation>, citation: &Citation) -> usize {
    let same =
        |seen: &Citation| seen.document == citation.document && seen.version == citation.version;
    if let Some(at) = known.iter().position(same) {
        return at + 1;
    }
    known.push(citation.clone());
    known.len()
}

fn frame(class: Class, routed: &Routed) -> String {
    let body = if routed.code.is_empty() {
        "有关部门"
    } else {
        routed.name.as_str()
    };
    match class {
        Class::Consult => {
            format!("知识库中没有查到可以直接答复的文件，已转{body}答复，请保持电话畅通。")
        }
        Class::Complaint => format!(
            "给您带来的不便，我们深表歉意。您的投诉已转{body}核实处理，办理情况由承办单位向您反馈。"
        ),
        Class::Help => {
            format!("您的求助已标为急件转{body}。如有人身危险，请立即拨打 110、119 或 120。")
        }
        Class::Suggest => {
            format!("感谢您为城市建设出谋划策。您的建议已转{body}研究，是否采纳由该单位答复。")
        }
    }
}
