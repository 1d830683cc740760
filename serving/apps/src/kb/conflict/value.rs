//! Pure: amounts with their units, as official sentences state them.

use std::ops::Range;

use crate::kb::script::{half_width, simple};

/// Units that are compared, longest first, and what each is measured in.
const UNITS: [(&str, &str); 36] = [
    ("个工作日", "工作日"),
    ("工作日", "工作日"),
    ("个自然日", "日"),
    ("自然日", "日"),
    ("平方米", "平方米"),
    ("个月", "月"),
    ("周岁", "岁"),
    ("公里", "公里"),
    ("小时", "小时"),
    ("分钟", "分钟"),
    ("个学期", "学期"),
    ("学期", "学期"),
    ("月底", ""),
    ("月份", ""),
    ("年度", ""),
    ("年级", ""),
    ("元", "元"),
    ("日", "日"),
    ("天", "日"),
    ("周", "周"),
    ("年", "年"),
    ("岁", "岁"),
    ("次", "次"),
    ("人", "人"),
    ("名", "人"),
    ("户", "户"),
    ("家", "家"),
    ("个", "个"),
    ("项", "项"),
    ("件", "件"),
    ("倍", "倍"),
    ("%", "%"),
    ("折", "折"),
    ("卡时", "卡时"),
    ("只", "只"),
    ("辆", "辆"),
];

/// An amount, or a span of two.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    /// Thousandths of the unit: the amount, and the second one of a span.
    pub amounts: Vec<i64>,
    /// What it is measured in.
    pub unit: &'static str,
}

/// The values of a sentence with their bytes, in order. Dates and numbers without a unit that is
/// known here are none.
pub(super) fn values(sentence: &str) -> Vec<(Value, Range<usize>)> {
    let chars: Vec<(usize, char)> = sentence
        .char_indices()
        .map(|(at, char)| (at, simple(half_width(char))))
        .collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let Some((value, next)) = value_at(&chars, at) else {
            // The rest of a number that is no value must not be read as one.
            let run = number_at(&chars, at).map_or(at + 1, |(_, next)| next);
            at = run;
            continue;
        };
        let byte = |at: usize| chars.get(at).map_or(sentence.len(), |(byte, _)| *byte);
        found.push((value, byte(at)..byte(next)));
        at = next;
    }
    found
}

fn value_at(chars: &[(usize, char)], at: usize) -> Option<(Value, usize)> {
    let (first, next) = number_at(chars, at)?;
    let (mut amounts, mut end) = (vec![first], next);
    let dash = chars
        .get(next)
        .is_some_and(|(_, char)| "至到-—~～".contains(*char));
    if dash && let Some((second, next)) = number_at(chars, next + 1) {
        amounts.push(second);
        end = next;
    }
    let unit_text: String = chars
        .iter()
        .skip(end)
        .take(4)
        .map(|(_, char)| *char)
        .collect();
    let (text, unit) = UNITS
        .into_iter()
        .find(|(text, _)| unit_text.starts_with(text))?;
    let length = text.chars().count();
    let after = chars.get(end + length).map(|(_, char)| *char);
    let digit = |char: char| char.is_ascii_digit();
    // `2025年1月` and `2025年底` are dates, `第3项` is a place.
    let year = unit == "年" && amounts.iter().any(|amount| *amount >= 1_000_000);
    let ordinal = at > 0 && chars.get(at - 1).is_some_and(|(_, char)| *char == '第');
    let date = matches!(unit, "年" | "日") && after.is_some_and(digit)
        || unit == "日" && at > 0 && chars.get(at - 1).is_some_and(|(_, char)| *char == '月');
    (!unit.is_empty() && !year && !ordinal && !date)
        .then_some((Value { amounts, unit }, end + length))
}

/// A number in thousandths, and the place after it: `1.5万`, `三十`, `十二`.
fn number_at(chars: &[(usize, char)], at: usize) -> Option<(i64, usize)> {
    let first = chars.get(at)?.1;
    let (mut thousandths, mut end) = if first.is_ascii_digit() {
        arabic(chars, at)?
    } else {
        chinese(chars, at)?
    };
    while let Some((_, char)) = chars.get(end) {
        let times = match char {
            '百' => 100,
            '千' => 1000,
            '万' => 10_000,
            '亿' => 100_000_000,
            _ => break,
        };
        thousandths = thousandths.checked_mul(times)?;
        end += 1;
    }
    Some((thousandths, end))
}

fn arabic(chars: &[(usize, char)], at: usize) -> Option<(i64, usize)> {
    let (mut whole, mut fraction, mut places, mut end) = (0_i64, 0_i64, 0, at);
    let mut point = false;
    while let Some((_, char)) = chars.get(end) {
        if let Some(digit) = char.to_digit(10) {
            if !point {
                whole = whole.checked_mul(10)?.checked_add(i64::from(digit))?;
            } else if places < 3 {
                fraction = fraction * 10 + i64::from(digit);
                places += 1;
            }
        } else if *char == '.' && !point && chars.get(end + 1).is_some_and(|c| c.1.is_ascii_digit())
        {
            point = true;
        } else if *char != ',' || !chars.get(end + 1).is_some_and(|c| c.1.is_ascii_digit()) || point
        {
            break;
        }
        end += 1;
    }
    let scale = [1000, 100, 10, 1].get(places).copied().unwrap_or(1);
    Some((whole.checked_mul(1000)?.checked_add(fraction * scale)?, end))
}

/// Chinese numbers up to 九千九百九十九.
fn chinese(chars: &[(usize, char)], at: usize) -> Option<(i64, usize)> {
    let (mut sum, mut digit, mut end) = (0_i64, None, at);
    while let Some((_, char)) = chars.get(end) {
        let place = "零一二三四五六七八九"
            .chars()
            .position(|known| known == *char);
        if let Some(value) = place.or_else(|| (*char == '两').then_some(2)) {
            digit = Some(value as i64);
        } else {
            let times = match char {
                '十' => 10,
                '百' => 100,
                '千' => 1000,
                _ => break,
            };
            sum += digit.take().unwrap_or(1) * times;
        }
        end += 1;
        if end - at > 9 {
            return None;
        }
    }
    let sum = sum + digit.unwrap_or(0);
    (end > at).then_some((sum * 1000, end))
}

#[cfg(test)]
mod tests {
    use super::values;

    #[test]
    fn values_are_the_same_in_any_writing() {
        let one = |text: &str| {
            let found = values(text);
            found
                .first()
                .map(|(value, _)| (value.amounts.clone(), value.unit))
        };
        assert_eq!(one("三个工作日内办结"), Some((vec![3000], "工作日")));
        assert_eq!(one("3个工作日内办结"), one("三个工作日内办结"));
        assert_eq!(one("每套最高补贴1.5万元"), Some((vec![15_000_000], "元")));
        assert_eq!(one("收取１，２００元"), one("收取1200元"));
        assert_eq!(one("公告四十五日"), Some((vec![45_000], "日")));
        assert_eq!(one("5至10個工作日"), Some((vec![5000, 10_000], "工作日")));
        for text in [
            "到2025年底",
            "2025年6月1日起",
            "第三项规定",
            "一体化",
            "6月30日前",
        ] {
            assert_eq!(one(text), None, "{text}");
        }
    }
}
