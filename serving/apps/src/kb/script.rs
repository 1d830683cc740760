//! Pure: one form of both scripts, of both widths and of both cases, for comparing.
//!
//! [`simplified`] keeps the bytes' places; [`fold`], the search form, keeps the characters' places.

use std::sync::LazyLock;

/// The first character of the table.
const FIRST: char = '\u{3400}';
/// The last one.
const LAST: char = '\u{9fff}';

/// The simplified form of every character from [`FIRST`] to [`LAST`]; itself where it has none of
/// the same length in UTF-8.
static SIMPLE: LazyLock<Vec<char>> = LazyLock::new(|| {
    let all = (FIRST..=LAST).map(|char| {
        let folded = hanconv::t2s(char.to_string());
        let mut folded = folded.chars();
        let simple = folded.next().filter(|_| folded.next().is_none());
        let same_length = simple.filter(|simple| simple.len_utf8() == char.len_utf8());
        same_length.unwrap_or(char)
    });
    all.collect()
});

/// The simplified form of a character.
pub(crate) fn simple(char: char) -> char {
    let place = u32::from(char).checked_sub(u32::from(FIRST));
    let known = place.and_then(|place| SIMPLE.get(place as usize));
    known.copied().unwrap_or(char)
}

/// The text in simplified characters. Every byte range of it is one of `text`, so that what is
/// found in one can be named in the other.
pub(crate) fn simplified(text: &str) -> String {
    text.chars().map(simple).collect()
}

/// The search form of a text: traditional to simplified, full width to half width, lower case. It
/// has as many characters as the raw text: character `n` of one is character `n` of the other. It
/// is only compared; spans always refer to the raw bytes.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

fn fold_char(char: char) -> char {
    match char {
        '\0'..='\u{7f}' => char.to_ascii_lowercase(),
        '\u{3000}' | '\u{ff01}'..='\u{ff5e}' => half_width(char).to_ascii_lowercase(),
        FIRST..=LAST => simple(char),
        other => {
            let mut lower = other.to_lowercase();
            let first = lower.next().filter(|_| lower.next().is_none());
            first.unwrap_or(other)
        }
    }
}

/// Whether a character is a Chinese one (unified ideographs with their extensions).
pub(crate) fn is_han(char: char) -> bool {
    matches!(u32::from(char),
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

/// Letters, digits and signs in half width.
pub(crate) fn half_width(char: char) -> char {
    match char {
        '\u{3000}' | '\u{a0}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xff01 + 0x21).unwrap_or(char),
        other => other,
    }
}

/// The Chinese characters, letters and digits of a text, simplified, in half width and lower case:
/// two names are the same if these are.
pub(crate) fn bare(text: &str) -> String {
    let chars = text.chars().map(|char| simple(half_width(char)));
    let kept = chars.filter(|char| char.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// Lines without their line ends, each with its first byte.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        (start, line.trim_end_matches(['\n', '\r']))
    })
}

/// `text` without blanks at its ends, and how many bytes were taken off its beginning.
pub(crate) fn trimmed(text: &str) -> (usize, &str) {
    let kept = text.trim_start();
    (text.len() - kept.len(), kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{bare, fold, simplified};

    #[test]
    fn byte_ranges_stay() {
        let text = "發文字號: 烏海政發〔2022〕21號";
        let folded = simplified(text);
        assert_eq!(folded, "发文字号: 乌海政发〔2022〕21号");
        assert_eq!(folded.len(), text.len());
        assert_eq!(bare("《居住證　暫行ＡＢ》"), "居住证暂行ab");
    }

    #[test]
    fn scripts_widths_and_cases_meet() {
        assert_eq!(fold("辦理居住證"), fold("办理居住证"));
        assert_eq!(fold("烏海市數字政府"), "乌海市数字政府");
        assert_eq!(fold("ＡＢＣ　１２３"), "abc 123");
        assert_eq!(fold("GPU"), "gpu");
    }

    #[test]
    fn characters_keep_their_number() {
        for text in ["İstanbul ß ﬁ", "證\u{301}ＡǅΣ", "\u{0}\u{10ffff}𠮷"] {
            assert_eq!(fold(text).chars().count(), text.chars().count(), "{text}");
        }
    }
}
