//! Figures and dates that lost the sign between them.

use std::ops::Range;

use jiff::civil::Date;

use super::Looked;
use crate::kb::finding::{Finding, FindingKind, Repair, Severity};
use crate::kb::script::{lines, trimmed};

/// What follows a figure that counts something.
const UNITS: [char; 22] = [
    '个', '家', '项', '所', '名', '人', '户', '处', '套', '条', '件', '台', '座', '辆', '部', '种',
    '次', '天', '亿', '万', '门', '间',
];

/// A figure that cannot be as it stands.
struct Glued {
    range: Range<usize>,
    /// What it must be, where the context leaves one reading.
    after: Option<String>,
    why: &'static str,
    /// Only likely if other figures of the text lost their signs.
    weak: bool,
}

pub(super) fn find(looked: &Looked<'_>) -> Option<Finding> {
    let mut all: Vec<Glued> = dates(looked);
    all.extend(figures(looked));
    all.sort_by_key(|glued| glued.range.start);
    all.truncate(super::MOST_PLACES);
    let strong = all.iter().any(|glued| !glued.weak);
    let first = all.iter().find(|glued| glued.weak != strong)?;
    let samples: Vec<String> = all
        .iter()
        .take(6)
        .map(|glued| {
            format!(
                "第 {} 段“{}”",
                looked.paragraph(glued.range.start),
                looked.around(&glued.range)
            )
        })
        .collect();
    let severity = if strong {
        Severity::Suspicious
    } else {
        Severity::Note
    };
    let message = format!(
        "{} 处数字或日期像是丢了中间的符号（{}）：{}；引用这些数字前请对照原件补上",
        all.len(),
        first.why,
        samples.join("；")
    );
    let (range, sample) = (first.range.clone(), looked.around(&first.range));
    let kind = FindingKind::GluedFigures;
    let mut finding = Finding::new(kind, severity, range, all.len(), &sample, message);
    finding.proposed = all
        .iter()
        .filter_map(|glued| repair(looked.text, glued))
        .collect();
    Some(finding)
}

fn repair(text: &str, glued: &Glued) -> Option<Repair> {
    Some(Repair {
        start: glued.range.start,
        before: text.get(glued.range.clone())?.to_owned(),
        after: glued.after.clone()?,
        reason: glued.why.to_owned(),
    })
}

/// Lines that are a date without its signs: `2023325` can only be 2023-3-25.
fn dates(looked: &Looked<'_>) -> Vec<Glued> {
    let mut found = Vec::new();
    for (start, line) in lines(looked.text) {
        let (skip, kept) = trimmed(line);
        let digits = kept.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || !(6..=8).contains(&kept.len()) || !kept.starts_with(['1', '2']) {
            continue;
        }
        let readings = readings(kept);
        if readings.is_empty() {
            continue;
        }
        let only = match readings.as_slice() {
            [day] => Some(format!("{}年{}月{}日", day.year(), day.month(), day.day())),
            _ => None,
        };
        found.push(Glued {
            range: start + skip..start + skip + kept.len(),
            after: only,
            why: "单独成行的数字是丢了“年月日”的日期",
            weak: false,
        });
    }
    found
}

/// All dates that digits can be.
fn readings(digits: &str) -> Vec<Date> {
    let (Some(year), Some(rest)) = (digits.get(..4), digits.get(4..)) else {
        return Vec::new();
    };
    let Some(year) = year
        .parse()
        .ok()
        .filter(|year| (1980..=2100).contains(year))
    else {
        return Vec::new();
    };
    let cuts = 1..=2_usize;
    let dates = cuts.filter_map(|cut| {
        let (month, day) = (rest.get(..cut)?, rest.get(cut..)?);
        let plain = rest.len() == 4 || !(month.starts_with('0') || day.starts_with('0'));
        let fits = plain && day.len() <= 2;
        let date = Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()?;
        fits.then_some(date)
    });
    dates.collect()
}

