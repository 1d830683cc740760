//! Where personal numbers stand in a text.

use std::ops::Range;

use serde::Serialize;

use super::check::{is_credit_code, is_identity, is_luhn, is_old_identity};
use crate::kb::script::half_width;

/// What kind of personal number was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskedKind {
    /// Identity number (居民身份证号).
    Identity,
    /// Mobile number.
    Mobile,
    /// Landline number.
    Landline,
    /// Payment card.
    Card,
    /// E-mail address.
    Email,
    /// Number plate of a vehicle.
    Plate,
}

impl MaskedKind {
    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Identity => "身份证号",
            Self::Mobile => "手机号",
            Self::Landline => "固定电话",
            Self::Card => "银行卡号",
            Self::Email => "电子邮箱",
            Self::Plate => "车牌号",
        }
    }

    /// Whether an office may publish such a number of its own.
    pub(super) fn may_be_public(self) -> bool {
        matches!(self, Self::Mobile | Self::Landline | Self::Email)
    }

    /// How many characters at the beginning and at the end stay.
    pub(super) fn shown(self) -> (usize, usize) {
        match self {
            Self::Identity => (0, 0),
            Self::Mobile => (3, 2),
            Self::Landline => (4, 0),
            Self::Card => (0, 4),
            Self::Email => (1, 0),
            Self::Plate => (2, 0),
        }
    }
}

/// Words after which a published text gives a number for people to use, whoever they are.
const INVITING: [&str; 14] = [
    "热线",
    "熱線",
    "拨打",
    "撥打",
    "致电",
    "致電",
    "发送至",
    "發送至",
    "咨询电话",
    "諮詢電話",
    "服务电话",
    "服務電話",
    "监督电话",
    "投诉电话",
];

/// Words after which a published text gives a number, unless it is somebody's own. 手机 is none: it
/// stands before the numbers of applicants.
const NAMING: [&str; 8] = [
    "电话", "電話", "传真", "傳真", "邮箱", "郵箱", "邮件", "郵件",
];

/// People whose numbers no text announces.
const PRIVATE: [&str; 20] = [
    "申请人",
    "申請人",
    "当事人",
    "當事人",
    "投诉人",
    "投訴人",
    "举报人",
    "舉報人",
    "来电人",
    "来访人",
    "报案人",
    "申诉人",
    "户主",
    "业主",
    "家属",
    "患者",
    "学生",
    "村民",
    "居民姓名",
    "本人",
];

/// All personal numbers, in order, without overlap. Full-width digits, letters and signs count as
/// what they stand for.
pub(super) fn find(text: &str) -> Vec<(MaskedKind, Range<usize>)> {
    let narrow = |char: char| match char {
        '０'..='９' | 'Ａ'..='Ｚ' | 'ａ'..='ｚ' | '＠' | '＋' | '．' | '＿' | '－' => {
            half_width(char)
        }
        other => other,
    };
    if !text.contains(|char| narrow(char) != char) {
        return find_half(text);
    }
    let mut half = String::with_capacity(text.len());
    // For every byte of the half-width text the byte of the text that it came of.
    let mut places = Vec::with_capacity(text.len() + 1);
    for (at, char) in text.char_indices() {
        let narrow = narrow(char);
        places.extend(at..at + narrow.len_utf8());
        half.push(narrow);
    }
    places.push(text.len());
    let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
    let found = find_half(&half).into_iter();
    found
        .map(|(kind, range)| (kind, place(range.start)..place(range.end)))
        .collect()
}

fn find_half(text: &str) -> Vec<(MaskedKind, Range<usize>)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hit = match byte {
            b'0'..=b'9' | b'+' | b'A'..=b'Z' | b'a'..=b'z' => token(text, at),
            b'@' => email(bytes, at).map(|range| (MaskedKind::Email, range)),
            0x80.. => plate(text, at).map(|range| (MaskedKind::Plate, range)),
            _ => None,
        };
        match hit {
            Some((kind, range)) => {
                drop_overlapped(&mut found, range.start);
                at = range.end;
                found.push((kind, range));
            }
            None => at = skip(bytes, at),
        }
    }
    found
}

/// An address takes back what was found in its own name.
fn drop_overlapped(found: &mut Vec<(MaskedKind, Range<usize>)>, start: usize) {
    while found.last().is_some_and(|(_, range)| range.end > start) {
        found.pop();
    }
}

/// The next place to look: after the run of letters and digits at `at`.
fn skip(bytes: &[u8], at: usize) -> usize {
    let run = bytes.get(at..).unwrap_or_default();
    let len = run
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    at + len.max(1)
}

/// Whether a published text announces the number at `start` as one to be used.
pub(super) fn is_announced(text: &str, start: usize) -> bool {
    let near = text.floor_char_boundary(start.saturating_sub(60));
    let near = text.get(near..start).unwrap_or_default();
    let near = near.rsplit('\n').next().unwrap_or_default();
    let near_has = |words: &[&str]| words.iter().any(|word| near.contains(word));
    near_has(&INVITING) || near_has(&NAMING) && !near_has(&PRIVATE)
}

