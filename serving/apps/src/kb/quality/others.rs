//! What another text has already: the same words, or the same number.

use super::sketch::Sieve;
use super::{Looked, Sketch};
use crate::kb::finding::{Finding, FindingKind, Severity};
use crate::kb::known::Known;
use crate::kb::script::bare;
use crate::kb::timeline::Claim;

/// Likeness in thousandths from which two texts are the same.
const SAME: u32 = 900;
/// From which they are much alike; what the sieve lets through.
const ALIKE: u32 = 600;

pub(super) fn find(looked: &Looked<'_>, known: &[Known], document: &str) -> Vec<Finding> {
    let sketch = Sketch::of(looked.text);
    let others = || known.iter().filter(|other| other.id.document != document);
    let sieve = Sieve::of(&sketch);
    let nearest = known
        .iter()
        .filter(|other| sieve.may_be_alike(&other.sketch) && other.id.document != document)
        .map(|other| (sketch.likeness(&other.sketch), other))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by_key(|(likeness, _)| *likeness);
    let mut found: Vec<Finding> = Vec::new();
    if let Some((likeness, other)) = nearest {
        found.push(duplicate(looked, likeness, other));
    }
    let number = looked
        .head
        .number
        .as_deref()
        .map(bare)
        .filter(|number| !number.is_empty());
    let claimed =
        number.and_then(|number| others().find(|other| other.number_key.as_ref() == Some(&number)));
    found.extend(claimed.map(|other| claims(looked, other)));
    let claim = Claim::of(looked.head);
    let replaced = claim.and_then(|claim| {
        others().find(|other| {
            claim.hits(
                &other.title,
                other.number.as_deref(),
                other.place.as_deref(),
            )
        })
    });
    found.extend(replaced.map(|other| replaces(looked, other)));
    found
}

/// A text that says that it takes another one out of force.
fn replaces(looked: &Looked<'_>, other: &Known) -> Finding {
    let start = looked.text.find(&other.title).unwrap_or(0);
    let end = match start {
        0 => 0,
        start => start + other.title.len(),
    };
    let message = format!(
        "文中写明代替或废止已有的《{}》（{}）；发布后那一份将被视为已被替代，请核对是否属实，不属实就在文件信息里删去“代替”",
        other.title, other.id
    );
    Finding::new(
        FindingKind::ReplacesAnother,
        Severity::Suspicious,
        start..end,
        1,
        &other.title,
        message,
    )
}

fn duplicate(looked: &Looked<'_>, likeness: u32, other: &Known) -> Finding {
    let (id, title, percent) = (&other.id, &other.title, likeness / 10);
    let (severity, message) = if likeness >= SAME {
        let message = format!(
            "与已有的《{title}》（{id}）几乎逐字相同（{percent}%）；如为新版本，请作为该文件的新版本导入，如为重复，请撤下"
        );
        (Severity::Suspicious, message)
    } else {
        let message =
            format!("与已有的《{title}》（{id}）有约 {percent}% 相同；请确认不是同一文件的旧稿");
        (Severity::Note, message)
    };
    let sample = looked.head.title.clone();
    Finding::new(
        FindingKind::DuplicateOfAnother,
        severity,
        0..0,
        1,
        &sample,
        message,
    )
}

fn claims(looked: &Looked<'_>, other: &Known) -> Finding {
    let number = looked.head.number.as_deref().unwrap_or_default();
    let start = looked.text.find(number).unwrap_or(0);
    let end = start
        + looked
            .text
            .get(start..)
            .map_or(0, |rest| number.len().min(rest.len()));
    let message = format!(
        "文号“{number}”已属于《{}》（{}）；一个文号只对应一份文件，请核对原件，是新版本就作为该文件的新版本导入",
        other.title, other.id
    );
    let range = start..end;
    Finding::new(
        FindingKind::NumberClaimed,
        Severity::Suspicious,
        range,
        1,
        number,
        message,
    )
}
