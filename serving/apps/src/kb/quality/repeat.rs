//! A body that stands twice.

use std::collections::HashMap;
use std::ops::Range;

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Repair, Severity};
use crate::kb::script::{bare, lines, trimmed};

/// A repeated run is told from this many characters and lines on.
const LEAST_CHARS: usize = 200;
const LEAST_LINES: usize = 3;

/// A run of lines that stood before: its bytes and where it begins the first time.
struct Run {
    range: Range<usize>,
    first: usize,
    lines: usize,
    chars: usize,
}

pub(super) fn find(looked: &Looked<'_>) -> Option<Finding> {
    let runs: Vec<Run> = runs(looked)
        .into_iter()
        .filter(|run| run.chars >= LEAST_CHARS && run.lines >= LEAST_LINES)
        .collect();
    let first = runs.iter().max_by_key(|run| run.chars)?;
    let chars: usize = runs.iter().map(|run| run.chars).sum();
    let all = looked
        .text
        .chars()
        .filter(|char| !char.is_whitespace())
        .count();
    let (again, before) = (
        looked.paragraph(first.range.start),
        looked.paragraph(first.first),
    );
    let sample = looked
        .text
        .get(first.range.clone())
        .unwrap_or_default()
        .replace('\n', " ");
    let message = format!(
        "第 {again} 段起的 {} 段（共约 {chars} 字，占全文 {}%）与第 {before} 段起的内容相同，正文重复出现；建议删去后一份，删前请核对两份是否逐字一致",
        first.lines,
        chars * 100 / all.max(1)
    );
    let (range, count) = (first.range.clone(), runs.len());
    let kind = FindingKind::RepeatedBody;
    let mut finding = Finding::new(kind, Severity::Suspicious, range, count, &sample, message);
    finding.proposed = runs.iter().map(|run| removal(looked.text, run)).collect();
    Some(finding)
}

fn removal(text: &str, run: &Run) -> Repair {
    Repair {
        start: run.range.start,
        before: text.get(run.range.clone()).unwrap_or_default().to_owned(),
        after: String::new(),
        reason: format!("与第 {} 字节起的内容重复", run.first),
    }
}

/// All runs of lines that stood before, in order.
fn runs(looked: &Looked<'_>) -> Vec<Run> {
    let all: Vec<(Range<usize>, String)> = lines(looked.text)
        .filter_map(|(start, line)| {
            let (skip, kept) = trimmed(line);
            let range = start + skip..start + skip + kept.len();
            let told = bare(kept);
            let text = !told.is_empty() && !looked.in_furniture(range.start);
            text.then_some((range, told))
        })
        .collect();
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((range, line)) = all.get(at) {
        let known = first.get(line.as_str()).copied();
        let Some(before) = known else {
            first.insert(line, at);
            at += 1;
            continue;
        };
        let pairs = all
            .get(before..at)
            .into_iter()
            .flatten()
            .zip(all.get(at..).into_iter().flatten());
        let same: Vec<_> = pairs.take_while(|(one, two)| one.1 == two.1).collect();
        let chars = same.iter().map(|(_, two)| two.1.chars().count()).sum();
        let end = same.last().map_or(range.end, |(_, two)| two.0.end);
        found.push(Run {
            range: range.start..end,
            first: all.get(before).map_or(0, |line| line.0.start),
            lines: same.len(),
            chars,
        });
        at += same.len().max(1);
    }
    found
}
