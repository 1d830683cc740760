//! What reading a file gives: one canonical text, its blocks, and where each stood in the file.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Kinds of files that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Plain text.
    Text,
    /// Markdown, also with a head between `---` lines.
    Markdown,
    /// HTML.
    Html,
    /// Office Open XML document.
    Docx,
    /// Office Open XML workbook.
    Xlsx,
    /// PDF with text.
    Pdf,
}

/// The text of a file, made by rules alone: the same bytes always give the same text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extract {
    /// What was read.
    pub format: Format,
    /// The canonical text, UTF-8. Everything else points into it by byte. For UTF-8 text and
    /// Markdown it is the file itself, so that a byte range of one is a byte range of the other.
    pub text: String,
    /// Its blocks in order, without overlap; blank text between them belongs to none.
    pub blocks: Vec<Block>,
    /// Fields that the file declares of itself: a Markdown head, HTML and office properties.
    pub declared: Vec<(String, String)>,
    /// What could not be read as it stood.
    pub faults: Vec<ReadFault>,
}

/// A paragraph, heading, list item or table row.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// Bytes of the canonical text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: BlockKind,
    /// Where it stood in the file.
    pub origin: Origin,
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// A heading; 1 is the highest.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// An item of a list.
    ListItem,
    /// A row of a table, its cells parted by ` | `.
    TableRow,
    /// Navigation, headers, page numbers: kept in the text, never answered from.
    Furniture,
}

/// Where a block stood in the raw file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Bytes of the raw file.
    Bytes(Range<usize>),
    /// Paragraph of a part inside an archive, counted from 1.
    Paragraph {
        /// Name of the part.
        part: String,
        /// Its paragraph.
        number: u32,
    },
    /// Row of a sheet, counted from 1.
    Row {
        /// Name of the sheet.
        sheet: String,
        /// Its row.
        number: u32,
    },
    /// Page, counted from 1.
    Page(u32),
}

/// Something in the file that could not be read as it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReadFault {
    /// What it is.
    pub kind: ReadFaultKind,
    /// Bytes of the canonical text where it shows first.
    pub range: Range<usize>,
    /// How often it occurs.
    pub count: usize,
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadFaultKind {
    /// Bytes that are no text in the file's encoding.
    InvalidBytes,
    /// Glyphs of a font that does not say which characters they are.
    UnmappedGlyphs,
    /// A page without any text: a picture of one.
    PageWithoutText,
    /// Scripts, forms or macros that were left out; nothing of them runs.
    ActiveContent,
    /// Sheets of a workbook that are hidden: they were left out.
    HiddenSheets,
}

impl Extract {
    /// An extract without faults; readers add what they found.
    pub fn new(format: Format, text: String) -> Self {
        Self {
            format,
            text,
            blocks: Vec::new(),
            declared: Vec::new(),
            faults: Vec::new(),
        }
    }
}

impl Block {
    /// A block.
    pub fn new(range: Range<usize>, kind: BlockKind, origin: Origin) -> Self {
        Self {
            range,
            kind,
            origin,
        }
    }
}

impl ReadFault {
    /// A fault.
    pub fn new(kind: ReadFaultKind, range: Range<usize>, count: usize) -> Self {
        Self { kind, range, count }
    }
}

impl Origin {
    /// The place in words, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Bytes(range) => format!("第 {} 至 {} 字节", range.start, range.end),
            Self::Paragraph { number, .. } => format!("第 {number} 段"),
            Self::Row { sheet, number } => format!("工作表“{sheet}”第 {number} 行"),
            Self::Page(number) => format!("第 {number} 页"),
        }
    }
}
