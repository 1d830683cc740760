//! Characters that come of a wrong decoding, and what the reader could not read.

use std::ops::Range;

use super::Looked;
use crate::kb::extract::ReadFaultKind;
use crate::kb::finding::{Finding, FindingKind, Severity};
use crate::kb::script::is_han;

/// Beginnings of what UTF-8 looks like when it is read as GBK, and the signs of empty memory.
const CLASSIC: [&str; 8] = [
    "锟斤拷",
    "烫烫烫",
    "屯屯屯",
    "锛屽",
    "銆傚",
    "鐨勬",
    "â€",
    "Ã¤",
];
/// Tags of a page that were not taken out.
const TAGS: [&str; 8] = [
    "span>", "<span", "</p>", "</div", "<div ", "<br", "&nbsp;", "</td",
];
/// A text with more bad characters than one in so many is not readable.
const TOO_MANY: usize = 20;

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = mojibake(looked).into_iter().collect();
    found.extend(looked.extract.faults.iter().map(|fault| {
        let range = fault.range.clone();
        let count = fault.count;
        let chars = looked.text.chars().count();
        let (kind, severity, message) = match fault.kind {
            ReadFaultKind::InvalidBytes => (
                FindingKind::Mojibake,
                worse_if(count * TOO_MANY > chars),
                format!("文件里有 {count} 处字节不是它自己编码的文字，已用替代符占位；请用原系统重新导出为 UTF-8 后再导入"),
            ),
            ReadFaultKind::UnmappedGlyphs => (
                FindingKind::UnmappedGlyphs,
                worse_if(count * TOO_MANY > chars),
                format!("有 {count} 个字的字体没有说明是什么字，读不出来；请改用可复制文字的 PDF 或 DOCX，或对照原件补上"),
            ),
            ReadFaultKind::PageWithoutText => (
                FindingKind::PagesWithoutText,
                worse_if(looked.text.trim().is_empty()),
                format!("有 {count} 页是图片，没有文字，内容没有进入知识库；请补交有文字的版本"),
            ),
            ReadFaultKind::ActiveContent => (
                FindingKind::ActiveContent,
                Severity::Note,
                format!("文件里有 {count} 处脚本或宏，已全部略去，没有运行"),
            ),
            ReadFaultKind::HiddenSheets => (
                FindingKind::HiddenContent,
                Severity::Suspicious,
                format!("工作簿里有 {count} 张隐藏的工作表，没有读取；请核对它们是否属于正文，是就取消隐藏后重新入库"),
            ),
        };
        let sample = looked.around(&range);
        Finding::new(kind, severity, range, count, &sample, message)
    }));
    found
}

fn worse_if(unreadable: bool) -> Severity {
    if unreadable {
        Severity::Blocking
    } else {
        Severity::Suspicious
    }
}

fn mojibake(looked: &Looked<'_>) -> Option<Finding> {
    let places = places(looked.text);
    let first = places.first()?.clone();
    let count = places.len();
    let inside = places
        .iter()
        .filter(|place| !looked.in_furniture(place.start));
    let in_text = inside.clone().count();
    let first = inside.clone().next().cloned().unwrap_or(first);
    let bytes: usize = places.iter().map(Range::len).sum();
    let severity = if bytes * TOO_MANY > looked.text.len() {
        Severity::Blocking
    } else if in_text > 0 {
        Severity::Suspicious
    } else {
        Severity::Note
    };
    let sample = looked.around(&first);
    let paragraph = looked.paragraph(first.start);
    let message = match severity {
        Severity::Note => format!("网页导航里有 {count} 处乱码，正文没有；不影响回答"),
        _ => format!(
            "{count} 处像是编码转换错误留下的乱码（正文 {in_text} 处，第一处在第 {paragraph} 段“{sample}”）；请对照原件改正这些字句"
        ),
    };
    Some(Finding::new(
        FindingKind::Mojibake,
        severity,
        first,
        count,
        &sample,
        message,
    ))
}

/// Places with characters that no official text has there; near ones are one place.
fn places(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut add = |range: Range<usize>| match found.last_mut() {
        Some(last) if range.start <= last.end + 12 && range.start >= last.start => {
            last.end = last.end.max(range.end);
        }
        _ => found.push(range),
    };
    for line in crate::kb::script::lines(text) {
        let (start, line) = line;
        let chars: Vec<(usize, char)> = line.char_indices().collect();
        let boxes = chars.iter().filter(|(_, char)| is_box(*char)).count();
        for (place, (at, char)) in chars.iter().enumerate() {
            let char = *char;
            let near = |step: isize| {
                let at = place.checked_add_signed(step)?;
                chars.get(at).map(|(_, char)| *char)
            };
            let han = |step| near(step).is_some_and(is_han);
            let marks = char == '?' && (near(1) == Some('?') || near(-1) == Some('?'));
            let bad = char == '\u{fffd}'
                || matches!(char, '\u{e000}'..='\u{f8ff}' | '\u{80}'..='\u{9f}')
                || (char.is_control() && char != '\t')
                || (is_box(char)
                    && boxes < 3
                    && (han(-1) || han(1) || near(-1).is_some_and(is_accented)))
                || (is_accented(char) && (han(-1) || han(1) || near(1).is_some_and(is_box)))
                || (marks && (han(-1) || han(1) || han(2) || han(-2)))
                || (char == '?' && near(1) == Some('>') && near(2) == Some('?'))
                || (char == '?' && han(-1) && near(1) == Some('!'));
            let classic = line
                .get(*at..)
                .is_some_and(|rest| CLASSIC.iter().any(|c| rest.starts_with(c)));
            let tag = line
                .get(*at..)
                .is_some_and(|rest| TAGS.iter().any(|t| rest.starts_with(t)));
            if bad || classic || tag {
                add(start + at..start + at + char.len_utf8());
            }
        }
    }
    found
}

fn is_box(char: char) -> bool {
    matches!(char, '\u{2500}'..='\u{259f}')
}

fn is_accented(char: char) -> bool {
    matches!(char, '\u{c0}'..='\u{24f}') && !matches!(char, '×' | '÷')
}
