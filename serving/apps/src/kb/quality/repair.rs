//! Pure: repairs applied to a text, with every range of the one known in the other.

use std::ops::Range;

use thiserror::Error;

use crate::kb::extract::{Block, Extract, ReadFault};
use crate::kb::finding::{Finding, Repair};
use crate::kb::mask::{mask, mask_published};

/// Why repairs cannot be applied; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RepairFault {
    /// The text is another one there.
    #[error("第 {start} 字节处不是“{before}”，原文可能已换，请重新打开后再修")]
    OtherText {
        /// First byte named by the repair.
        start: usize,
        /// What should stand there, at most 40 characters.
        before: String,
    },
    /// Two repairs change the same bytes.
    #[error("有两处修改重叠在第 {start} 字节，请只保留一处")]
    Overlap {
        /// First byte of the second one.
        start: usize,
    },
    /// A repair that changes nothing.
    #[error("第 {start} 字节处的修改前后相同，请删去这一条")]
    Nothing {
        /// First byte named by the repair.
        start: usize,
    },
    /// A repair without a reason.
    #[error("第 {start} 字节处的修改没有写理由，请写明依据")]
    NoReason {
        /// First byte named by the repair.
        start: usize,
    },
}

/// The repaired text.
pub fn repair(text: &str, repairs: &[Repair]) -> Result<String, RepairFault> {
    repaired(text, repairs).map(|done| done.text)
}

/// A repaired text and where its bytes came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repaired {
    /// The text.
    pub text: String,
    /// What was replaced, in order: bytes of the original, bytes of the repaired text.
    replaced: Vec<(Range<usize>, Range<usize>)>,
}

/// Applies repairs, all of which name bytes of the original text.
pub fn repaired(text: &str, repairs: &[Repair]) -> Result<Repaired, RepairFault> {
    let mut sorted: Vec<&Repair> = repairs.iter().collect();
    sorted.sort_by_key(|repair| repair.start);
    let mut out = String::with_capacity(text.len());
    let mut replaced: Vec<(Range<usize>, Range<usize>)> = Vec::with_capacity(sorted.len());
    let mut done = 0;
    for repair in sorted {
        let start = repair.start;
        let end = start.saturating_add(repair.before.len());
        if text.get(start..end) != Some(repair.before.as_str()) {
            let before = repair.before.chars().take(40).collect();
            return Err(RepairFault::OtherText { start, before });
        }
        if repair.before == repair.after {
            return Err(RepairFault::Nothing { start });
        }
        if repair.reason.trim().is_empty() {
            return Err(RepairFault::NoReason { start });
        }
        // Two insertions at one place have no order of their own either.
        let twice = replaced.last().is_some_and(|(old, _)| old.start == start);
        if start < done || twice {
            return Err(RepairFault::Overlap { start });
        }
        out.push_str(text.get(done..start).unwrap_or_default());
        let new = out.len()..out.len() + repair.after.len();
        out.push_str(&repair.after);
        replaced.push((start..end, new));
        done = end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Ok(Repaired {
        text: out,
        replaced,
    })
}

impl Repaired {
    /// The bytes of the repaired text that came of bytes of the original. A range whose end was
    /// replaced grows or shrinks with what took its place.
    pub fn forward(&self, range: &Range<usize>) -> Range<usize> {
        let start = self.moved(range.start, false);
        start..self.moved(range.end, true).max(start)
    }

    fn moved(&self, at: usize, end: bool) -> usize {
        let after = self.replaced.partition_point(|(old, _)| old.start < at);
        let Some((old, new)) = after.checked_sub(1).and_then(|i| self.replaced.get(i)) else {
            return at;
        };
        if at >= old.end {
            return new.end + (at - old.end);
        }
        if end { new.end } else { new.start }
    }

    /// The bytes of the original that stand in the repaired text unchanged at `range`; none where
    /// a part of them was replaced.
    pub fn back(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let meets = |new: &Range<usize>| {
            let inside = range.start < new.end && new.start < range.end;
            // A removal lies within a range if it is strictly between its ends.
            inside || new.is_empty() && range.start < new.start && new.start < range.end
        };
        if self.replaced.iter().any(|(_, new)| meets(new)) {
            return None;
        }
        let before = self
            .replaced
            .partition_point(|(_, new)| new.end <= range.start);
        let shift = before.checked_sub(1).and_then(|i| self.replaced.get(i));
        let Some((old, new)) = shift else {
            return Some(range.clone());
        };
        let start = old.end + (range.start - new.end);
        Some(start..start + range.len())
    }
}

/// An extract as it reads with repairs: text, blocks and faults moved along. Blocks of which nothing
/// is left are gone.
pub fn repaired_extract(
    extract: &Extract,
    repairs: &[Repair],
) -> Result<(Extract, Repaired), RepairFault> {
    let done = repaired(&extract.text, repairs)?;
    let mut moved = Extract::new(extract.format, done.text.clone());
    moved.declared.clone_from(&extract.declared);
    for block in &extract.blocks {
        let range = trimmed(&done.text, done.forward(&block.range));
        if !range.is_empty() {
            let origin = block.origin.clone();
            moved.blocks.push(Block::new(range, block.kind, origin));
        }
    }
    for fault in &extract.faults {
        let range = done.forward(&fault.range);
        moved
            .faults
            .push(ReadFault::new(fault.kind, range, fault.count));
    }
    Ok((moved, done))
}

/// An extract as it is indexed and shown: with its repairs, and with every personal number masked
/// that the text does not announce, whether or not a person accepted that. Masks are as long as what
/// they hide, so that blocks and citations stay where they are.
pub(crate) fn shown_extract(extract: &Extract, repairs: &[Repair]) -> Result<Extract, RepairFault> {
    let (mut shown, _) = repaired_extract(extract, repairs)?;
    shown.text = mask_published(&shown.text).text;
    Ok(shown)
}

/// A repair as it is shown: what it hides must not stand beside it.
pub(crate) fn shown_repair(repair: &Repair) -> Repair {
    Repair {
        start: repair.start,
        before: mask(&repair.before).text,
        after: mask_published(&repair.after).text,
        reason: repair.reason.clone(),
    }
}

/// A finding as it is shown: what its repairs hide does not stand beside them.
pub(crate) fn shown_finding(finding: &Finding) -> Finding {
    Finding {
        proposed: finding.proposed.iter().map(shown_repair).collect(),
        ..finding.clone()
    }
}

/// A range without blanks at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let inside = text.get(range.clone()).unwrap_or_default();
    let (skip, kept) = crate::kb::script::trimmed(inside);
    range.start + skip..range.start + skip + kept.len()
}
