//! What a page left in the text: navigation, and tables without their columns.

use std::ops::Range;

use super::Looked;
use crate::kb::extract::BlockKind;
use crate::kb::finding::{Finding, FindingKind, Repair, Severity};
use crate::kb::head::head_end;
use crate::kb::script::{lines, trimmed};

/// Lines of a flattened table are at most so long, in characters.
const CELL: usize = 24;
/// So many tables are named one by one.
const MOST_NAMED: usize = 20;
/// A table is told from so many cells on.
const LEAST_CELLS: usize = 10;

pub(super) fn find(looked: &Looked<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(furniture(looked));
    found.extend(stacked(looked));
    found.extend(barred(looked));
    found
}

fn furniture(looked: &Looked<'_>) -> Option<Finding> {
    let blocks = looked.extract.blocks.iter();
    let places: Vec<Range<usize>> = blocks
        .filter(|block| block.kind == BlockKind::Furniture)
        .map(|block| block.range.clone())
        .collect();
    let first = places.first()?.clone();
    let sample = looked.text.get(first.clone()).unwrap_or_default();
    let message = format!(
        "{} 段是网页导航、分享按钮或页脚，不是正文；回答不会引用它们，也可以一并删去",
        places.len()
    );
    let kind = FindingKind::PageFurniture;
    let count = places.len();
    let mut finding = Finding::new(kind, Severity::Note, first, count, sample, message);
    let proposed = places.iter().map(|place| Repair {
        start: place.start,
        before: looked
            .text
            .get(place.clone())
            .unwrap_or_default()
            .to_owned(),
        after: String::new(),
        reason: "网页导航或页脚，不是正文".to_owned(),
    });
    finding.proposed = proposed.collect();
    Some(finding)
}

/// A table whose cells stand one below the other.
fn stacked(looked: &Looked<'_>) -> Option<Finding> {
    let mut tables: Vec<(Range<usize>, usize)> = Vec::new();
    let mut cells: Vec<Range<usize>> = Vec::new();
    let mut figures = 0;
    let mut close = |cells: &mut Vec<Range<usize>>, figures: &mut usize| {
        if let (Some(first), Some(last)) = (cells.first(), cells.last())
            && cells.len() >= LEAST_CELLS
            && *figures * 4 >= cells.len()
        {
            tables.push((first.start..last.end, cells.len()));
        }
        cells.clear();
        *figures = 0;
    };
    for (start, line) in lines(looked.text) {
        let (skip, kept) = trimmed(line);
        if kept.is_empty() {
            continue;
        }
        let range = start + skip..start + skip + kept.len();
        let short =
            kept.chars().count() <= CELL && !kept.contains(['。', '；', '|', '：', ':', '#']);
        if !short || looked.in_furniture(range.start) {
            close(&mut cells, &mut figures);
            continue;
        }
        figures += usize::from(is_figure(kept));
        cells.push(range);
    }
    close(&mut cells, &mut figures);
    let range = tables.first()?.0.clone();
    let places: Vec<String> = tables
        .iter()
        .take(MOST_NAMED)
        .map(|(range, count)| format!("第 {} 段起 {count} 行", looked.paragraph(range.start)))
        .collect();
    let count = tables.len();
    let message = format!(
        "{count} 处像是表格丢了行列，每格各占一行（{}），数值可能对错指标或年份；请按原件重建为表格（每行各格用“ | ”隔开）",
        places.join("；")
    );
    let sample = looked
        .text
        .get(range.clone())
        .unwrap_or_default()
        .split_whitespace();
    let sample = sample.collect::<Vec<_>>().join(" ");
    Some(Finding::new(
        FindingKind::FlattenedTable,
        Severity::Suspicious,
        range,
        count,
        &sample,
        message,
    ))
}

/// Whether a cell is a value: a number, perhaps with a sign before or a unit behind it.
fn is_figure(cell: &str) -> bool {
    let cell = cell.trim_start_matches(['≥', '≤', '<', '>', '+', '-']);
    let number = cell.trim_end_matches(|char: char| !char.is_ascii_digit());
    let unit = cell.chars().count() - number.chars().count();
    !number.is_empty()
        && unit <= 2
        && number
            .chars()
            .all(|char| char.is_ascii_digit() || matches!(char, '.' | ','))
}

/// Rows of bars with empty cells, as converters of pages leave them.
fn barred(looked: &Looked<'_>) -> Option<Finding> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for (start, line) in lines(looked.text) {
        let (skip, kept) = trimmed(line);
        let packed: String = kept.chars().filter(|char| !char.is_whitespace()).collect();
        if packed.contains("||") {
            places.push(start + skip..start + skip + kept.len());
        }
    }
    let first = places.first()?.clone();
    let last = places.last().map_or(first.end, |place| place.end);
    let in_head = last <= head_end(looked.extract);
    let (severity, message) = if in_head {
        let message =
            "开头的信息表丢了列，空格子连成一串；各项已按名称读出，请核对文号、日期和效力";
        (Severity::Note, message.to_owned())
    } else {
        let message = format!(
            "{} 行表格有成串的空格子，可能丢了列，数值会对错栏目；请按原件重建",
            places.len()
        );
        (Severity::Suspicious, message)
    };
    let sample = looked.text.get(first.clone()).unwrap_or_default();
    let count = places.len();
    Some(Finding::new(
        FindingKind::FlattenedTable,
        severity,
        first,
        count,
        sample,
        message,
    ))
}
