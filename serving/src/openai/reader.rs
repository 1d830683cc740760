//! The text of one answer, read for thoughts and tool calls. Pure.

use super::pieces::Piece;
use super::sampling::Wish;

/// Reads one answer.
pub(crate) struct Reader {
    calls: usize,
    reasoning_tokens: u32,
}

impl Reader {
    pub(crate) fn new(_wish: &Wish) -> Self {
        Self {
            calls: 0,
            reasoning_tokens: 0,
        }
    }

    /// The pieces that one more token completes.
    pub(crate) fn push(&mut self, text: &str) -> Vec<Piece> {
        if text.is_empty() {
            Vec::new()
        } else {
            vec![Piece::Content(text.to_owned())]
        }
    }

    /// What was held back when the answer ended.
    pub(crate) fn finish(&mut self) -> Vec<Piece> {
        Vec::new()
    }

    /// Calls that have begun.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Tokens so far that were thought.
    pub(crate) fn reasoning_tokens(&self) -> u32 {
        self.reasoning_tokens
    }
}
