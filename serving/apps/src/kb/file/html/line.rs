//! A line of a page in the making: blanks collapsed as a browser shows them.

use std::ops::Range;

use crate::kb::extract::BlockKind;

/// The text since the last break, and where in the page it stands.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    /// Bytes of the page from its first to its last character.
    span: Range<usize>,
    /// How many of its bytes are links.
    linked: usize,
    /// A blank that will be written before the next character; whether it was a line end.
    gap: Option<bool>,
}

/// A finished line with what it is.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) text: String,
    pub(super) span: Range<usize>,
    pub(super) kind: BlockKind,
}

impl Line {
    /// Adds characters that stand at `span` of the page.
    pub(super) fn push(&mut self, text: &str, span: Range<usize>, linked: bool) {
        let before = self.text.len();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            if is_blank(char) {
                self.gap = Some(self.gap.unwrap_or(true) && matches!(char, '\n' | '\r'));
                rest = rest.get(char.len_utf8()..).unwrap_or_default();
                continue;
            }
            let end = rest.find(is_blank).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            self.push_word(word);
            rest = after;
        }
        if self.text.len() == before {
            return;
        }
        let leading = text.len() - text.trim_start_matches(is_blank).len();
        let trailing = text.len() - text.trim_end_matches(is_blank).len();
        if before == 0 {
            self.span.start = span.start + leading;
        }
        // Entities are longer in the page than here, so this may keep a blank, never lose text.
        self.span.end = span.end.saturating_sub(trailing).max(self.span.start);
        if linked {
            self.linked += self.text.len() - before;
        }
    }

    fn push_word(&mut self, word: &str) {
        let gap = self.gap.take();
        if let (Some(line_end), Some(last)) = (gap, self.text.chars().next_back()) {
            // A line end in the source between Chinese characters is no blank.
            let wide = |char: char| char >= '\u{2e80}';
            let joined = line_end && wide(last) && word.chars().next().is_some_and(wide);
            if !joined {
                self.text.push(' ');
            }
        }
        let invisible = |char: char| matches!(char, '\u{200b}' | '\u{feff}' | '\u{ad}');
        if word.contains(invisible) {
            self.text
                .extend(word.chars().filter(|char| !invisible(*char)));
        } else {
            self.text.push_str(word);
        }
    }

    /// Whether nothing but blanks was added since the last break.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// How long the line is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether nearly all of a short line is links: a menu or a list of other pages.
    pub(super) fn is_menu(&self) -> bool {
        self.text.len() <= 120 && self.linked * 10 >= self.text.len() * 9
    }

    /// Ends the line.
    pub(super) fn take(&mut self, kind: BlockKind) -> Segment {
        let line = std::mem::take(self);
        Segment {
            text: line.text,
            span: line.span,
            kind,
        }
    }
}

fn is_blank(char: char) -> bool {
    char.is_whitespace()
}
