//! Rows of tables: data become rows of cells, tables used for layout give up their paragraphs.

use super::line::Segment;
use crate::kb::extract::BlockKind;

/// A row longer than this, in bytes, is layout: nobody puts a chapter in a cell.
const LONGEST_ROW: usize = 6000;

/// A row in the making.
#[derive(Debug, Default)]
pub(super) struct Row {
    segments: Vec<Segment>,
    /// Where each cell begins in `segments`.
    cells: Vec<usize>,
    /// A table stands in it: its cells are parts of a page.
    layout: bool,
}

impl Row {
    /// Begins a cell.
    pub(super) fn open_cell(&mut self) {
        // A hostile row may have a million empty cells.
        if self.cells.len() < 1000 {
            self.cells.push(self.segments.len());
        }
    }

    /// Adds a line to the last cell.
    pub(super) fn push(&mut self, segment: Segment) {
        self.segments.push(segment);
    }

    /// Gives up the lines so far, because a table begins inside the row.
    pub(super) fn open_layout(&mut self) -> Vec<Segment> {
        self.layout = true;
        std::mem::take(&mut self.segments)
    }

    /// The lines to write: one row of cells parted by ` | `, or what the cells held.
    pub(super) fn close(self) -> Vec<Segment> {
        let bytes: usize = self.segments.iter().map(|segment| segment.text.len()).sum();
        let (Some(first), Some(last)) = (self.segments.first(), self.segments.last()) else {
            return Vec::new();
        };
        let furniture = self.segments.iter().all(|s| s.kind == BlockKind::Furniture);
        if self.layout || furniture || self.cells.len() < 2 || bytes > LONGEST_ROW {
            return self.segments;
        }
        let span = first.span.start..last.span.end;
        let mut text = String::with_capacity(bytes + 3 * self.cells.len());
        for (at, start) in self.cells.iter().enumerate() {
            let end = self
                .cells
                .get(at + 1)
                .copied()
                .unwrap_or(self.segments.len());
            if at > 0 {
                text.push_str(" | ");
            }
            let lines = self.segments.get(*start..end).unwrap_or_default();
            for (at, line) in lines.iter().enumerate() {
                text.push_str(if at > 0 { " " } else { "" });
                text.push_str(&line.text);
            }
        }
        vec![Segment {
            text: text.trim_end_matches([' ', '|']).to_owned(),
            span,
            kind: BlockKind::TableRow,
        }]
    }
}
