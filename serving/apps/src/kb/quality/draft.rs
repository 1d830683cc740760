//! Words of a draft, in a text that does not call itself one; and what a draft left open.

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Severity};
use crate::kb::head::{Declared, declares_state, draft_word, is_title, top_lines};
use crate::kb::script::simplified;

/// Words in the title or at the top that only drafts have.
const MARKS: [&str; 7] = [
    "征求意见稿",
    "公开征求意见",
    "公开征求对",
    "送审稿",
    "讨论稿",
    "(草案)",
    "（草案）",
];
/// What authors leave for later.
const OPEN: [&str; 6] = [
    "此处待",
    "待补充",
    "待确认",
    "待定稿",
    "内部讨论",
    "请勿外传",
];

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(marked(looked));
    found.extend(left_open(looked));
    found
}

fn marked(looked: &Looked<'_>) -> Option<Finding> {
    let mut places = Vec::new();
    for line in top_lines(looked.extract) {
        let marks = MARKS.iter().filter_map(|mark| {
            let at = line.text.find(mark)?;
            Some(at..at + mark.len())
        });
        let titled = is_title(&line.text).then(|| draft_word(&line.text));
        let mark = marks.chain(titled.flatten()).min_by_key(|mark| mark.start);
        if let Some(mark) = mark {
            places.push(line.range.start + mark.start..line.range.start + mark.end);
        }
    }
    // A title that only a file's properties tell.
    if places.is_empty() && draft_word(&simplified(&looked.head.title)).is_some() {
        places.push(0..0);
    }
    let first = places.first()?.clone();
    let (severity, message) = match looked.head.declared {
        Declared::Draft if declares_state(looked.extract) => (
            Severity::Note,
            "文首写明是草案；回答引用时会标注“草案”，不作为现行规定".to_owned(),
        ),
        Declared::Draft => (
            Severity::Suspicious,
            "题名或开头写着草案或征求意见，已按草案对待，但来源没有注明效力；请核对是否已有正式文本，没有就确认按草案发布".to_owned(),
        ),
        Declared::InForce => (
            Severity::Suspicious,
            "题名或开头写着草案或征求意见，来源却注明有效；请核对这是草案、征求意见稿还是正式文本，并更正状态".to_owned(),
        ),
        Declared::Repealed => return None,
        Declared::Unstated => (
            Severity::Suspicious,
            "开头有草案或征求意见的字样，却没有注明是草案；请核对并写明状态".to_owned(),
        ),
    };
    let sample = looked.around(&first);
    let count = places.len();
    Some(Finding::new(
        FindingKind::DraftMarker,
        severity,
        first,
        count,
        &sample,
        message,
    ))
}

fn left_open(looked: &Looked<'_>) -> Option<Finding> {
    let mut places: Vec<_> = OPEN
        .iter()
        .flat_map(|mark| looked.words.match_indices(mark))
        .map(|(at, mark)| at..at + mark.len())
        .collect();
    places.sort_by_key(|place| place.start);
    let first = places.first()?.clone();
    let sample = looked.around(&first);
    let message = format!(
        "{} 处留有未定稿的字样（第一处“{sample}”）；请改用定稿",
        places.len()
    );
    let count = places.len();
    Some(Finding::new(
        FindingKind::DraftMarker,
        Severity::Suspicious,
        first,
        count,
        &sample,
        message,
    ))
}
