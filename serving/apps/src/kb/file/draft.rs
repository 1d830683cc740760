//! The canonical text while a reader writes it: blocks, faults and fields, all bounded.

use std::ops::Range;

use super::limits::{MAX_BLOCKS, MAX_DECLARED, MAX_DECLARED_CHARS, check_text_size};
use super::unreadable::Unreadable;
use crate::kb::extract::{Block, BlockKind, Extract, Format, Origin, ReadFault, ReadFaultKind};

/// An extract in the making.
#[derive(Debug)]
pub(super) struct Draft {
    extract: Extract,
}

impl Draft {
    /// An empty text of a format; readers that write the text themselves begin here.
    pub(super) fn new(format: Format) -> Self {
        Self::of_text(format, String::new())
    }

    /// A text that is the file itself; its reader only marks blocks in it.
    pub(super) fn of_text(format: Format, text: String) -> Self {
        Self {
            extract: Extract::new(format, text),
        }
    }

    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.extract.text
    }

    /// Marks a block in a text that is already there.
    pub(super) fn mark(
        &mut self,
        range: Range<usize>,
        kind: BlockKind,
        origin: Origin,
    ) -> Result<(), Unreadable> {
        if self.extract.blocks.len() >= MAX_BLOCKS {
            let message = format!("文件超过 {MAX_BLOCKS} 段，请按章节拆分后再放入");
            return Err(Unreadable::new("too_many_blocks", message));
        }
        self.extract.blocks.push(Block::new(range, kind, origin));
        Ok(())
    }

    /// Writes a block at the end of the text, on a line of its own. Blank text writes nothing.
    pub(super) fn write(
        &mut self,
        text: &str,
        kind: BlockKind,
        origin: Origin,
    ) -> Result<(), Unreadable> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        check_text_size(self.extract.text.len() + text.len() + 1)?;
        let start = self.extract.text.len();
        self.extract.text.push_str(text);
        let end = self.extract.text.len();
        self.extract.text.push('\n');
        self.mark(start..end, kind, origin)
    }

    /// Parts the text before from what follows by a blank line.
    pub(super) fn blank_line(&mut self) {
        self.extract.text.push('\n');
    }

    /// Counts something that could not be read, shown where the text now ends.
    pub(super) fn fault_here(&mut self, kind: ReadFaultKind, count: usize) {
        let end = self.extract.text.len();
        self.fault(kind, end..end, count);
    }

    /// Counts something that could not be read; the first place is kept.
    pub(super) fn fault(&mut self, kind: ReadFaultKind, range: Range<usize>, count: usize) {
        if count == 0 {
            return;
        }
        match self
            .extract
            .faults
            .iter_mut()
            .find(|known| known.kind == kind)
        {
            Some(known) => known.count += count,
            None => self.extract.faults.push(ReadFault::new(kind, range, count)),
        }
    }

    /// Keeps a field that the file declares of itself; long values are cut, blank ones dropped.
    pub(super) fn declare(&mut self, key: &str, value: &str) {
        let (key, value) = (key.trim(), value.trim());
        let room = self.extract.declared.len() < MAX_DECLARED;
        if !room || key.is_empty() || value.is_empty() {
            return;
        }
        let cut = |text: &str| text.chars().take(MAX_DECLARED_CHARS).collect();
        self.extract.declared.push((cut(key), cut(value)));
    }

    /// The blocks so far.
    pub(super) fn blocks_mut(&mut self) -> &mut Vec<Block> {
        &mut self.extract.blocks
    }

    /// The finished extract; a text without any block is refused unless a fault explains it.
    pub(super) fn finish(self) -> Result<Extract, Unreadable> {
        if self.extract.blocks.is_empty() && self.extract.faults.is_empty() {
            return Err(Unreadable::new("empty", "文件没有可读的文字"));
        }
        Ok(self.extract)
    }
}
