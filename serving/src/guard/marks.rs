//! Pure: secrecy marks as documents carry them (国家秘密定密管理暂行规定): a level, a star, and
//! a time, "机密★20年"; the level after "密级"; or the level alone on its line.

use super::Rule;
use super::text::Folded;
use std::ops::Range;

/// Longest mark with its label and all its white space.
const LONGEST: usize = 32;
/// White space between the parts of a mark, and around one that stands alone.
const MOST_SPACES: usize = 4;
const MOST_DIGITS: usize = 4;

pub(super) fn find(text: &Folded, hits: &mut Vec<(Rule, Range<usize>)>) {
    let mut index = 0;
    while index + 1 < text.chars.len() {
        match mark(text, index) {
            Some(range) => {
                index = range.end;
                hits.push((Rule::SecrecyMark, range));
            }
            None => index += 1,
        }
    }
}

fn is_level(text: &Folded, index: usize) -> bool {
    matches!(text.at(index), Some('绝' | '机' | '秘')) && text.at(index + 1) == Some('密')
}

fn mark(text: &Folded, index: usize) -> Option<Range<usize>> {
    if !is_level(text, index) {
        return None;
    }
    let starred = starred(text, index + 2);
    if let Some(end) = starred {
        return Some(index..end);
    }
    if let Some(start) = after_label(text, index) {
        return Some(start..index + 2);
    }
    let alone = begins_line(text, index) && ends_line(text, index + 2);
    alone.then_some(index..index + 2)
}

/// The end of "★20年", "★长期", "★" after a level.
fn starred(text: &Folded, mut index: usize) -> Option<usize> {
    let spaces = |from: usize| {
        let fits = |index: &usize| text.at(*index) == Some(' ');
        (from..from + MOST_SPACES).take_while(fits).count()
    };
    index += spaces(index);
    if !matches!(text.at(index)?, '★' | '☆' | '*') {
        return None;
    }
    index += 1;
    let mut end = index;
    index += spaces(index);
    if (text.at(index), text.at(index + 1)) == (Some('长'), Some('期')) {
        return Some(index + 2);
    }
    for _ in 0..MOST_DIGITS {
        if text.at(index).is_some_and(|char| char.is_ascii_digit()) {
            index += 1;
            end = index;
        }
    }
    if end == index {
        end += match (text.at(index), text.at(index + 1)) {
            (Some('个'), Some('月')) => 2,
            (Some('年' | '月'), _) => 1,
            _ => 0,
        };
    }
    Some(end)
}

/// Where "密级：" before a level begins.
fn after_label(text: &Folded, index: usize) -> Option<usize> {
    let mut start = index;
    while index - start < MOST_SPACES && matches!(text.before(start), Some(':' | ' ')) {
        start -= 1;
    }
    let labelled = text.before(start) == Some('级') && text.before(start - 1) == Some('密');
    (labelled && start < index).then(|| start - 2)
}

/// Whether only white space stands between the begin of the line and `index`.
fn begins_line(text: &Folded, index: usize) -> bool {
    let spaces = (0..MOST_SPACES)
        .take_while(|back| index > *back && text.at(index - back - 1) == Some(' '))
        .count();
    matches!(text.before(index - spaces), None | Some('\n' | '\r'))
}

/// Whether only white space stands between `index` and the end of the line.
fn ends_line(text: &Folded, index: usize) -> bool {
    let spaces = (index..index + MOST_SPACES)
        .take_while(|place| text.at(*place) == Some(' '))
        .count();
    matches!(text.at(index + spaces), None | Some('\n' | '\r'))
}

/// The first character from which on the text may still become a mark.
pub(super) fn may_begin(text: &Folded) -> usize {
    let end = text.chars.len();
    let from = end.saturating_sub(LONGEST);
    for index in from..end {
        let begins = match text.at(index) {
            Some('绝' | '机' | '秘') => index + 1 == end || text.at(index + 1) == Some('密'),
            Some('密') => index + 1 == end || text.at(index + 1) == Some('级'),
            _ => false,
        };
        let open = text.chars[index + 1..]
            .iter()
            .all(|char| "绝机秘密级★☆*: 年月长期个".contains(*char) || char.is_ascii_digit());
        if begins && open {
            return index;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{Folded, find, may_begin};

    fn found(text: &str) -> Vec<String> {
        let folded = Folded::new(text);
        let mut hits = Vec::new();
        find(&folded, &mut hits);
        hits.into_iter()
            .map(|(_, range)| {
                text[folded.offsets[range.start]..folded.offsets[range.end]].to_owned()
            })
            .collect()
    }

    #[test]
    fn marks_are_found_and_words_are_not() {
        assert_eq!(found("机密★20年 关于"), ["机密★20年"]);
        assert_eq!(found("绝密 ★ 长期"), ["绝密 ★ 长期"]);
        assert_eq!(found("秘密★６个月"), ["秘密★６个月"]);
        assert_eq!(found("密级：秘密，份号 1"), ["密级：秘密"]);
        assert_eq!(found("标题\n  机密  \n正文"), ["机密"]);
        assert_eq!(found("绝密"), ["绝密"]);
        for text in [
            "保守国家秘密是义务",
            "商业机密保护",
            "机密性与完整性",
            "密级管理",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_open_end_is_held() {
        let held = |text: &str| Folded::new(text).chars.len() - may_begin(&Folded::new(text));
        assert_eq!(held("公文机"), 1);
        assert_eq!(held("公文机密★2"), 4);
        assert_eq!(held("密级："), 3);
        assert_eq!(held("机密性"), 0);
        assert_eq!(held("今天天气"), 0);
    }
}
