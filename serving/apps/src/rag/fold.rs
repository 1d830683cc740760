//! Folding for search: traditional to simplified, full width to half width, lower case.
//!
//! Folded text is used only for indexing and comparing. Spans always refer to the raw bytes, so
//! nothing here needs to keep offsets.

/// The search form of a text.
pub(crate) fn fold(text: &str) -> String {
    let narrow: String = text.chars().map(half_width).collect();
    hanconv::t2s(narrow).to_lowercase()
}

/// The half-width form of a full-width ASCII letter, digit or sign, and of the wide space.
fn half_width(char: char) -> char {
    match char {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xff01 + 0x21).unwrap_or(char),
        other => other,
    }
}

/// Whether a character is a Chinese character (unified ideographs with their first extensions).
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
        assert_eq!(fold("ＡＢＣ　１２３"), "abc 123");
        assert_eq!(fold("GPU"), "gpu");
    }
}
