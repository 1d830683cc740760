//! ToUnicode maps (ISO 32000-1, 9.10.3): which characters the codes of a font stand for.

use std::collections::HashMap;

/// Most codes of a map; a font has at most 65536.
const MAX_CODES: usize = 70_000;
/// Longest text of one code, in UTF-16 bytes: ligatures have a few characters.
const MAX_TEXT_BYTES: usize = 32;

/// Most bytes of maps, and most codes and widths, that the fonts of one file may hold together:
/// some thirty fonts of all Chinese characters. Codes that a map names again count again.
const MAX_FILE_BYTES: usize = 64 << 20;
const MAX_FILE_ENTRIES: usize = 2_000_000;

/// What the fonts of a file may still cost.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    entries: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            bytes: MAX_FILE_BYTES,
            entries: MAX_FILE_ENTRIES,
        }
    }
}

impl Budget {
    /// Takes one entry; false where there is none left.
    pub(super) fn entry(&mut self) -> bool {
        let left = self.entries.checked_sub(1);
        self.entries = left.unwrap_or(0);
        left.is_some()
    }

    /// Takes the bytes of a map.
    fn map(&mut self, bytes: usize) -> bool {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.unwrap_or(0);
        left.is_some()
    }

    /// Whether the fonts of the file cost more than those of any real one.
    pub(super) fn is_spent(&self) -> bool {
        self.bytes == 0 || self.entries == 0
    }
}

/// Characters by code.
#[derive(Debug, Default)]
pub(super) struct ToUnicode {
    texts: HashMap<u32, String>,
    /// Longest code, in bytes.
    code_bytes: usize,
}

/// A word of the PostScript that maps are written in.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Hex(Vec<u8>),
    Open,
    Close,
    Name(&'a [u8]),
}

impl ToUnicode {
    /// Reads a map; what is not understood is left out, so that its codes count as unmapped.
    pub(super) fn read(bytes: &[u8], budget: &mut Budget) -> Self {
        let mut map = Self::default();
        if !budget.map(bytes.len()) {
            return map;
        }
        let mut operands: Vec<Word<'_>> = Vec::new();
        let mut rest = bytes;
        while let Some((word, after)) = next_word(rest) {
            rest = after;
            match word {
                Word::Name(b"endbfchar") => map.add_chars(&operands, budget),
                Word::Name(b"endbfrange") => map.add_ranges(&operands, budget),
                Word::Name(name) if name.starts_with(b"begin") => {}
                Word::Name(_) => continue,
                operand => {
                    operands.push(operand);
                    continue;
                }
            }
            operands.clear();
        }
        map
    }

    /// The characters of a code.
    pub(super) fn get(&self, code: u32) -> Option<&str> {
        self.texts.get(&code).map(String::as_str)
    }

    /// The length of its codes, in bytes.
    pub(super) fn code_bytes(&self) -> usize {
        self.code_bytes
    }

    fn put(&mut self, code: u32, text: String, budget: &mut Budget) {
        if self.texts.len() < MAX_CODES && !text.is_empty() && budget.entry() {
            self.texts.insert(code, text);
        }
    }

