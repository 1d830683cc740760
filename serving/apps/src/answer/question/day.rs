//! The day a question names as its own: `2015年的时候`, `按2019年3月的规定`.

use jiff::civil::Date;

/// Words after a date that make it the day asked about.
const AFTER: [&str; 8] = [
    "的时候",
    "那时候",
    "那会儿",
    "当时",
    "那时",
    "那年",
    "那会",
    "时",
];
/// Words after a date that make it the day of the rules asked about.
const RULES: [&str; 5] = ["的规定", "的政策", "的标准", "的办法", "的要求"];
/// What may follow `时` when it is part of another word.
const OTHER_WORDS: &str = "间限段期刻候点速";

/// Takes the day that the question names as its own out of a folded text; a year or month alone
/// means its last day, but no day after `today`.
pub(super) fn take(text: &mut String, today: Date) -> Option<Date> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("年")) {
        let at = from + found;
        from = at + "年".len();
        if let Some((range, day)) = read_at(text, at, today) {
            text.replace_range(range, " ");
            return Some(day);
        }
    }
    None
}

/// The date whose `年` stands at `at`, if the words after it make it the question's day.
fn read_at(text: &str, at: usize, today: Date) -> Option<(std::ops::Range<usize>, Date)> {
    let before = text.get(..at)?;
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let start = at - digits;
    let year: i16 = before.get(start..)?.parse().ok()?;
    let mut end = at + "年".len();
    let month = number_before(text, &mut end, &["月"]);
    let day = month.and_then(|_| number_before(text, &mut end, &["日", "号"]));
    let rest = text.get(end..)?;
    if let Some(gap) = later_marker(rest) {
        let last = last_day(year, month, day)?;
        return Some((
            start..end + gap,
            last.min(today.max(first_day(year, month, day)?)),
        ));
    }
    let marker = AFTER
        .iter()
        .chain(&RULES)
        .find(|word| rest.starts_with(**word))?;
    let next = rest.get(marker.len()..)?.chars().next();
    if *marker == "时" && next.is_some_and(|char| OTHER_WORDS.contains(char)) {
        return None;
    }
    let kept = if RULES.contains(marker) {
        0
    } else {
        marker.len()
    };
    let last = last_day(year, month, day)?;
    Some((
        start..end + kept,
        last.min(today.max(first_day(year, month, day)?)),
    ))
}

/// The first day of what a date names, where its year is one that rules of today may have.
fn first_day(year: i16, month: Option<i8>, day: Option<i8>) -> Option<Date> {
    let known = (1949..=2100).contains(&year);
    let first = known.then(|| Date::new(year, month.unwrap_or(1), day.unwrap_or(1)));
    first?.ok()
}

fn last_day(year: i16, month: Option<i8>, day: Option<i8>) -> Option<Date> {
    first_day(year, month, day)?;
    let first = Date::new(year, month.unwrap_or(12), day.unwrap_or(1)).ok()?;
    Some(if day.is_some() {
        first
    } else {
        first.last_of_month()
    })
}

/// Zero where `的时候` follows a few characters later in the same sentence: the words between are
/// the matter and stay.
fn later_marker(rest: &str) -> Option<usize> {
    let near: String = rest.chars().take(14).collect();
    let at = near.find("的时候")?;
    let between = near.get(..at)?;
    let plain =
        between.chars().all(char::is_alphanumeric) && !between.starts_with(['底', '前', '末']);
    (plain && !between.is_empty()).then_some(0)
}

/// The number that stands at `end` before one of the words; moves `end` behind the word.
fn number_before(text: &str, end: &mut usize, words: &[&str]) -> Option<i8> {
    let rest = text.get(*end..)?;
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number: i8 = rest.get(..digits)?.parse().ok()?;
    let after = rest.get(digits..)?;
    let word = words.iter().find(|word| after.starts_with(**word))?;
    *end += digits + word.len();
    Some(number)
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};

    use super::take;

    fn day(text: &str) -> (Option<Date>, String) {
        let mut rest = text.to_owned();
        (take(&mut rest, date(2026, 1, 15)), rest)
    }

    #[test]
    fn a_day_that_is_asked_about() {
        assert_eq!(day("2015年的时候暂住证多少钱").0, Some(date(2015, 12, 31)));
        assert_eq!(day("在2019年3月时要带什么").0, Some(date(2019, 3, 31)));
        assert_eq!(day("按2024年5月6日的规定怎么办").0, Some(date(2024, 5, 6)));
        assert_eq!(day("2026年时怎么办").0, Some(date(2026, 1, 15)));
        assert_eq!(day("2022年租房子的时候").0, Some(date(2022, 12, 31)));
        assert_eq!(day("2015年的时候暂住证").1, " 暂住证");
    }

    #[test]
    fn a_date_of_the_matter_is_left_alone() {
        for text in [
            "2025年底前建成几个",
            "2025年时间安排",
            "99999年时",
            "年时",
            "2025年13月时",
        ] {
            let (found, rest) = day(text);
            assert_eq!((found, rest.as_str()), (None, text));
        }
    }
}