/// Figures within sentences.
fn figures(looked: &Looked<'_>) -> Vec<Glued> {
    let text = looked.words.as_str();
    let mut found = Vec::new();
    for run in digit_runs(text) {
        let before = text.get(..run.start).unwrap_or_default();
        let after = text.get(run.end..).unwrap_or_default();
        let digits = text.get(run.clone()).unwrap_or_default();
        if let Some(glued) = after_percent(before, &run, digits, after)
            .or_else(|| two_years(&run, digits, after))
            .or_else(|| span(before, &run, digits, after))
        {
            found.push(glued);
        }
    }
    found
}

/// `99.4%99.12%`: a figure right behind a percent sign.
fn after_percent(before: &str, run: &Range<usize>, digits: &str, after: &str) -> Option<Glued> {
    let sign = before
        .chars()
        .next_back()
        .filter(|char| matches!(char, '%' | '％' | '‰'))?;
    let stem = before.strip_suffix(sign)?;
    let figure = stem.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
    let start = figure.len();
    if start == stem.len() {
        return None;
    }
    // `分别达99.4%99.12%` lists two shares; anything else is left to a person.
    let listed = figure.chars().rev().take(6).any(|char| char == '别');
    let share = after.starts_with(['%', '％']);
    let first = before.get(start..)?;
    Some(Glued {
        range: start..run.end,
        after: (listed && share).then(|| format!("{first}、{digits}")),
        why: "百分数后面直接连着另一个数",
        weak: false,
    })
}

/// `20212025年`: two years.
fn two_years(run: &Range<usize>, digits: &str, after: &str) -> Option<Glued> {
    if digits.len() != 8 || !after.starts_with('年') {
        return None;
    }
    let year = |part: Option<&str>| {
        part?
            .parse::<i32>()
            .ok()
            .filter(|y| (1980..=2100).contains(y))
    };
    let (from, to) = (year(digits.get(..4))?, year(digits.get(4..))?);
    (from < to).then(|| Glued {
        range: run.clone(),
        after: Some(format!("{from}—{to}")),
        why: "两个年份连在一起",
        weak: false,
    })
}

/// `打造1020个`: from 10 to 20. A number of that shape may also be meant.
fn span(before: &str, run: &Range<usize>, digits: &str, after: &str) -> Option<Glued> {
    let counted = after.starts_with(UNITS.as_slice()) || after.starts_with(['%', '％']);
    let joined =
        before.ends_with(|char: char| char.is_ascii_alphanumeric() || ".-—~～:：/".contains(char));
    if !counted || joined || !matches!(digits.len(), 4 | 6) {
        return None;
    }
    let half = digits.len() / 2;
    let (low, high) = (digits.get(..half)?, digits.get(half..)?);
    let (low, high): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
    let round = low % 5 == 0 && high % 5 == 0 && !digits.starts_with('0');
    let near = low < high && high <= low.saturating_mul(3);
    (round && near).then(|| Glued {
        range: run.clone(),
        after: None,
        why: "像是“几到几”丢了连接号",
        weak: true,
    })
}

/// Runs of digits with their fractions.
fn digit_runs(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut runs = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let figure = |byte: &&u8| byte.is_ascii_digit() || **byte == b'.';
        let length = bytes
            .get(at..)
            .into_iter()
            .flatten()
            .take_while(figure)
            .count();
        if length == 0 {
            at += 1;
            continue;
        }
        let run = text.get(at..at + length).unwrap_or_default();
        let kept = run.trim_end_matches('.').len();
        if run.starts_with(|char: char| char.is_ascii_digit()) && kept > 0 {
            runs.push(at..at + kept);
        }
        at += length;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::readings;

    #[test]
    fn a_date_without_signs_is_read_only_where_it_can_be() {
        assert_eq!(readings("2023325").len(), 1);
        assert_eq!(readings("20230325").len(), 1);
        assert_eq!(readings("2023111").len(), 2);
        assert_eq!(readings("2023000").len(), 0);
        assert_eq!(readings("9999325").len(), 0);
    }
}
