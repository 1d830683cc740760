//! The number that a line of an official text begins with.
//!
//! The order of numbers follows the rules for official documents (GB/T 9704-2012, 7.3.3: `一、`,
//! `（一）`, `1.`, `（1）`) and for laws (编、章、节、条).

/// The rank of a number: the smaller, the higher. Numbers of one rank are siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// 附件, 第一编, 第一篇.
    Part,
    /// 第一章, 第一部分.
    Chapter,
    /// 第一节.
    Section,
    /// 一、 and 【】.
    First,
    /// 第一条.
    Article,
    /// （一）.
    Second,
    /// 1.
    Third,
    /// （1）, 1）, ①.
    Fourth,
}

/// A number at the beginning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) rank: Rank,
    /// Bytes of the line that are the number.
    pub(super) len: usize,
}

/// The number that a trimmed line begins with.
pub(super) fn number(line: &str) -> Option<Number> {
    let first = line.chars().next()?;
    match first {
        '第' => after_ordinal(line),
        '附' => attachment(line),
        '（' | '(' => in_brackets(line, first),
        '①'..='⑳' => Some(found(Rank::Fourth, line, first.len_utf8())),
        _ if is_han_numeral(first) => {
            let len = prefix(line, is_han_numeral);
            let mark = line
                .get(len..)?
                .chars()
                .next()
                .filter(|mark| is_mark(*mark))?;
            Some(found(Rank::First, line, len + mark.len_utf8()))
        }
        _ if first.is_ascii_digit() => after_digits(line),
        _ => None,
    }
}

/// A number of `len` bytes with the blanks after it.
fn found(rank: Rank, line: &str, len: usize) -> Number {
    let rest = line.get(len..).unwrap_or_default();
    let blanks = rest.len() - rest.trim_start().len();
    Number {
        rank,
        len: len + blanks,
    }
}

/// `第三章`, `第十二条`.
fn after_ordinal(line: &str) -> Option<Number> {
    let start = '第'.len_utf8();
    let rest = line.get(start..)?;
    let len = prefix(rest, |char| is_han_numeral(char) || char.is_ascii_digit());
    if len == 0 || len > 24 {
        return None;
    }
    let after = rest.get(len..)?;
    let units = [
        ("编", Rank::Part),
        ("編", Rank::Part),
        ("篇", Rank::Part),
        ("部分", Rank::Chapter),
        ("章", Rank::Chapter),
        ("节", Rank::Section),
        ("節", Rank::Section),
        ("条", Rank::Article),
        ("條", Rank::Article),
    ];
    let (unit, rank) = units
        .into_iter()
        .find(|(unit, _)| after.starts_with(unit))?;
    Some(found(rank, line, start + len + unit.len()))
}

/// `附件1` on a line of its own; its title is the next line.
fn attachment(line: &str) -> Option<Number> {
    let rest = ["附件", "附录", "附錄", "附表"]
        .iter()
        .find_map(|word| line.strip_prefix(word))?;
    let rest = rest.trim_end_matches([':', '：']).trim();
    let numbered = rest
        .chars()
        .all(|char| char.is_ascii_digit() || is_han_numeral(char));
    (numbered && rest.chars().count() <= 3).then(|| found(Rank::Part, line, line.len()))
}

/// `（一）` or `（1）`.
fn in_brackets(line: &str, open: char) -> Option<Number> {
    let start = open.len_utf8();
    let rest = line.get(start..)?;
    let han = prefix(rest, is_han_numeral);
    let digits = prefix(rest, |char| char.is_ascii_digit());
    let len = han.max(digits);
    let close = rest
        .get(len..)?
        .chars()
        .next()
        .filter(|close| matches!(close, '）' | ')'))?;
    let rank = if han > 0 { Rank::Second } else { Rank::Fourth };
    let short = len > 0 && (han > 0 || digits <= 2);
    short.then(|| found(rank, line, start + len + close.len_utf8()))
}

/// `1.`, `1、` or `1）`; not `1.5` and not a year.
fn after_digits(line: &str) -> Option<Number> {
    let len = prefix(line, |char| char.is_ascii_digit());
    let rest = line.get(len..)?;
    let mark = rest.chars().next()?;
    let after = rest.get(mark.len_utf8()..)?.chars().next();
    let goes_on = after.is_some_and(|char| char.is_ascii_digit());
    if len > 3 || goes_on {
        return None;
    }
    let rank = match mark {
        mark if is_mark(mark) => Rank::Third,
        '）' | ')' => Rank::Fourth,
        _ => return None,
    };
    Some(found(rank, line, len + mark.len_utf8()))
}

fn is_mark(char: char) -> bool {
    matches!(char, '、' | '．' | '.')
}

/// Chinese numerals, in the forms that official texts number with.
fn is_han_numeral(char: char) -> bool {
    "一二三四五六七八九十百千零〇○两".contains(char)
}

/// Bytes at the beginning whose characters fulfil a condition, at most twelve characters.
fn prefix(text: &str, fits: impl Fn(char) -> bool) -> usize {
    let chars = text.chars().take(12).take_while(|char| fits(*char));
    chars.map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::{Rank, number};

    #[test]
    fn numbers_are_told_from_figures() {
        let rank = |line: &str| number(line).map(|number| number.rank);
        assert_eq!(rank("第一章 总则"), Some(Rank::Chapter));
        assert_eq!(rank("第十二条 申请人应当"), Some(Rank::Article));
        assert_eq!(rank("二十一、其他"), Some(Rank::First));
        assert_eq!(rank("(二十二)提高"), Some(Rank::Second));
        assert_eq!(rank("1. 加强"), Some(Rank::Third));
        assert_eq!(rank("（1）身份证"), Some(Rank::Fourth));
        assert_eq!(rank("附件1"), Some(Rank::Part));
        for line in [
            "1.5亿元",
            "2025年12月",
            "一网通办",
            "十五五时期",
            "第一足球网",
            "(区)",
            "附件：名单见下",
        ] {
            assert_eq!(rank(line), None, "{line}");
        }
    }
}
