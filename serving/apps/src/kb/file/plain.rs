//! Plain text: every line that is not blank is a block.

use std::ops::Range;

use super::decode::Decoded;
use super::draft::Draft;
use super::furniture;
use super::head_lines;
use super::unreadable::Unreadable;
use crate::kb::extract::{BlockKind, Extract, Format, Origin, ReadFaultKind};

/// Reads a plain text.
pub(super) fn read(decoded: Decoded) -> Result<Extract, Unreadable> {
    let lines = lines(decoded.text());
    let raw = raw_ranges(&decoded, &lines);
    let mut draft = begin(Format::Text, decoded);
    let body = head_lines::read(&mut draft)?;
    for (range, raw) in lines.into_iter().zip(raw) {
        if range.start < body {
            continue;
        }
        let kind = kind(draft.text().get(range.clone()).unwrap_or_default());
        draft.mark(range, kind, Origin::Bytes(raw))?;
    }
    settle(&mut draft);
    draft.finish()
}

/// A draft whose text is the decoded file, with what was no text in it.
pub(super) fn begin(format: Format, decoded: Decoded) -> Draft {
    let invalid = decoded.invalid();
    let mut draft = Draft::of_text(format, decoded.into_text());
    if let Some((range, count)) = invalid {
        draft.fault(ReadFaultKind::InvalidBytes, range, count);
    }
    draft
}

/// Trimmed ranges of all lines that are not blank.
pub(super) fn lines(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = trimmed(line, at);
        at += line.len();
        if !trimmed.is_empty() {
            found.push(trimmed);
        }
    }
    found
}

/// Where each line stood in the raw file.
pub(super) fn raw_ranges(decoded: &Decoded, lines: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut raw = decoded.raw();
    lines.iter().map(|line| raw.range(line.clone())).collect()
}

/// Lets furniture close over what stands between it.
pub(super) fn settle(draft: &mut Draft) {
    let mut blocks = std::mem::take(draft.blocks_mut());
    furniture::settle(draft.text(), &mut blocks);
    *draft.blocks_mut() = blocks;
}

/// The range of a text at `offset` without blanks around it.
pub(super) fn trimmed(text: &str, offset: usize) -> Range<usize> {
    let blank = |char: char| char.is_whitespace() || matches!(char, '\u{feff}' | '\u{200b}');
    let body = text.trim_start_matches(blank);
    let start = offset + (text.len() - body.len());
    start..start + body.trim_end_matches(blank).len()
}

fn kind(line: &str) -> BlockKind {
    if furniture::is_furniture(line) {
        BlockKind::Furniture
    } else if line.contains(" | ") {
        BlockKind::TableRow
    } else {
        BlockKind::Paragraph
    }
}
