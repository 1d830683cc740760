//! Markdown, line by line: marks are left outside the blocks, so that the text stays the file.

use std::ops::Range;

use super::decode::Decoded;
use super::draft::Draft;
use super::furniture;
use super::head_lines;
use super::plain::{begin, lines, raw_ranges, settle};
use super::unreadable::Unreadable;
use crate::kb::extract::{BlockKind, Extract, Format, Origin};

/// Reads a Markdown text.
pub(super) fn read(decoded: Decoded) -> Result<Extract, Unreadable> {
    let lines = lines(decoded.text());
    let mut marked = Vec::with_capacity(lines.len());
    let mut fence: Option<&str> = None;
    for line in lines {
        let text = decoded.text().get(line.clone()).unwrap_or_default();
        if let Some(mark) = fence_mark(text) {
            match fence {
                Some(open) if open == mark => fence = None,
                Some(_) => marked.push((line, BlockKind::Paragraph)),
                None => fence = Some(mark),
            }
            continue;
        }
        if fence.is_some() {
            marked.push((line, BlockKind::Paragraph));
        } else if let Some(level) = underline(text) {
            // A line of `===` makes the line above it a heading; a lone one is a rule.
            if let Some(above) = marked.last_mut()
                && above.1 == BlockKind::Paragraph
                && touches(decoded.text(), &above.0, &line)
            {
                above.1 = BlockKind::Heading(level);
            }
        } else if let Some((inner, kind)) = block(text) {
            let start = line.start + inner.start;
            marked.push((start..line.start + inner.end, kind));
        }
    }
    let ranges: Vec<_> = marked.iter().map(|(range, _)| range.clone()).collect();
    let raw = raw_ranges(&decoded, &ranges);
    let mut draft = begin(Format::Markdown, decoded);
    let body = head_lines::read(&mut draft)?;
    mark_all(&mut draft, body, marked, raw)?;
    settle(&mut draft);
    draft.finish()
}

fn mark_all(
    draft: &mut Draft,
    body: usize,
    marked: Vec<(Range<usize>, BlockKind)>,
    raw: Vec<Range<usize>>,
) -> Result<(), Unreadable> {
    for ((range, kind), raw) in marked.into_iter().zip(raw) {
        if range.start >= body && !range.is_empty() {
            draft.mark(range, kind, Origin::Bytes(raw))?;
        }
    }
    Ok(())
}

/// Whether two lines follow each other without a blank line between.
fn touches(text: &str, above: &Range<usize>, below: &Range<usize>) -> bool {
    let between = text.get(above.end..below.start).unwrap_or_default();
    between.matches('\n').count() == 1
}

fn fence_mark(line: &str) -> Option<&'static str> {
    ["```", "~~~"]
        .into_iter()
        .find(|mark| line.starts_with(mark))
}

/// The level of heading that a line of only `=` or `-` gives to the line above it.
fn underline(line: &str) -> Option<u8> {
    let all = |mark: char| line.len() >= 3 && line.chars().all(|char| char == mark);
    if all('=') {
        return Some(1);
    }
    all('-').then_some(2)
}

/// The inner range of a line without its marks, and what it is; nothing for a line of marks only.
fn block(line: &str) -> Option<(Range<usize>, BlockKind)> {
    let level = line.len() - line.trim_start_matches('#').len();
    let after = line.get(level..).unwrap_or_default();
    // Authors forget the blank after `##`; a lone `#` without one is a tag.
    let spaced = level >= 2 || after.starts_with([' ', '\t']);
    if (1..=6).contains(&level) && spaced {
        let inner = after.trim().trim_end_matches('#').trim_end();
        return within(line, inner).map(|range| (range, BlockKind::Heading(level as u8)));
    }
    if line.starts_with('|') || (line.contains(" | ") && !line.starts_with('>')) {
        return row(line).map(|range| (range, BlockKind::TableRow));
    }
    let body = line.trim_start_matches(['>', ' ']);
    let item = ["- ", "* ", "+ "]
        .iter()
        .find_map(|mark| body.strip_prefix(mark));
    let kind = match item {
        _ if furniture::is_furniture(body) => BlockKind::Furniture,
        Some(_) => BlockKind::ListItem,
        None => BlockKind::Paragraph,
    };
    let inner = item.unwrap_or(body).trim();
    let ruled = inner
        .chars()
        .all(|char| matches!(char, '*' | '_' | '-' | ' '));
    within(line, inner)
        .filter(|_| !ruled)
        .map(|range| (range, kind))
}

/// A table row without its outer bars; the row of dashes under the header is none.
fn row(line: &str) -> Option<Range<usize>> {
    let inner = line.strip_prefix('|').unwrap_or(line);
    let inner = inner.strip_suffix('|').unwrap_or(inner).trim();
    let ruled = |char: char| matches!(char, '-' | ':' | '|' | ' ');
    if inner.chars().all(ruled) {
        return None;
    }
    within(line, inner)
}

/// The byte range of a part of a line; `part` is a slice of `line`.
fn within(line: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
    let range = start..start + part.len();
    (!part.is_empty() && line.get(range.clone()) == Some(part)).then_some(range)
}
