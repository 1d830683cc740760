//! Pure: for how long a text says that it holds (有效期).

use std::ops::Range;

use jiff::civil::Date;

use super::dates::{count_at, date_at, months_later, next_day, years_later};
use super::names::KINDS;

/// The word for it.
const TERM: &str = "有效期";
/// Bytes before the word in which its sentence is looked at.
const BEFORE: usize = 240;
/// Characters after the word in which its figure stands.
const AFTER: usize = 40;
/// No text holds for more years.
const MOST_YEARS: u32 = 50;

/// How long a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    /// To the end of the day before this one.
    Until(Date),
    /// So many years from its first day on.
    Years(i16),
    /// So many months from its first day on.
    Months(i16),
    /// It says so in words that are not understood.
    Unread,
}

impl Term {
    /// The first day out of force of a text that holds from `first` on.
    pub(super) fn end(self, first: Option<Date>) -> Option<Date> {
        match self {
            Self::Until(end) => Some(end),
            Self::Years(years) => years_later(first?, years),
            Self::Months(months) => months_later(first?, months),
            Self::Unread => None,
        }
    }
}

/// The terms that a text in simplified characters gives itself, each with its place. A licence that
/// is valid for five years gives none: the words must be of the text itself (`本办法有效期五年`) or
/// stand beside its first day (`自…起施行，有效期五年`).
pub(super) fn terms(words: &str) -> Vec<(Range<usize>, Term)> {
    let found = words.match_indices(TERM).filter_map(|(at, _)| {
        let start = words.floor_char_boundary(at.saturating_sub(BEFORE));
        let before = words.get(start..at)?;
        let end = at + TERM.len();
        let after: String = words.get(end..)?.chars().take(AFTER).collect();
        let line = before.rsplit('\n').next()?;
        let sentence = line.rsplit('。').next()?;
        let clause = sentence
            .rsplit(['，', ',', '；', ';', '（', '('])
            .next()?
            .trim();
        let own = is_own(clause);
        let beside = begins(sentence)
            || begins(after.split(['。', '\n']).next()?)
            // `自…起施行。有效期五年。`
            || sentence.trim().is_empty()
                && line.trim_end().strip_suffix('。').is_some_and(ends_with_begin);
        (own || clause.is_empty() && beside).then(|| (at..end, read(&after)))
    });
    found.collect()
}

/// `本办法`, `第九条 本实施细则`: the text speaks of itself.
fn is_own(clause: &str) -> bool {
    let kinds = KINDS.iter().chain(&["文件", "政策"]);
    let clause = clause.trim_end_matches(['的', '自']);
    clause.contains('本') && kinds.into_iter().any(|kind| clause.ends_with(kind))
}

fn begins(text: &str) -> bool {
    ["起施行", "起实施", "起执行"]
        .iter()
        .any(|word| text.contains(word))
}

fn ends_with_begin(text: &str) -> bool {
    ["起施行", "起实施", "起执行"]
        .iter()
        .any(|word| text.ends_with(word))
}

/// What stands after the word: `5年`, `为三年`, `限十年`, `至2024年12月31日`,
/// `自2020年1月1日至2024年12月31日`, `18个月`.
fn read(after: &str) -> Term {
    let blank = |char: char| {
        char.is_whitespace() || matches!(char, '限' | '为' | '是' | '暂' | '定' | '共' | '：' | ':')
    };
    let rest = after.trim_start_matches(blank);
    let sentence = rest.split(['。', '；', '\n']).next().unwrap_or_default();
    let until = match sentence.strip_prefix(['自', '从']) {
        Some(span) => span.split_once(['至', '到']).map(|(_, end)| end),
        None => sentence
            .trim_start_matches(['截', '止'])
            .strip_prefix(['至', '到']),
    };
    if let Some(until) = until {
        let day = date_at(until.trim_start()).and_then(|(day, _)| next_day(day));
        return day.map_or(Term::Unread, Term::Until);
    }
    let Some((count, used)) = count_at(sentence) else {
        return Term::Unread;
    };
    let unit = sentence.get(used..).unwrap_or_default().trim_start();
    let count = i16::try_from(count).unwrap_or(i16::MAX);
    if unit.starts_with('年') && (1..=MOST_YEARS as i16).contains(&count) {
        Term::Years(count)
    } else if (unit.starts_with("个月") || unit.starts_with('月'))
        && (1..=12 * MOST_YEARS as i16).contains(&count)
    {
        Term::Months(count)
    } else {
        Term::Unread
    }
}

#[cfg(test)]
mod tests {
    use super::{Term, terms};
    use jiff::civil::date;

    #[test]
    fn terms_are_read_in_their_forms() {
        for (words, term) in [
            ("本办法自2024年7月1日起施行，有效期5年。", Term::Years(5)),
            ("本办法自2014年7月1日起施行，有效期10年。", Term::Years(10)),
            (
                "本办法自2014年7月1日起施行，有效期为十年。",
                Term::Years(10),
            ),
            ("自2014年7月1日起施行。有效期二十五年。", Term::Years(25)),
            ("本办法有效期五年，自2019年5月1日起施行。", Term::Years(5)),
            ("有效期两年，自2019年5月1日起施行。", Term::Years(2)),
            ("本通知有效期限18个月。", Term::Months(18)),
            (
                "第十条 本办法自2022年1月1日起施行（有效期至2024年12月31日）。",
                Term::Until(date(2025, 1, 1)),
            ),
            (
                "本实施细则有效期自2022年1月1日至2024年12月31日。",
                Term::Until(date(2025, 1, 1)),
            ),
            (
                "本意见有效期至二〇二四年十二月三十一日。",
                Term::Until(date(2025, 1, 1)),
            ),
            (
                "本办法自2024年7月1日起施行，有效期视情况另定。",
                Term::Unread,
            ),
        ] {
            let found: Vec<_> = terms(words).into_iter().map(|(_, term)| term).collect();
            assert_eq!(found, [term], "{words}");
        }
        for words in [
            "居住证有效期五年，自签发之日起计算。",
            "养犬登记证有效期一年，期满前30日内办理年检。",
            "本证有效期三年。",
            "原许可证有效期五年，本办法自2024年7月1日起施行。",
            "## 有效期\n\n五年。",
        ] {
            assert_eq!(terms(words), [], "{words}");
        }
    }
}
