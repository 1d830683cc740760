//! The quality gate: what is wrong with a text, where, and what a person can do about it.
//!
//! Every rule is a pure function of the text, its head and the texts known already. A rule names
//! what it saw; it never changes anything. Repairs are proposals until a person accepts them.

mod draft;
mod garble;
mod glued;
mod head;
mod names;
mod others;
mod page;
mod repair;
mod repeat;
mod sketch;
mod words;

pub use repair::{RepairFault, Repaired, repair, repaired, repaired_extract};
pub(crate) use repair::{shown_extract, shown_finding, shown_repair};
pub use sketch::Sketch;

use std::ops::Range;

use super::extract::{BlockKind, Extract};
use super::finding::{Finding, Repair};
use super::head::Head;
use super::known::Known;
use super::mask::mask_published;
use super::script::simplified;

/// A finding names and repairs at most so many places of a text, so that a text made to be hostile
/// costs no more than its length.
const MOST_PLACES: usize = 2000;

/// Everything the gate finds in a text, the gravest first.
pub fn examine(extract: &Extract, head: &Head, others: &[Known]) -> Vec<Finding> {
    examine_version(extract, head, others, "")
}

/// The same for a version of a document, which may of course be like its other versions.
pub(crate) fn examine_version(
    extract: &Extract,
    head: &Head,
    known: &[Known],
    document: &str,
) -> Vec<Finding> {
    let looked = Looked {
        text: &extract.text,
        words: simplified(&extract.text),
        extract,
        head,
    };
    let mut found = Vec::new();
    found.extend(garble::find(&looked));
    found.extend(repeat::find(&looked));
    found.extend(others::find(&looked, known, document));
    found.extend(names::find(&looked));
    found.extend(glued::find(&looked));
    found.extend(draft::find(&looked));
    found.extend(page::find(&looked));
    found.extend(head::find(&looked));
    found.extend(words::find(&looked));
    for finding in &mut found {
        finding.sample = mask_published(&finding.sample).text;
        finding.message = mask_published(&finding.message).text;
    }
    keep_apart(&mut found);
    found.sort_by_key(|finding| (std::cmp::Reverse(finding.severity), finding.range.start));
    found
}

/// A text as the rules look at it.
struct Looked<'a> {
    /// The canonical text.
    text: &'a str,
    /// The same in simplified characters, byte for byte in the same places.
    words: String,
    extract: &'a Extract,
    head: &'a Head,
}

impl Looked<'_> {
    /// Whether a byte lies in page furniture.
    fn in_furniture(&self, at: usize) -> bool {
        let blocks = &self.extract.blocks;
        let after = blocks.partition_point(|block| block.range.end <= at);
        let block = blocks.get(after);
        block.is_some_and(|b| b.range.start <= at && b.kind == BlockKind::Furniture)
    }

    /// The paragraph in which a byte lies, counted from 1 over the lines that are not blank.
    fn paragraph(&self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        let full = before.split('\n').filter(|line| !line.trim().is_empty());
        let begun = before.rsplit('\n').next().unwrap_or_default();
        full.count() + usize::from(begun.trim().is_empty())
    }

    /// What stands around a place, on its own line: some characters before it and after.
    fn around(&self, range: &Range<usize>) -> String {
        let near = 48;
        let mut from = range.start.saturating_sub(near);
        while !self.text.is_char_boundary(from) {
            from += 1;
        }
        let before = self.text.get(from..range.start).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        let skip = line.chars().count().saturating_sub(12);
        let after = self.text.get(range.end..).unwrap_or_default();
        let rest = after.chars().take(12).take_while(|char| *char != '\n');
        let inside = self.text.get(range.clone()).unwrap_or_default();
        let parts = line.chars().skip(skip).chain(inside.chars().take(40));
        let plain = |char| if char == '\n' { ' ' } else { char };
        parts.chain(rest).map(plain).collect()
    }
}

/// Proposed repairs never touch the same bytes twice: the larger one is kept. What was left out is
/// found again when the others are done.
fn keep_apart(found: &mut [Finding]) {
    let mut all: Vec<(usize, usize, usize)> = Vec::new();
    for (at, finding) in found.iter_mut().enumerate() {
        finding.proposed.truncate(MOST_PLACES);
        for repair in &finding.proposed {
            all.push((repair.start, end(repair), at));
        }
    }
    all.sort_by_key(|(start, end, at)| (std::cmp::Reverse(end - start), *start, *at));
    let mut kept: Vec<(usize, usize, usize)> = Vec::new();
    for (start, end, at) in all {
        let after = kept.partition_point(|(other, _, _)| *other < start);
        let free_before = after
            .checked_sub(1)
            .and_then(|i| kept.get(i))
            .is_none_or(|k| k.1 <= start);
        let free_after = kept.get(after).is_none_or(|k| k.0 >= end && k.0 != start);
        if free_before && free_after {
            kept.insert(after, (start, end, at));
        }
    }
    for (at, finding) in found.iter_mut().enumerate() {
        let is_kept = |repair: &Repair| {
            let found = kept.binary_search_by_key(&repair.start, |kept| kept.0);
            found.is_ok_and(|place| kept.get(place) == Some(&(repair.start, end(repair), at)))
        };
        finding.proposed.retain(is_kept);
    }
}

fn end(repair: &Repair) -> usize {
    repair.start + repair.before.len()
}