/// A number that begins with a letter or digit at `at`.
fn token(text: &str, at: usize) -> Option<(MaskedKind, Range<usize>)> {
    let bytes = text.as_bytes();
    let run: usize = bytes[at..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric())
        .count();
    let word = bytes.get(at..at + run)?;
    if run == 18 {
        let upper = word.to_ascii_uppercase();
        if is_identity(&upper) {
            return Some((MaskedKind::Identity, at..at + 18));
        }
        if is_credit_code(&upper) {
            return None;
        }
    }
    if run == 15 && word.iter().all(u8::is_ascii_digit) && is_old_identity(word) {
        return Some((MaskedKind::Identity, at..at + 15));
    }
    if !matches!(bytes[at], b'0'..=b'9' | b'+') {
        return None;
    }
    let (digits, end) = spaced_digits(bytes, at);
    if let Some(end) = spaced_identity(&digits, bytes, end) {
        return Some((MaskedKind::Identity, at..end));
    }
    let kind = kind_of(&digits, bytes.get(at..end)?)?;
    let inside_word = end < bytes.len() && bytes[end].is_ascii_alphanumeric();
    (!inside_word).then_some((kind, at..end))
}

/// Digits from `at` on, with single blanks or dashes between them, at most 24.
fn spaced_digits(bytes: &[u8], at: usize) -> (Vec<u8>, usize) {
    let mut digits = Vec::with_capacity(24);
    let mut at = at + usize::from(bytes[at] == b'+');
    let mut end = at;
    while let Some(byte) = bytes.get(at) {
        if byte.is_ascii_digit() {
            if digits.len() == 24 {
                break;
            }
            digits.push(*byte);
            at += 1;
            end = at;
            continue;
        }
        let mark = separator(bytes.get(at..).unwrap_or_default());
        let next = bytes.get(at + mark).is_some_and(u8::is_ascii_digit);
        if mark == 0 || !next {
            break;
        }
        at += mark;
    }
    (digits, end)
}

/// The end of an identity number that is written in groups: `110105 19491231 002X`.
fn spaced_identity(digits: &[u8], bytes: &[u8], end: usize) -> Option<usize> {
    match digits.len() {
        18 => is_identity(digits).then_some(end),
        17 => {
            let last = bytes.get(end).filter(|byte| matches!(byte, b'X' | b'x'))?;
            is_identity(&[digits, &[last.to_ascii_uppercase()]].concat()).then_some(end + 1)
        }
        _ => None,
    }
}

/// Bytes of a mark that people put between groups of digits.
fn separator(rest: &[u8]) -> usize {
    let marks = ["-", " ", "—", "－", "–"];
    marks
        .iter()
        .find(|mark| rest.starts_with(mark.as_bytes()))
        .map_or(0, |mark| mark.len())
}

fn kind_of(digits: &[u8], written: &[u8]) -> Option<MaskedKind> {
    let local = digits
        .strip_prefix(b"86")
        .filter(|rest| rest.len() == 11)
        .unwrap_or(digits);
    match local {
        [b'1', b'3'..=b'9', ..] if local.len() == 11 => Some(MaskedKind::Mobile),
        [b'0', b'1'..=b'9', ..] if (10..=12).contains(&local.len()) => Some(MaskedKind::Landline),
        [b'3'..=b'6' | b'9', ..] if (16..=19).contains(&local.len()) && is_luhn(local) => {
            // Groups of years or amounts are not written in fours throughout.
            let grouped = written
                .split(|byte| *byte == b' ')
                .all(|group| group.len() >= 3);
            grouped.then_some(MaskedKind::Card)
        }
        _ => None,
    }
}

/// The address around an `@`.
fn email(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let part =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    let name = bytes[..at]
        .iter()
        .rev()
        .take(64)
        .take_while(|byte| part(byte))
        .count();
    let host = bytes[at + 1..]
        .iter()
        .take(255)
        .take_while(|byte| part(byte))
        .count();
    let host = bytes.get(at + 1..at + 1 + host)?;
    let trailing = host
        .iter()
        .rev()
        .take_while(|byte| !byte.is_ascii_alphanumeric())
        .count();
    let host = &host[..host.len() - trailing];
    let dotted = host
        .iter()
        .position(|byte| *byte == b'.')
        .is_some_and(|dot| dot > 0);
    (name > 0 && dotted).then(|| at - name..at + 1 + host.len())
}

/// A number plate: province, letter, five or six letters and digits.
fn plate(text: &str, at: usize) -> Option<Range<usize>> {
    const PROVINCES: &str = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼";
    let rest = text.get(at..)?;
    let first = rest
        .chars()
        .next()
        .filter(|char| PROVINCES.contains(*char))?;
    let after = rest.get(first.len_utf8()..)?.as_bytes();
    let letter = after.first().filter(|byte| byte.is_ascii_uppercase())?;
    let dot = usize::from(after.get(1..3) == Some("·".as_bytes())) * 2;
    let tail = after.get(1 + dot..)?;
    let sign =
        |byte: &u8| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"IO".contains(byte));
    let len = tail.iter().take(8).take_while(|byte| sign(byte)).count();
    let digits = tail[..len]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    let fits = letter.is_ascii_uppercase() && (5..=6).contains(&len) && digits >= 2;
    fits.then(|| at..at + first.len_utf8() + 1 + dot + len)
}
