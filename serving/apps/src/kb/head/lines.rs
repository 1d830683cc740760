//! Pure: the lines at the top of a text, and the `label: value` pairs of its metadata.

use std::ops::Range;

use crate::kb::extract::{BlockKind, Extract};
use crate::kb::script::{lines, simplified, trimmed};

/// Lines that are looked at for what a text says of itself.
const TOP: usize = 60;

/// A line that is not blank.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Its bytes of the canonical text, without blanks at the ends.
    pub(crate) range: Range<usize>,
    /// In simplified characters; byte for byte in the same places.
    pub(crate) text: String,
    /// Navigation and the like.
    pub(crate) furniture: bool,
    /// What the reader calls a heading.
    pub(crate) heading: bool,
}

/// The first lines of a text that are not blank.
pub(crate) fn top_lines(extract: &Extract) -> Vec<Line> {
    let all = lines(&extract.text).filter(|(_, line)| !line.trim().is_empty());
    all.take(TOP)
        .map(|(start, line)| of(extract, start, line))
        .collect()
}

/// The last lines of a text that are not blank, in order.
pub(super) fn last_lines(extract: &Extract, most: usize) -> Vec<Line> {
    let all: Vec<(usize, &str)> = lines(&extract.text)
        .filter(|(_, line)| !line.trim().is_empty())
        .collect();
    let from = all.len().saturating_sub(most);
    let last = all.iter().skip(from);
    last.map(|(start, line)| of(extract, *start, line))
        .collect()
}

fn of(extract: &Extract, start: usize, line: &str) -> Line {
    let (skip, kept) = trimmed(line);
    let range = start + skip..start + skip + kept.len();
    let is = |wanted: fn(BlockKind) -> bool| {
        let inside = |at: usize| {
            let block = extract.blocks.get(at);
            block.is_some_and(|b| b.range.start <= range.start && wanted(b.kind))
        };
        let after = extract
            .blocks
            .partition_point(|b| b.range.end <= range.start);
        inside(after)
    };
    Line {
        text: simplified(kept),
        furniture: is(|kind| kind == BlockKind::Furniture),
        heading: is(|kind| matches!(kind, BlockKind::Heading(_))),
        range,
    }
}

/// The labels under which pages tell what a text is, and what each is called here.
const LABELS: [(&str, &str); 34] = [
    ("标题", "标题"),
    ("名称", "标题"),
    ("文件名称", "标题"),
    ("索引号", "索引号"),
    ("发文字号", "文号"),
    ("文号", "文号"),
    ("发布文号", "文号"),
    ("发文机构", "发布机构"),
    ("发文机关", "发布机构"),
    ("发布机构", "发布机构"),
    ("发布单位", "发布机构"),
    ("制发机关", "发布机构"),
    ("信息分类", "信息分类"),
    ("主题分类", "信息分类"),
    ("分类", "信息分类"),
    ("成文日期", "成文日期"),
    ("公开日期", "公开日期"),
    ("发布日期", "公开日期"),
    ("发布时间", "公开日期"),
    ("生效日期", "生效日期"),
    ("实施日期", "生效日期"),
    ("施行日期", "生效日期"),
    ("废止日期", "失效日期"),
    ("失效日期", "失效日期"),
    ("有效性", "状态"),
    ("时效性", "状态"),
    ("效力状态", "状态"),
    ("状态", "状态"),
    ("概述", "概述"),
    ("适用地区", "适用地区"),
    ("作者", "作者"),
    ("来源", "来源"),
    ("代替", "代替"),
    ("废止", "代替"),
];

/// The name here of a label in a page, which may have blanks inside (`索 引 号`).
pub(super) fn label(text: &str) -> Option<&'static str> {
    let bare: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let known = LABELS.iter().find(|(label, _)| *label == bare);
    known.map(|(_, name)| *name)
}

/// A label with its value, in the script of the text.
pub(super) struct Pair {
    pub(super) label: &'static str,
    pub(super) value: String,
}

/// The pairs of a metadata line; none for a line of text. `original` is the line in the text's own
/// script: values keep it.
pub(super) fn pairs(line: &Line, original: &str) -> Vec<Pair> {
    let cells = cells(&line.text);
    let mut found: Vec<Pair> = Vec::new();
    for cell in &cells {
        let text = line.text.get(cell.clone()).unwrap_or_default();
        let value = |range: Range<usize>| {
            let text = original.get(range).unwrap_or_default();
            text.trim_matches([' ', '\u{3000}', '\u{a0}', '\t'])
                .to_owned()
        };
        if let Some(sign) = text.find([':', '：'])
            && let Some(label) = label(text.get(..sign).unwrap_or_default())
        {
            let after = sign
                + text
                    .get(sign..)
                    .and_then(|s| s.chars().next())
                    .map_or(1, char::len_utf8);
            let value = value(cell.start + after..cell.end);
            found.push(Pair { label, value });
        } else if let Some(label) = label(text) {
            let value = String::new();
            found.push(Pair { label, value });
        } else if let Some(last) = found.last_mut().filter(|last| last.value.is_empty()) {
            last.value = value(cell.clone());
        } else if let Some((name, at)) = leading_label(text) {
            let value = value(cell.start + at..cell.end);
            found.push(Pair { label: name, value });
        }
    }
    found
}

/// The cells of a line: parted by bars, by wide gaps, or by blanks before a known label.
fn cells(text: &str) -> Vec<Range<usize>> {
    let mut cuts = vec![0];
    let mut ends = Vec::new();
    let mut blanks = 0;
    for (at, char) in text.char_indices() {
        let bar = matches!(char, '|' | '｜' | '\t');
        let blank = char.is_whitespace();
        if bar
            || (blank && blanks >= 1)
            || (blank && starts_with_label(text.get(at..).unwrap_or("")))
        {
            ends.push(at);
            cuts.push(at + char.len_utf8());
        }
        blanks = if blank && !bar { blanks + 1 } else { 0 };
    }
    ends.push(text.len());
    let ranges = cuts.into_iter().zip(ends).map(|(start, end)| {
        let (skip, kept) = trimmed(text.get(start..end).unwrap_or_default());
        start + skip..start + skip + kept.len()
    });
    ranges.filter(|range| !range.is_empty()).collect()
}

fn starts_with_label(text: &str) -> bool {
    let text = text.trim_start();
    leading_label(text).is_some()
        || text
            .find([':', '：'])
            .is_some_and(|sign| text.get(..sign).is_some_and(|name| label(name).is_some()))
}

/// A label followed by a blank: `标题 某某通知`.
fn leading_label(text: &str) -> Option<(&'static str, usize)> {
    let at = text.find(char::is_whitespace)?;
    let name = text.get(..at)?;
    // Single words that sentences begin with are no labels without a colon.
    if !matches!(
        name,
        "标题" | "概述" | "时效性" | "有效性" | "文号" | "发文字号"
    ) {
        return None;
    }
    Some((label(name)?, at))
}
