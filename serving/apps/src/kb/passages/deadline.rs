//! Words that set a day by which something shall be done: `2025年12月底前`, `到2026年`.

use std::ops::Range;

const BEFORE: [&str; 6] = ["之前", "以前", "前", "之内", "以内", "内"];
const LABELS: [&str; 4] = ["完成时限", "完成時限", "完成时间", "截止时间"];

/// The first deadline of a sentence at `offset`, as bytes of the text, and whether a label such as
/// 完成时限 gives it: then it holds for the whole item.
pub(super) fn deadline(sentence: &str, offset: usize) -> Option<(Range<usize>, bool)> {
    let mut from = 0;
    while let Some(at) = next_date(sentence, from) {
        let rest = sentence.get(at..).unwrap_or_default();
        let len = date_len(rest);
        if len == 0 {
            from = at + rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let after = rest.get(len..).unwrap_or_default();
        let before = sentence.get(..at).unwrap_or_default();
        if let Some(word) = BEFORE.iter().find(|word| after.starts_with(**word)) {
            return Some((offset + at..offset + at + len + word.len(), false));
        }
        let label = before.trim_end_matches([' ', ':', '：']);
        if LABELS.iter().any(|word| label.ends_with(word)) {
            return Some((offset + at..offset + at + len, true));
        }
        let goal = before.ends_with('到') && after.starts_with(['，', ',']);
        if goal {
            let start = offset + at - '到'.len_utf8();
            return Some((start..offset + at + len, false));
        }
        from = at + len;
    }
    None
}

/// Where the next thing begins that may be a date.
fn next_date(sentence: &str, from: usize) -> Option<usize> {
    let rest = sentence.get(from..)?;
    let at = rest.find(|char: char| char.is_ascii_digit() || matches!(char, '年' | '月'))?;
    Some(from + at)
}

/// Bytes of a date at the beginning: year, month and day as far as they are there, then 底 or 末.
fn date_len(text: &str) -> usize {
    let mut len = 0;
    let mut named = false;
    for (unit, digits) in [('年', 4), ('月', 2), ('日', 2)] {
        let rest = text.get(len..).unwrap_or_default();
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        let after = rest.get(count..).unwrap_or_default();
        let bare_year = unit == '年' && len == 0 && count == 0;
        let fits = if unit == '年' {
            count == digits
        } else {
            (1..=digits).contains(&count)
        };
        if after.starts_with(unit) && (bare_year || fits) {
            len += count + unit.len_utf8();
            named |= count > 0;
        } else if count > 0 && unit != '年' {
            break;
        }
    }
    let rest = text.get(len..).unwrap_or_default();
    let part = ["年底", "底", "末", "上旬", "中旬", "下旬", "初"];
    let tail = part
        .iter()
        .find(|part| rest.starts_with(**part))
        .map_or(0, |part| part.len());
    // `年前` alone is no date, `年底前` is one.
    if len == 0 || (!named && tail == 0) {
        0
    } else {
        len + tail
    }
}

#[cfg(test)]
mod tests {
    use super::deadline;

    #[test]
    fn deadlines_are_told_from_other_dates() {
        let read =
            |sentence: &str| deadline(sentence, 0).map(|(range, _)| sentence[range].to_owned());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("2025年12月底前建成平台。"), some("2025年12月底前"));
        assert_eq!(read("清单于10月底前报市政府审定。"), some("10月底前"));
        assert_eq!(read("年底前完成。"), some("年底前"));
        assert_eq!(read("2025年6月30日前办理。"), some("2025年6月30日前"));
        assert_eq!(read("到2026年,建成千兆城市"), some("到2026年"));
        assert_eq!(read("完成时限:2025年12月)"), some("2025年12月"));
        for sentence in [
            "截至2020年底基本实现",
            "2025年3月5日召开会议",
            "5年内免费",
            "至2020年底覆盖",
            "前年完成",
        ] {
            assert_eq!(read(sentence), None, "{sentence}");
        }
    }
}
