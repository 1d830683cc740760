//! Folding for search: traditional to simplified, full width to half width, lower case.
//!
//! Folding goes character by character, so that a folded text has as many characters as the raw
//! one: character `n` of one is character `n` of the other. Folded text is only compared; spans
//! always refer to the raw bytes.

use std::sync::LazyLock;

/// First and last ideograph of the table: the unified block with its first extension.
const FIRST: u32 = 0x3400;
const LAST: u32 = 0x9fff;

/// The simplified form of every ideograph of the range, by its offset.
static SIMPLIFIED: LazyLock<Vec<char>> = LazyLock::new(|| {
    (FIRST..=LAST)
        .map(|code| {
            let char = char::from_u32(code).unwrap_or('\u{fffd}');
            hanconv::t2s(char.to_string())
                .chars()
                .next()
                .unwrap_or(char)
        })
        .collect()
});

/// The search form of a text.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// The search form of a character.
fn fold_char(char: char) -> char {
    match char {
        '\0'..='\u{7f}' => char.to_ascii_lowercase(),
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => half_width(char).to_ascii_lowercase(),
        '\u{3400}'..='\u{9fff}' => {
            let at = u32::from(char) - FIRST;
            SIMPLIFIED.get(at as usize).copied().unwrap_or(char)
        }
        other => single(other.to_lowercase()).unwrap_or(other),
    }
}

/// The half-width form of a full-width ASCII letter, digit or sign.
fn half_width(char: char) -> char {
    char::from_u32(u32::from(char) - 0xff01 + 0x21).unwrap_or(char)
}

/// The only character of an iterator.
fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next();
    chars.next().is_none().then_some(first).flatten()
}

/// Whether a character is a Chinese character (unified ideographs with their extensions).
pub(crate) fn is_han(char: char) -> bool {
    matches!(u32::from(char),
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

#[cfg(test)]
mod tests {
    use super::fold;

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
