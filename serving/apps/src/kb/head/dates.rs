//! Pure: dates as official texts write them.

use jiff::civil::{Date, date};

/// The date that a text begins with, and how many bytes it takes: `2024年6月28日`, `2024-06-28`,
/// `2024/6/28`, `2024.6.28`, `二〇二四年六月二十八日`.
pub(crate) fn date_at(text: &str) -> Option<(Date, usize)> {
    let (year, at) = number(text, 4)?;
    if !(1949..=2100).contains(&year) {
        return None;
    }
    let rest = text.get(at..)?;
    let sign = rest.chars().next()?;
    let at = at + sign.len_utf8();
    let (month, used) = number(text.get(at..)?, 2)?;
    let at = at + used;
    let second = text.get(at..)?.chars().next()?;
    let fits = match sign {
        '年' => second == '月',
        '-' | '/' | '.' | '．' | '－' => second == sign,
        _ => false,
    };
    if !fits {
        return None;
    }
    let at = at + second.len_utf8();
    let (day, used) = number(text.get(at..)?, 2)?;
    let mut end = at + used;
    let rest = text.get(end..)?;
    if sign == '年' {
        let last = rest.chars().next().filter(|c| matches!(c, '日' | '号'))?;
        end += last.len_utf8();
    } else if rest.starts_with(|char: char| char.is_ascii_digit()) {
        return None;
    }
    let date = Date::new(year as i16, month as i8, day as i8).ok()?;
    Some((date, end))
}

/// The date that a text is, with nothing but blanks and a time of day around it.
pub(crate) fn whole_date(text: &str) -> Option<Date> {
    let text = text
        .trim_matches(|char: char| char.is_whitespace() || matches!(char, '(' | ')' | '（' | '）'));
    let (date, used) = date_at(text)?;
    let rest = text.get(used..)?.trim();
    let clock = rest
        .chars()
        .all(|char| char.is_ascii_digit() || matches!(char, ':' | '：'));
    (rest.is_empty() || clock).then_some(date)
}

/// The same day some years later; 29 February becomes 1 March.
pub(super) fn years_later(day: Date, years: i16) -> Option<Date> {
    let year = day.year().checked_add(years)?;
    Date::new(year, day.month(), day.day())
        .or_else(|_| Date::new(year, 3, 1))
        .ok()
        .filter(|later| *later <= date(2200, 1, 1))
}

/// The same day some months later; a month that is too short gives the first of the next.
pub(super) fn months_later(day: Date, months: i16) -> Option<Date> {
    let month = i32::from(day.year()) * 12 + i32::from(day.month()) - 1 + i32::from(months);
    let of = |month: i32, day: i8| {
        let year = i16::try_from(month.div_euclid(12)).ok()?;
        Date::new(year, (month.rem_euclid(12) + 1) as i8, day).ok()
    };
    of(month, day.day())
        .or_else(|| of(month + 1, 1))
        .filter(|later| *later <= date(2200, 1, 1))
}

/// The day after.
pub(super) fn next_day(day: Date) -> Option<Date> {
    day.tomorrow().ok()
}

/// The whole number that a text begins with, and its bytes: `5`, `18`, `两`, `十二`, `三十`.
pub(super) fn count_at(text: &str) -> Option<(u32, usize)> {
    if let Some(rest) = text.strip_prefix('两') {
        return Some((2, text.len() - rest.len()));
    }
    number(text, 2)
}

/// A number at the beginning: Arabic digits, or Chinese ones (`二〇二四`, `十二`).
fn number(text: &str, most: usize) -> Option<(u32, usize)> {
    let arabic = text.bytes().take_while(u8::is_ascii_digit).count();
    if arabic > 0 {
        if arabic > most || most == 4 && arabic != 4 {
            return None;
        }
        return Some((text.get(..arabic)?.parse().ok()?, arabic));
    }
    let mut digits: Vec<Digit> = Vec::new();
    let mut used = 0;
    for char in text.chars() {
        let Some(value) = value(char) else { break };
        digits.push(value);
        used += char.len_utf8();
        if digits.len() > 4 {
            return None;
        }
    }
    let number = match (most, digits.as_slice()) {
        (4, [Digit::Is(a), Digit::Is(b), Digit::Is(c), Digit::Is(d)]) => {
            a * 1000 + b * 100 + c * 10 + d
        }
        (2, [Digit::Is(one)]) => *one,
        (2, [Digit::Ten]) => 10,
        (2, [Digit::Ten, Digit::Is(one)]) => 10 + one,
        (2, [Digit::Is(ten), Digit::Ten]) => ten * 10,
        (2, [Digit::Is(ten), Digit::Ten, Digit::Is(one)]) => ten * 10 + one,
        _ => return None,
    };
    Some((number, used))
}

/// A character of a Chinese number.
#[derive(Clone, Copy)]
enum Digit {
    Is(u32),
    Ten,
}

fn value(char: char) -> Option<Digit> {
    if let Some(digit) = char.to_digit(10) {
        return Some(Digit::Is(digit));
    }
    if matches!(char, '〇' | '○' | 'Ｏ' | '零') {
        return Some(Digit::Is(0));
    }
    if char == '十' {
        return Some(Digit::Ten);
    }
    let place = "一二三四五六七八九"
        .chars()
        .position(|digit| digit == char)?;
    Some(Digit::Is(place as u32 + 1))
}

#[cfg(test)]
mod tests {
    use super::whole_date;
    use jiff::civil::date;

    #[test]
    fn dates_are_read_as_they_are_written() {
        for (text, day) in [
            ("2024年6月28日", date(2024, 6, 28)),
            (" 2023年03月31日 ", date(2023, 3, 31)),
            ("2022-07-26 00:00:00", date(2022, 7, 26)),
            ("2022/7/6", date(2022, 7, 6)),
            ("二〇二四年十二月二十一日", date(2024, 12, 21)),
            ("(2024年10月1日)", date(2024, 10, 1)),
        ] {
            assert_eq!(whole_date(text), Some(day), "{text}");
        }
        for text in [
            "2023325",
            "2024年13月1日",
            "2024年6月",
            "2021-2025",
            "日",
            "2023年2月30日",
        ] {
            assert_eq!(whole_date(text), None, "{text}");
        }
    }
}
