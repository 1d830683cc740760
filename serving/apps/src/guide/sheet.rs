//! A service item laid out as people read it: steps first, then conditions, materials, fee, place
//! and time; every line with its byte range.

use serde::Serialize;

use crate::kb::{SectionKind, Version};

/// The order in which sections are read, with their names.
const ORDER: [(SectionKind, &str); 12] = [
    (SectionKind::Process, "办理步骤"),
    (SectionKind::Conditions, "受理条件"),
    (SectionKind::Materials, "申请材料"),
    (SectionKind::Fee, "收费标准"),
    (SectionKind::Standard, "补贴、额度标准"),
    (SectionKind::Place, "办理地点与时间"),
    (SectionKind::Time, "办理时限"),
    (SectionKind::Period, "有效期与申请期限"),
    (SectionKind::Phone, "咨询电话"),
    (SectionKind::Responsible, "责任单位"),
    (SectionKind::Legal, "法律依据"),
    (SectionKind::Other, "其他说明"),
];

/// A guide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// Its sections; none is empty.
    pub sections: Vec<Section>,
}

/// A part of a guide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// What it is about.
    pub kind: SectionKind,
    /// The text's own heading, else the usual name.
    pub title: String,
    /// Its sentences.
    pub lines: Vec<Line>,
}

/// A sentence of the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Word for word, without a list's own mark.
    pub text: String,
    /// First byte of the version's canonical text.
    pub start_byte: usize,
    /// First byte after it.
    pub end_byte: usize,
}

/// The guide of a version. Pure.
pub fn sheet(version: &Version) -> Sheet {
    let mut sections: Vec<Section> = Vec::new();
    for (kind, usual) in ORDER {
        for passage in version
            .passages
            .iter()
            .filter(|passage| passage.kind == kind)
        {
            let title = match (kind, passage.path.last()) {
                (SectionKind::Process, _) | (_, None) => usual.to_owned(),
                (_, Some(heading)) => heading.clone(),
            };
            let lines = passage.sentences.iter().filter_map(|range| {
                let text = version.text.get(range.clone())?.trim();
                (!text.is_empty()).then(|| Line {
                    text: unmarked(text).to_owned(),
                    start_byte: range.start,
                    end_byte: range.end,
                })
            });
            let lines: Vec<Line> = lines.collect();
            match sections
                .last_mut()
                .filter(|last| last.kind == kind && last.title == title)
            {
                Some(last) => last.lines.extend(lines),
                None if !lines.is_empty() => sections.push(Section { kind, title, lines }),
                None => {}
            }
        }
    }
    Sheet { sections }
}

/// A list item without its mark: the page sets its own.
pub(crate) fn unmarked(text: &str) -> &str {
    let bare = text.strip_prefix("- ").or_else(|| text.strip_prefix("* "));
    let bare = bare.unwrap_or(text);
    let digits = bare.len() - bare.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    match bare.get(digits..).and_then(|rest| rest.strip_prefix(". ")) {
        Some(rest) if digits > 0 => rest,
        _ => bare,
    }
}
