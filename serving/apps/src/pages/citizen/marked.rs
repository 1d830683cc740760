//! A text cut where something begins or ends: the cited bytes, repaired places, headings. Pure.

use std::ops::Range;

use crate::kb::{BlockKind, Repair, Version};

/// Bytes shown around a citation where a text is longer than a page should be.
const WINDOW: usize = 200_000;

/// A run of text with one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run<'a> {
    pub(crate) text: &'a str,
    pub(crate) cited: bool,
    pub(crate) heading: bool,
    pub(crate) furniture: bool,
    pub(crate) repair: Option<&'a Repair>,
}

/// A version's text as it is shown.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    pub(crate) runs: Vec<Run<'a>>,
    /// Whether the cited range is one of this text.
    pub(crate) found: bool,
    /// Whether something before is left out.
    pub(crate) headless: bool,
    /// Whether something after is left out.
    pub(crate) tailless: bool,
}

/// The runs of a version around a cited range.
pub(crate) fn shown(version: &Version, cited: Option<Range<usize>>) -> Shown<'_> {
    let text: &str = &version.text;
    let cited = cited.filter(|range| text.get(range.clone()).is_some_and(|said| !said.is_empty()));
    let found = cited.is_some();
    let (first, window) = window(version, cited.as_ref());
    let (headless, tailless) = (window.start > first, window.end < text.len());
    let repairs = repaired(&version.repairs);
    let framed = |kind| matches!(kind, BlockKind::Heading(_) | BlockKind::Furniture);
    let blocks: Vec<_> = version
        .blocks
        .iter()
        .filter(|block| framed(block.kind))
        .collect();
    let marked = cited.iter().chain(repairs.iter().map(|(range, _)| range));
    let marked = marked.chain(blocks.iter().map(|block| &block.range));
    let mut bounds: Vec<usize> = marked.flat_map(|range| [range.start, range.end]).collect();
    bounds.extend([window.start, window.end]);
    bounds.retain(|at| window.contains(at) || *at == window.end);
    bounds.retain(|at| text.is_char_boundary(*at));
    bounds.sort_unstable();
    bounds.dedup();
    let mut next_block = 0;
    let runs = bounds.windows(2).filter_map(|pair| {
        let &[start, end] = pair else { return None };
        while blocks
            .get(next_block)
            .is_some_and(|block| block.range.end <= start)
        {
            next_block += 1;
        }
        let block = blocks
            .get(next_block)
            .filter(|block| block.range.contains(&start));
        Some(Run {
            text: text.get(start..end)?,
            cited: cited.as_ref().is_some_and(|range| range.contains(&start)),
            heading: block.is_some_and(|block| matches!(block.kind, BlockKind::Heading(_))),
            furniture: block.is_some_and(|block| block.kind == BlockKind::Furniture),
            repair: repairs
                .iter()
                .find(|(range, _)| range.contains(&start))
                .map(|(_, repair)| *repair),
        })
    });
    Shown {
        runs: runs.collect(),
        found,
        headless,
        tailless,
    }
}

/// Where the text begins, and what is shown of it. It begins with the first block: what stands
/// before it is the file's own head. A long text is shown around the citation.
fn window(version: &Version, cited: Option<&Range<usize>>) -> (usize, Range<usize>) {
    let text: &str = &version.text;
    let first = version.blocks.first().map_or(0, |block| block.range.start);
    let first = cited.map_or(first, |range| first.min(range.start));
    if text.len() - first <= WINDOW {
        return (first, first..text.len());
    }
    let middle = cited.map_or(first, |range| range.start);
    let start = floor(text, middle.saturating_sub(WINDOW / 2).max(first));
    (first, start..floor(text, (start + WINDOW).min(text.len())))
}

/// The nearest start of a character at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// Where each repair stands in the repaired text: repairs name their places in the text before any
/// of them. One that only removed something leaves no place to mark.
fn repaired(repairs: &[Repair]) -> Vec<(Range<usize>, &Repair)> {
    let mut sorted: Vec<&Repair> = repairs.iter().collect();
    sorted.sort_by_key(|repair| repair.start);
    let (mut removed, mut added) = (0_usize, 0_usize);
    let mut places = Vec::new();
    for repair in sorted {
        let start = (repair.start + added).saturating_sub(removed);
        let end = start + repair.after.len();
        if end > start {
            places.push((start..end, repair));
        }
        removed += repair.before.len();
        added += repair.after.len();
    }
    places
}

#[cfg(test)]
mod tests {
    use super::repaired;
    use crate::kb::Repair;

    #[test]
    fn repairs_are_found_again_in_the_repaired_text() {
        let raw = "甲1020家，乙，丙３家";
        let repair = |start: usize, before: &str, after: &str| Repair {
            start,
            before: before.to_owned(),
            after: after.to_owned(),
            reason: String::new(),
        };
        let repairs = [
            repair(3, "1020", "10-20"),
            repair(raw.find("乙，").unwrap_or(0), "乙，", ""),
            repair(raw.find('３').unwrap_or(0), "３", "3"),
        ];
        let text = "甲10-20家，丙3家";
        let found: Vec<&str> = repaired(&repairs)
            .into_iter()
            .filter_map(|(range, _)| text.get(range))
            .collect();
        assert_eq!(found, ["10-20", "3"]);
    }
}