    fn add_chars(&mut self, operands: &[Word<'_>], budget: &mut Budget) {
        for pair in operands.chunks_exact(2) {
            if let [Word::Hex(code), Word::Hex(text)] = pair {
                self.code_bytes = self.code_bytes.max(code.len());
                self.put(number(code), utf16(text), budget);
            }
        }
    }

    fn add_ranges(&mut self, operands: &[Word<'_>], budget: &mut Budget) {
        let mut rest = operands.iter();
        while let (Some(Word::Hex(first)), Some(Word::Hex(last))) = (rest.next(), rest.next()) {
            self.code_bytes = self.code_bytes.max(first.len());
            let (first, last) = (number(first), number(last));
            match rest.next() {
                Some(Word::Hex(text)) => self.add_range(first, last, text, budget),
                Some(Word::Open) => {
                    for code in first.. {
                        match rest.next() {
                            Some(Word::Hex(text)) if code <= last => {
                                self.put(code, utf16(text), budget);
                            }
                            Some(Word::Hex(_)) => {}
                            _ => break,
                        }
                    }
                }
                _ => return,
            }
        }
    }

    /// Codes that follow each other stand for characters that follow each other.
    fn add_range(&mut self, first: u32, last: u32, text: &[u8], budget: &mut Budget) {
        let text = utf16(text);
        let mut chars = text.chars();
        let Some(end) = chars.next_back() else {
            return;
        };
        let start = chars.as_str();
        for code in first..=last.min(first.saturating_add(0xffff)) {
            if self.texts.len() >= MAX_CODES || budget.is_spent() {
                return;
            }
            if let Some(char) = char::from_u32(u32::from(end).saturating_add(code - first)) {
                self.put(code, format!("{start}{char}"), budget);
            }
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    if let [byte] = bytes {
        return char::from(*byte).to_string();
    }
    encoding_rs::UTF_16BE
        .decode_without_bom_handling(bytes)
        .0
        .into_owned()
}

fn next_word(bytes: &[u8]) -> Option<(Word<'_>, &[u8])> {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let bytes = bytes.get(start..)?;
    match bytes.first()? {
        b'%' => {
            let end = bytes
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r'))?;
            // It reads as a name without meaning: no recursion over a million comments.
            Some((Word::Name(b"%"), bytes.get(end..)?))
        }
        b'[' => Some((Word::Open, bytes.get(1..)?)),
        b']' => Some((Word::Close, bytes.get(1..)?)),
        b'<' if bytes.get(1) != Some(&b'<') => {
            let end = bytes.iter().position(|byte| *byte == b'>')?;
            let digits: Vec<u8> = bytes
                .get(1..end)?
                .iter()
                .take(4 * MAX_TEXT_BYTES)
                .filter_map(|byte| char::from(*byte).to_digit(16).map(|digit| digit as u8))
                .collect();
            let hex = digits
                .chunks(2)
                .map(|pair| pair[0] << 4 | pair.get(1).unwrap_or(&0));
            Some((Word::Hex(hex.collect()), bytes.get(end + 1..)?))
        }
        _ => {
            let ends = |byte: &u8| byte.is_ascii_whitespace() || b"[]<%".contains(byte);
            let rest = bytes.get(1..)?;
            let end = 1 + rest.iter().position(ends).unwrap_or(rest.len());
            Some((Word::Name(bytes.get(..end)?), bytes.get(end..)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, ToUnicode};

    #[test]
    fn maps_are_read_in_all_their_forms() {
        let map = ToUnicode::read(
            b"/CIDInit /ProcSet findresource begin 1 begincodespacerange <0000> <FFFF> endcodespacerange\n\
              % a comment\n\
              2 beginbfchar <0001> <4E00> <0002> <D83DDE00> endbfchar\n\
              2 beginbfrange <0010> <0012> <5341> <0020> <0021> [<0041> <00420043>] endbfrange end",
            &mut Budget::default(),
        );
        assert_eq!(map.get(1), Some("一"));
        assert_eq!(map.get(2), Some("😀"));
        assert_eq!(map.get(0x12), Some("\u{5343}"));
        assert_eq!(map.get(0x21), Some("BC"));
        assert_eq!(map.get(3), None);
        assert_eq!(map.code_bytes(), 2);
    }

    #[test]
    fn hostile_maps_end() {
        let read = |bytes: &[u8]| ToUnicode::read(bytes, &mut Budget::default());
        let huge = read(b"1 beginbfrange <00000000> <FFFFFFFF> <0041> endbfrange");
        assert!(huge.get(0).is_some());
        read(&b"%\n".repeat(100_000));
        read(&b"<".repeat(10_000));
        read(b"1 beginbfrange <01> endbfrange [ [ ] <zz> beginbfchar <> <> endbfchar");
    }

    #[test]
    fn a_map_that_names_the_same_codes_again_and_again_ends() {
        let range = b"1 beginbfrange <0000> <FFFF> <0041> endbfrange ";
        let mut budget = Budget::default();
        let map = ToUnicode::read(&range.repeat(40), &mut budget);
        assert!(map.get(0xff).is_some() && budget.is_spent());
    }
}
