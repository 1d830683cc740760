//! Lines to paragraphs, over the ends of pages; page numbers and running heads are furniture.

use std::collections::HashMap;

use super::lines::Line;
use crate::kb::extract::{BlockKind, Origin};
use crate::kb::file::draft::Draft;
use crate::kb::file::furniture;
use crate::kb::file::unreadable::Unreadable;

/// A running head stands on at least this many pages.
const RUNNING_PAGES: usize = 3;

/// A paragraph that the next line may continue.
#[derive(Debug)]
struct Open {
    text: String,
    page: u32,
    last: Line,
    /// Right and left edge of the text on the page of the last line.
    edges: (f64, f64),
}

/// Writes the lines of all pages as paragraphs and table rows.
pub(super) fn write(draft: &mut Draft, pages: Vec<(u32, Vec<Line>)>) -> Result<(), Unreadable> {
    let running = running(&pages);
    let mut open: Option<Open> = None;
    for (page, lines) in pages {
        let edges = edges(&lines);
        let (last, mut above) = (lines.len().saturating_sub(1), false);
        for at in 0..lines.len() {
            let Some(line) = lines.get(at) else {
                continue;
            };
            let outer = at < 2 || at + 2 > last;
            let text = line.text();
            if outer && is_furniture(&text, &running) {
                // A paragraph may go on below the foot of its page.
                draft.write(&text, BlockKind::Furniture, Origin::Page(page))?;
                continue;
            }
            let cells = line.cells.len();
            let below = lines
                .get(at + 1)
                .is_some_and(|next| next.cells.len() == cells);
            let row = cells >= 2 && (above || below);
            above = row;
            if row {
                flush(draft, &mut open)?;
                let text = line.cells.join(" | ");
                draft.write(&text, BlockKind::TableRow, Origin::Page(page))?;
                continue;
            }
            match &mut open {
                Some(open) if continues(open, line) => {
                    append(&mut open.text, &text);
                    open.last = line.clone();
                    open.edges = edges;
                }
                _ => {
                    flush(draft, &mut open)?;
                    let last = line.clone();
                    open = Some(Open {
                        text,
                        page,
                        last,
                        edges,
                    });
                }
            }
        }
    }
    flush(draft, &mut open)
}

fn flush(draft: &mut Draft, open: &mut Option<Open>) -> Result<(), Unreadable> {
    let Some(open) = open.take() else {
        return Ok(());
    };
    let kind = if furniture::is_furniture(&open.text) {
        BlockKind::Furniture
    } else {
        BlockKind::Paragraph
    };
    draft.write(&open.text, kind, Origin::Page(open.page))
}

/// Whether a line goes on with the paragraph: the line before is full, this one is not indented,
/// both are of one size.
fn continues(open: &Open, line: &Line) -> bool {
    let size = open.last.size.max(line.size);
    let (right, left) = open.edges;
    let full = open.last.end >= right - 1.6 * size;
    let indented = line.x > left + 1.2 * size;
    let one_size = (open.last.size - line.size).abs() <= 0.12 * size;
    // Wide gaps stand between paragraphs; at the end of a page the next line is higher up.
    let gap = open.last.y - line.y;
    full && !indented && one_size && gap < 3.2 * size
}

/// Joins two lines: with a blank between words, without between Chinese characters.
fn append(text: &mut String, next: &str) {
    let narrow = |char: Option<char>| char.is_some_and(|char| char.is_ascii_alphanumeric());
    if narrow(text.chars().next_back()) && narrow(next.chars().next()) {
        text.push(' ');
    }
    text.push_str(next);
}

/// The right and the left edge of the text of a page: where most lines end and begin.
fn edges(lines: &[Line]) -> (f64, f64) {
    let right = lines.iter().map(|line| line.end).fold(0.0, f64::max);
    let left = lines.iter().map(|line| line.x).fold(f64::MAX, f64::min);
    (right, left)
}

/// The first and last lines that stand on many pages; figures in them do not count.
fn running(pages: &[(u32, Vec<Line>)]) -> HashMap<String, usize> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (_, lines) in pages {
        let ends = lines.iter().take(2).chain(lines.iter().rev().take(2));
        let mut seen: Vec<String> = ends.map(|line| shape(&line.text())).collect();
        seen.sort_unstable();
        seen.dedup();
        for line in seen {
            *counts.entry(line).or_default() += 1;
        }
    }
    counts.retain(|_, count| *count >= RUNNING_PAGES && *count * 2 > pages.len());
    counts
}

fn shape(line: &str) -> String {
    line.chars().filter(|char| !char.is_ascii_digit()).collect()
}

fn is_furniture(line: &str, running: &HashMap<String, usize>) -> bool {
    let numeric = line.len() <= 4 && line.bytes().all(|byte| byte.is_ascii_digit());
    numeric || furniture::is_furniture(line) || running.contains_key(&shape(line))
}
