//! Names of bodies, places, documents and things in other scripts.

use crate::answer::question::foreign_place;
use crate::retrieve::{is_han, terms};

/// Ends of the names of bodies and places.
const ENDS: &[&str] = &[
    "委员会",
    "办公室",
    "人民政府",
    "公司",
    "集团",
    "大厅",
    "街道",
    "大学",
    "银行",
    "法院",
    "局",
    "厅",
    "市",
    "县",
    "旗",
    "盟",
];
/// Words that end before a name begins.
const BEFORE: &[&str] = &[
    "由", "向", "到", "在", "和", "与", "及", "或", "的", "是", "为", "从", "往", "请", "经", "报",
    "去", "找", "属于", "根据", "按照", "本", "各", "全",
];

/// The first name of a folded sentence that its folded sources do not have.
pub(super) fn missing(said: &str, sources: &str) -> Option<String> {
    let quoted = titles(said).find(|title| !sources.contains(title.as_str()));
    let foreign = || {
        let words = terms(said).into_iter().map(|term| term.text);
        let mut words = words.filter(|word| word.chars().any(|c| c.is_alphabetic() && !is_han(c)));
        words
            .find(|word| !sources.contains(word))
            .map(str::to_owned)
    };
    let bodies = || bodies(said).find(|body| !is_named(body, sources));
    let place = || foreign_place(said, sources).map(str::to_owned);
    quoted.or_else(foreign).or_else(place).or_else(bodies)
}

/// Whether sources have a name, and not only as the beginning of another: a committee's office is
/// no committee.
fn is_named(name: &str, sources: &str) -> bool {
    sources.match_indices(name).any(|(at, _)| {
        let after = sources.get(at + name.len()..).unwrap_or_default();
        !ENDS.iter().any(|end| after.starts_with(end))
    })
}

/// What stands between `《` and `》`.
fn titles(said: &str) -> impl Iterator<Item = String> {
    said.split('《').skip(1).filter_map(|rest| {
        let (title, _) = rest.split_once('》')?;
        Some(title.to_owned())
    })
}

/// Runs of ideographs that end as names do, cut after the words that lead to a name.
fn bodies(said: &str) -> impl Iterator<Item = String> {
    let runs = said.split(|char: char| !is_han(char));
    runs.flat_map(|run| {
        ENDS.iter().filter_map(move |end| {
            let at = run.rfind(end)? + end.len();
            let name = run.get(..at)?;
            let begin = BEFORE
                .iter()
                .filter_map(|word| {
                    let inner = name.get(..name.len() - end.len())?;
                    inner.rfind(word).map(|found| found + word.len())
                })
                .max()
                .unwrap_or(0);
            let name = name.get(begin..)?;
            let long = name.chars().count() > end.chars().count();
            (long && name.chars().count() <= 20).then(|| name.to_owned())
        })
    })
}
