//! Numbers with their units, however they are written: `15%`, `百分之十五`, `2.4万个`, `十五日`.

use std::ops::Range;

/// A number in millionths, with what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quantity {
    /// Millionths; a percentage is of one hundred.
    pub(crate) millionths: i128,
    /// Unit in its usual writing; empty for none.
    pub(crate) unit: String,
    /// Bytes of the folded text, unit included.
    pub(crate) range: Range<usize>,
}

const ONE: i128 = 1_000_000;
/// Units, the longer first, each with its usual writing.
const UNITS: &[(&str, &str)] = &[
    ("个工作日", "工作日"),
    ("工作日", "工作日"),
    ("个百分点", "百分点"),
    ("百分点", "百分点"),
    ("平方公里", "平方公里"),
    ("平方米", "平方米"),
    ("平米", "平方米"),
    ("千瓦时", "千瓦时"),
    ("周岁", "岁"),
    ("小时", "小时"),
    ("分钟", "分钟"),
    ("公里", "公里"),
    ("厘米", "厘米"),
    ("个月", "月"),
    ("千克", "千克"),
    ("公斤", "千克"),
    ("元", "元"),
    ("块", "元"),
    ("岁", "岁"),
    ("天", "日"),
    ("日", "日"),
    ("号", "日"),
    ("月", "月"),
    ("年", "年"),
    ("米", "米"),
    ("%", "%"),
    ("折", "折"),
    ("倍", "倍"),
    ("成", "成"),
    ("次", "次"),
    ("人", "人"),
    ("户", "户"),
    ("家", "家"),
    ("台", "台"),
    ("套", "套"),
    ("册", "册"),
    ("张", "张"),
    ("项", "项"),
    ("种", "种"),
    ("所", "所"),
    ("个", "个"),
];

/// All numbers of a text, in order. Chinese numerals count only before a unit, so that `一般` and
/// `三明` are no numbers.
pub(crate) fn quantities(folded: &str) -> Vec<Quantity> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = folded.get(at..).filter(|rest| !rest.is_empty()) {
        if let Some((quantity, length)) = read(rest, at) {
            at += length;
            found.push(quantity);
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

fn read(rest: &str, at: usize) -> Option<(Quantity, usize)> {
    let (percent, begin) = match rest.strip_prefix("百分之") {
        Some(_) => (true, "百分之".len()),
        None => (false, 0),
    };
    let number = rest.get(begin..)?;
    let (value, length, digits) = arabic(number).or_else(|| chinese(number))?;
    let mut end = begin + length;
    let mut millionths = value;
    for (word, factor) in [("万", 10_000), ("亿", 100_000_000)] {
        let after = rest.get(end..)?;
        if digits && after.starts_with(word) {
            millionths = millionths.checked_mul(factor)?;
            end += word.len();
        }
    }
    if percent {
        let unit = "%".to_owned();
        let range = at..at + end;
        return Some((
            Quantity {
                millionths,
                unit,
                range,
            },
            end,
        ));
    }
    let after = rest.get(end..)?;
    let unit = UNITS.iter().find(|(word, _)| after.starts_with(word));
    if unit.is_none() && !digits {
        return None;
    }
    end += unit.map_or(0, |(word, _)| word.len());
    let unit = unit.map_or(String::new(), |(_, usual)| (*usual).to_owned());
    let range = at..at + end;
    Some((
        Quantity {
            millionths,
            unit,
            range,
        },
        end,
    ))
}

/// A number in digits, in millionths, with its length in bytes.
fn arabic(text: &str) -> Option<(i128, usize, bool)> {
    let whole = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if whole == 0 || whole > 18 {
        return None;
    }
    let mut value: i128 = text.get(..whole)?.parse::<i128>().ok()? * ONE;
    let mut length = whole;
    if let Some(after) = text.get(whole..).and_then(|rest| rest.strip_prefix('.')) {
        let places = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut unit = ONE;
        for digit in after.get(..places)?.bytes().take(6) {
            unit /= 10;
            value += i128::from(digit - b'0') * unit;
        }
        length += if places > 0 { places + 1 } else { 0 };
    }
    Some((value, length, true))
}

/// A number in Chinese numerals up to the hundred millions.
fn chinese(text: &str) -> Option<(i128, usize, bool)> {
    let (mut total, mut section, mut digit) = (0_i128, 0_i128, None);
    let mut length = 0;
    for char in text.chars() {
        let place = "〇一二三四五六七八九".chars().position(|c| c == char);
        let value = place.or(match char {
            '零' => Some(0),
            '两' => Some(2),
            _ => None,
        });
        if let Some(value) = value {
            let value = i128::try_from(value).ok()?;
            // Digits one after the other, as in a year.
            digit = Some(digit.map_or(value, |known: i128| known.saturating_mul(10) + value));
        } else {
            let factor = match char {
                '十' => 10,
                '百' => 100,
                '千' => 1000,
                '万' => 10_000,
                '亿' => 100_000_000,
                '半' if length == 0 => {
                    return Some((ONE / 2, char.len_utf8(), false));
                }
                _ => break,
            };
            if factor >= 10_000 {
                let below = section + digit.take().unwrap_or(0);
                total = total.checked_add(below.max(1).checked_mul(factor)?)?;
                section = 0;
            } else {
                section = section.checked_add(digit.take().unwrap_or(1).checked_mul(factor)?)?;
            }
        }
        length += char.len_utf8();
        if length > 60 {
            return None;
        }
    }
    let value = total
        .checked_add(section)?
        .checked_add(digit.unwrap_or(0))?;
    (length > 0).then_some((value.checked_mul(ONE)?, length, false))
}

#[cfg(test)]
mod tests {
    use super::{ONE, quantities};
    use crate::kb::script::fold;

    /// The numbers of any text with their units, as a set's sorted list without places.
    fn values(text: &str) -> Vec<(i128, String)> {
        let folded = fold(text);
        let found = quantities(&folded).into_iter();
        let mut values: Vec<_> = found.map(|q| (q.millionths, q.unit)).collect();
        values.sort();
        values.dedup();
        values
    }

    #[test]
    fn however_it_is_written() {
        for (one, other) in [
            ("15%", "百分之十五"),
            ("２万元", "20000元"),
            ("十五个工作日", "15个工作日"),
            ("一百二十三万四千五百六十七元", "1234567元"),
            ("二〇二五年", "2025年"),
            ("30天", "三十日"),
            ("两次", "2次"),
        ] {
            assert_eq!(values(one), values(other), "{one}");
        }
        assert_eq!(values("0.35元"), [(350_000, "元".to_owned())]);
        assert_eq!(values("半年"), [(ONE / 2, "年".to_owned())]);
    }

    #[test]
    fn words_are_no_numbers_and_nothing_overflows() {
        assert!(values("一般由三明同志统一办理").is_empty());
        values(&"9".repeat(100));
        values(&"亿".repeat(100));
        values(&"九千".repeat(50));
    }
}
