//! Pure: text as the rules read it: one character each, in half width and lower case, so that
//! full-width digits or capitals do not hide anything.

/// Folded characters with their places in the original.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) chars: Vec<char>,
    /// Byte offset of each character, and the length at the end.
    pub(super) offsets: Vec<usize>,
}

impl Folded {
    pub(super) fn new(text: &str) -> Self {
        let mut folded = Self::default();
        for (offset, char) in text.char_indices() {
            folded.offsets.push(offset);
            folded.chars.push(fold(char));
        }
        folded.offsets.push(text.len());
        folded
    }

    pub(super) fn at(&self, index: usize) -> Option<char> {
        self.chars.get(index).copied()
    }

    /// The character before `index`.
    pub(super) fn before(&self, index: usize) -> Option<char> {
        self.at(index.checked_sub(1)?)
    }
}

/// Half width and lower case, one character for one.
pub(super) fn fold(char: char) -> char {
    let half = match char {
        // The full-width forms of ASCII lie in the same order.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char),
        '\u{3000}' => ' ',
        other => other,
    };
    half.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::Folded;

    #[test]
    fn width_and_case_are_folded_and_places_kept() {
        let folded = Folded::new("Ａb１，\u{3000}政");
        assert_eq!(folded.chars.iter().collect::<String>(), "ab1, 政");
        assert_eq!(folded.offsets, [0, 3, 4, 7, 10, 13, 16]);
        assert_eq!(folded.before(0), None);
    }
}
