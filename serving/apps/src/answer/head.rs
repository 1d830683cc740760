//! Questions about a document itself: its number, who issued it, when, whether it holds. They are
//! answered with the line of the text that states it; that it is a draft or over is told beside it.

use std::ops::Range;

use jiff::civil::Date;

use super::question::Question;
use crate::kb::{Declared, Head, Version};

/// Most bytes of a text in which its head and its end formulas are looked for, from either end.
const NEAR_AN_END: usize = 6_000;
/// Longest line that is shown, in bytes.
const MAX_LINE: usize = 600;

/// Words that ask for each thing that a head states.
const NUMBER: [&str; 3] = ["文号", "发文字号", "几号文"];
const ISSUER: [&str; 5] = [
    "发布机构",
    "发文机关",
    "谁发布的",
    "哪个部门发布",
    "哪个部门印发",
];
const ISSUED: [&str; 7] = [
    "什么时候印发",
    "什么时候发布",
    "何时印发",
    "何时发布",
    "哪天印发",
    "哪天发布",
    "成文日期",
];
const EFFECTIVE: [&str; 8] = [
    "什么时候施行",
    "什么时候实施",
    "什么时候生效",
    "何时施行",
    "何时生效",
    "何时实施",
    "施行日期",
    "生效日期",
];

/// Words that ask whether a document holds at all.
const STATUS: [&str; 14] = [
    "是正式文件",
    "是正式的文件",
    "是不是正式文件",
    "正式出台了",
    "正式施行了",
    "开始施行了吗",
    "生效了吗",
    "生效了没",
    "还有效吗",
    "是否有效",
    "作废了",
    "废止了",
    "是不是草案",
    "是征求意见稿吗",
];
/// What a question calls a document: `护照还有效吗` asks of the passport.
const KINDS: [&str; 12] = [
    "办法", "意见", "通知", "方案", "规划", "细则", "规定", "指南", "须知", "政策", "条例", "草案",
];
/// What people add to such a question without meaning anything more.
const BESIDES: [&str; 6] = [
    "可以照着办",
    "能照着办",
    "照着办",
    "可以照办",
    "还能用",
    "现在",
];

/// The bytes of the line of a version that states what a question asks about the version itself.
pub(super) fn line(question: &Question, version: &Version) -> Option<Range<usize>> {
    let asks = |words: &[&str]| words.iter().any(|word| question.folded.contains(word));
    let head: &Head = &version.head;
    let mut written: Vec<String> = Vec::new();
    if asks(&NUMBER) {
        written.extend(head.number.clone());
    }
    if asks(&ISSUER) {
        written.extend(head.issuer.clone());
    }
    if asks(&ISSUED) {
        let days = [head.written, head.published].into_iter().flatten();
        written.extend(days.flat_map(ways));
    }
    if asks(&EFFECTIVE) {
        written.extend(head.effective.into_iter().flat_map(ways));
    }
    let stated = written
        .iter()
        .find_map(|words| holding(&version.text, words));
    if stated.is_some() || !asks_status(&question.folded) {
        return stated;
    }
    let begun = head.effective.into_iter().flat_map(ways);
    let begun = begun.filter(|_| head.declared != Declared::Draft);
    begun
        .chain([head.title.clone()])
        .find_map(|words| holding(&version.text, &words))
}

/// A folded question without the words that ask whether a document holds: what is left names it.
pub(super) fn without_status(folded: &str) -> Option<String> {
    let words = STATUS.iter().chain(&BESIDES);
    asks_status(folded).then(|| words.fold(folded.to_owned(), |left, word| left.replace(word, "")))
}

fn asks_status(folded: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    has(&STATUS) && has(&KINDS)
}

/// Whether a question asks about a document itself.
pub(super) fn is_asked(question: &Question) -> bool {
    let words = NUMBER
        .iter()
        .chain(&ISSUER)
        .chain(&ISSUED)
        .chain(&EFFECTIVE);
    words.into_iter().any(|word| question.folded.contains(word)) || asks_status(&question.folded)
}

/// The usual writings of a day.
fn ways(day: Date) -> Vec<String> {
    let (year, month, date) = (day.year(), day.month(), day.day());
    vec![
        format!("{year}年{month}月{date}日"),
        format!("{year}年{month:02}月{date:02}日"),
        day.to_string(),
    ]
}

/// The trimmed line that holds some words, near the beginning or the end of a text.
fn holding(text: &str, words: &str) -> Option<Range<usize>> {
    let mut places = text.match_indices(words).map(|(at, _)| at);
    let at = places.find(|at| *at < NEAR_AN_END || *at + NEAR_AN_END > text.len())?;
    let start = text.get(..at)?.rfind('\n').map_or(0, |line| line + 1);
    let end = text
        .get(at..)?
        .find('\n')
        .map_or(text.len(), |line| at + line);
    let line = text.get(start..end)?;
    let begin = start + line.len() - line.trim_start().len();
    let end = start + line.trim_end().len();
    (end > begin && end - begin <= MAX_LINE).then_some(begin..end)
}
