//! What reading a file gave besides its text, as it is kept.

use serde::{Deserialize, Serialize};

use crate::kb::extract::{Block, BlockKind, Extract, Format, Origin, ReadFault, ReadFaultKind};

/// Blocks, declared fields and faults of an extract.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Layout {
    blocks: Vec<(usize, usize, Kind, Origin)>,
    declared: Vec<(String, String)>,
    faults: Vec<(ReadFaultKind, usize, usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Heading(u8),
    Paragraph,
    ListItem,
    TableRow,
    Furniture,
}

impl Layout {
    /// What is kept of an extract.
    pub(crate) fn of(extract: &Extract) -> Self {
        let blocks = extract.blocks.iter().map(|block| {
            let kind = match block.kind {
                BlockKind::Heading(level) => Kind::Heading(level),
                BlockKind::Paragraph => Kind::Paragraph,
                BlockKind::ListItem => Kind::ListItem,
                BlockKind::TableRow => Kind::TableRow,
                BlockKind::Furniture => Kind::Furniture,
            };
            let range = &block.range;
            (range.start, range.end, kind, block.origin.clone())
        });
        let faults = extract.faults.iter();
        Self {
            blocks: blocks.collect(),
            declared: extract.declared.clone(),
            faults: faults
                .map(|fault| (fault.kind, fault.range.start, fault.range.end, fault.count))
                .collect(),
        }
    }

    /// The extract again.
    pub(crate) fn with(&self, format: Format, text: String) -> Extract {
        let mut extract = Extract::new(format, text);
        extract.declared.clone_from(&self.declared);
        extract.blocks = self
            .blocks
            .iter()
            .map(|(start, end, kind, origin)| {
                let kind = match *kind {
                    Kind::Heading(level) => BlockKind::Heading(level),
                    Kind::Paragraph => BlockKind::Paragraph,
                    Kind::ListItem => BlockKind::ListItem,
                    Kind::TableRow => BlockKind::TableRow,
                    Kind::Furniture => BlockKind::Furniture,
                };
                Block::new(*start..*end, kind, origin.clone())
            })
            .collect();
        extract.faults = self
            .faults
            .iter()
            .map(|(kind, start, end, count)| ReadFault::new(*kind, *start..*end, *count))
            .collect();
        extract
    }
}
