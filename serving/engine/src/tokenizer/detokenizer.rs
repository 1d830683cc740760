//! Bytes of tokens to text, never splitting a character.

/// Collects bytes and hands out only complete UTF-8 characters. Bytes that can never
/// become a character are replaced by U+FFFD, one for each broken sequence.
#[derive(Debug, Default, Clone)]
pub struct Detokenizer {
    pending: Vec<u8>,
}

impl Detokenizer {
    /// Adds the bytes of one token; returns the text that is complete now.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut text = String::new();
        loop {
            match std::str::from_utf8(&self.pending) {
                Ok(all) => {
                    text.push_str(all);
                    self.pending.clear();
                    return text;
                }
                Err(error) => {
                    let good = error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[..good]));
                    match error.error_len() {
                        None => {
                            self.pending.drain(..good);
                            return text;
                        }
                        Some(bad) => {
                            text.push(char::REPLACEMENT_CHARACTER);
                            self.pending.drain(..good + bad);
                        }
                    }
                }
            }
        }
    }

    /// Ends the text: an incomplete rest becomes one U+FFFD.
    pub fn finish(&mut self) -> String {
        if self.pending.is_empty() {
            return String::new();
        }
        self.pending.clear();
        char::REPLACEMENT_CHARACTER.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn holds_back_parts_of_a_character() {
        let mut detokenizer = Detokenizer::default();
        let bytes = "算🙂".as_bytes();
        let shown: Vec<String> = bytes.iter().map(|b| detokenizer.push(&[*b])).collect();
        assert_eq!(shown, ["", "", "算", "", "", "", "🙂"]);
        assert_eq!(detokenizer.finish(), "");
    }

    #[test]
    fn replaces_what_can_never_be_text() {
        let mut detokenizer = Detokenizer::default();
        assert_eq!(detokenizer.push(&[b'a', 0xFF, b'b', 0xE7]), "a\u{FFFD}b");
        assert_eq!(detokenizer.finish(), "\u{FFFD}");
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_text(text in ".{0,40}", cuts in prop::collection::vec(0usize..120, 0..8)) {
            let mut edges: Vec<usize> = cuts.into_iter().map(|c| c.min(text.len())).collect();
            edges.extend([0, text.len()]);
            edges.sort_unstable();
            let mut detokenizer = Detokenizer::default();
            let mut out = String::new();
            for pair in edges.windows(2) {
                out += &detokenizer.push(&text.as_bytes()[pair[0]..pair[1]]);
            }
            out += &detokenizer.finish();
            prop_assert_eq!(out, text);
        }
    }
}
