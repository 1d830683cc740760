//! Numbers of a written sentence: each must stand in its sources, as bounded as there, and with the
//! words beside which it stands there.

use super::Unsupported;
use super::segment::{Rival, Segment, is_about};
use crate::kb::Quantity;
use crate::retrieve::is_han;

/// What words beside a number make of it, the longer first.
const BEFORE: &[(&str, Bound)] = &[
    ("不得超过", Bound::AtMost),
    ("不超过", Bound::AtMost),
    ("不高于", Bound::AtMost),
    ("不多于", Bound::AtMost),
    ("不大于", Bound::AtMost),
    ("最多", Bound::AtMost),
    ("最高", Bound::AtMost),
    ("至多", Bound::AtMost),
    ("上限", Bound::AtMost),
    ("不得少于", Bound::AtLeast),
    ("不得低于", Bound::AtLeast),
    ("不少于", Bound::AtLeast),
    ("不低于", Bound::AtLeast),
    ("不小于", Bound::AtLeast),
    ("至少", Bound::AtLeast),
    ("最少", Bound::AtLeast),
    ("最低", Bound::AtLeast),
    ("不足", Bound::Under),
    ("不满", Bound::Under),
    ("未满", Bound::Under),
    ("不到", Bound::Under),
    ("少于", Bound::Under),
    ("低于", Bound::Under),
    ("小于", Bound::Under),
    ("超过", Bound::Over),
    ("高于", Bound::Over),
    ("多于", Bound::Over),
    ("大于", Bound::Over),
    ("满", Bound::AtLeast),
    ("约", Bound::About),
];
const AFTER: &[(&str, Bound)] = &[
    ("以上", Bound::AtLeast),
    ("及以上", Bound::AtLeast),
    ("以下", Bound::AtMost),
    ("及以下", Bound::AtMost),
    ("左右", Bound::About),
    ("之前", Bound::Before),
    ("以前", Bound::Before),
    ("前", Bound::Before),
    ("之后", Bound::After),
    ("以后", Bound::After),
    ("后", Bound::After),
];
/// After amounts they bound, after times they only say until when.
const WITHIN: [&str; 2] = ["以内", "之内"];
const TIMES: [&str; 7] = ["日", "工作日", "月", "年", "小时", "分钟", "次"];
/// How far before a number its word may stand, in characters.
const REACH: usize = 7;

/// How a number bounds what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Exactly,
    AtMost,
    AtLeast,
    Under,
    Over,
    About,
    Before,
    After,
}

/// Checks the numbers of each part of a sentence. `sources` support, `beside` stand in the same
/// passages and only compete: what they say of another thing is not said of this one.
pub(super) fn check(
    said: &[Segment<'_>],
    sources: &[Segment<'_>],
    beside: &[Segment<'_>],
    titles: &str,
) -> Result<(), Unsupported> {
    for part in said {
        let refused = |number: Option<&Quantity>| {
            let words = number.and_then(|number| part.text.get(number.range.clone()));
            Err(Unsupported::Number(words.unwrap_or_default().to_owned()))
        };
        let known = |number: &&Quantity| {
            let mut all = sources.iter();
            !all.any(|source| {
                source
                    .numbers
                    .iter()
                    .any(|other| same(part, number, source, other))
            })
        };
        if let Some(number) = part.numbers.iter().find(known) {
            return refused(Some(number));
        }
        if let Some(rate) =
            rates(part.text).find(|rate| !sources.iter().any(|s| s.text.contains(rate)))
        {
            return Err(Unsupported::Number(rate.to_owned()));
        }
        if part.numbers.is_empty() {
            continue;
        }
        let rival = |segment: &Segment<'_>, supports: bool| {
            let agrees = holds(part, segment);
            (supports || !agrees).then(|| Rival {
                words: segment.words(),
                agrees,
            })
        };
        let own = sources.iter().filter_map(|segment| rival(segment, true));
        let others = beside.iter().filter_map(|segment| rival(segment, false));
        let rivals: Vec<Rival> = own.chain(others).collect();
        if !is_about(&part.words(), &rivals, titles) {
            return refused(part.numbers.first());
        }
    }
    Ok(())
}

/// Whether a part of a source has all numbers of a part of the sentence in their order, and those
/// that stand together there together here.
fn holds(part: &Segment<'_>, source: &Segment<'_>) -> bool {
    let mut from = 0;
    let mut runs = part.numbers.chunk_by(|a, b| a.range.end == b.range.start);
    runs.all(|run| {
        let rest = source.numbers.get(from..).unwrap_or_default();
        let found = rest.windows(run.len()).position(|window| {
            let mut both = run.iter().zip(window);
            let together = window.windows(2).all(|two| match two {
                [a, b] => a.range.end == b.range.start,
                _ => true,
            });
            together && both.all(|(mine, theirs)| same(part, mine, source, theirs))
        });
        from += found.map_or(0, |at| at + run.len());
        found.is_some()
    })
}

/// Whether two numbers count the same thing to the same amount, with the same bound.
fn same(part: &Segment<'_>, mine: &Quantity, source: &Segment<'_>, theirs: &Quantity) -> bool {
    let unit = mine.unit == theirs.unit || (mine.unit.is_empty() && ends(part, mine));
    let bare = mine.unit.is_empty() && theirs.unit.is_empty();
    let after = |segment: &Segment<'_>, number: &Quantity| {
        let rest = segment.text.get(number.range.end..).unwrap_or_default();
        rest.trim_start().chars().next()
    };
    // Units that are not listed: `泊位` is no `台班`.
    let counted = !bare || ends(part, mine) || after(part, mine) == after(source, theirs);
    mine.millionths == theirs.millionths
        && (unit || bare)
        && counted
        && bound(part, mine) == bound(source, theirs)
}

/// Whether nothing follows a number that could be its unit.
fn ends(segment: &Segment<'_>, number: &Quantity) -> bool {
    let rest = segment.text.get(number.range.end..).unwrap_or_default();
    let next = rest.chars().next();
    next.is_none_or(|char| !is_han(char) && !char.is_alphanumeric() && !"%‰℃".contains(char))
}

fn bound(segment: &Segment<'_>, number: &Quantity) -> Bound {
    let before = segment.text.get(..number.range.start).unwrap_or_default();
    let after = segment.text.get(number.range.end..).unwrap_or_default();
    let known = AFTER.iter().find(|(word, _)| after.starts_with(word));
    if let Some((_, bound)) = known {
        return *bound;
    }
    if WITHIN.iter().any(|word| after.starts_with(word)) && !TIMES.contains(&&*number.unit) {
        return Bound::AtMost;
    }
    // Only up to the number before: a word bounds the number that follows it.
    let earlier = segment
        .numbers
        .iter()
        .filter(|other| other.range.end <= number.range.start);
    let from = earlier.map(|other| other.range.end).max().unwrap_or(0);
    let near = before.get(from..).unwrap_or_default();
    let start = near
        .char_indices()
        .rev()
        .nth(REACH - 1)
        .map_or(0, |(at, _)| at);
    let near = near.get(start..).unwrap_or_default();
    let word = BEFORE.iter().find(|(word, _)| near.contains(word));
    word.map_or(Bound::Exactly, |(_, bound)| *bound)
}

/// `每月` and the like: a number a month is not one a year.
fn rates(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('每').filter_map(|(at, each)| {
        let next = text.get(at + each.len()..)?.chars().next()?;
        is_han(next).then(|| text.get(at..at + each.len() + next.len_utf8()))?
    })
}
