//! The text of a part while its nodes arrive: paragraphs, rows, what is left out.

use quick_xml::events::BytesStart;

use super::numbering::{Mark, Numbering};
use super::styles::{Styles, level};
use crate::kb::extract::{BlockKind, Origin};
use crate::kb::file::draft::Draft;
use crate::kb::file::unreadable::Unreadable;
use crate::kb::file::xml::{Node, attribute, number};

/// A row longer than this, in bytes, is layout: its paragraphs stand alone.
const LONGEST_ROW: usize = 6000;

/// A paragraph in the making; line breaks are kept as `\n`.
#[derive(Debug, Default)]
struct Paragraph {
    text: String,
    style: String,
    outline: Option<u32>,
    list: Option<u32>,
    level: Option<u32>,
    number: u32,
}

/// A row in the making.
#[derive(Debug, Default)]
struct Row {
    cells: Vec<Vec<Line>>,
    /// Cells that go on with the one above.
    merged: Vec<bool>,
    deleted: bool,
}

#[derive(Debug, Clone)]
struct Line {
    text: String,
    kind: BlockKind,
    number: u32,
}

/// A table: the row that is open, and what the last one said.
#[derive(Debug, Default)]
struct Table {
    row: Row,
    above: Vec<String>,
}

/// The text of the parts, one after the other.
#[derive(Debug)]
pub(super) struct Body {
    styles: Styles,
    numbering: Numbering,
    part: String,
    furniture: bool,
    count: u32,
    paragraphs: Vec<Paragraph>,
    tables: Vec<Table>,
    /// How deep in something that is left out.
    skipped: usize,
    at: At,
}

/// Where in a paragraph or row the nodes are.
#[derive(Debug, Default)]
struct At {
    text: bool,
    row_properties: bool,
    /// In a run that is not shown.
    hidden: bool,
}

impl Body {
    pub(super) fn new(styles: Styles, numbering: Numbering) -> Self {
        Self {
            styles,
            numbering,
            part: String::new(),
            furniture: false,
            count: 0,
            paragraphs: Vec::new(),
            tables: Vec::new(),
            skipped: 0,
            at: At::default(),
        }
    }

    /// Begins a part.
    pub(super) fn begin(&mut self, part: &str, furniture: bool) {
        part.clone_into(&mut self.part);
        self.furniture = furniture;
        self.count = 0;
        self.paragraphs.clear();
        self.tables.clear();
        (self.skipped, self.at) = (0, At::default());
    }

    /// Takes the next node of the part.
    pub(super) fn node(&mut self, draft: &mut Draft, node: &Node<'_>) -> Result<(), Unreadable> {
        match node {
            Node::Start(..) | Node::End(_) if self.skipped > 0 => {
                if matches!(node, Node::Start(..)) {
                    self.skipped += 1;
                } else {
                    self.skipped -= 1;
                }
            }
            Node::Start(name, start) => self.start(name, start),
            Node::End(name) => return self.end(draft, name),
            Node::Text(text) if self.at.text && self.skipped == 0 && !self.at.hidden => {
                self.push(text);
            }
            Node::Text(_) => {}
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        if let Some(paragraph) = self.paragraphs.last_mut() {
            paragraph.text.push_str(text);
        }
    }

    fn start(&mut self, name: &str, start: &BytesStart<'_>) {
        match name {
            "del" | "trDel" if self.at.row_properties => {
                if let Some(table) = self.tables.last_mut() {
                    table.row.deleted = true;
                }
            }
            // Deleted and moved text, codes of fields, the second form of a drawing.
            "del" | "moveFrom" | "instrText" | "delText" | "Fallback" => self.skipped = 1,
            "p" => {
                self.count = self.count.saturating_add(1);
                self.paragraphs.push(Paragraph {
                    number: self.count,
                    ..Paragraph::default()
                });
            }
            "t" => self.at.text = true,
            "r" => self.at.hidden = false,
            "vanish" => {
                let shown = attribute(start, "val").is_some_and(|val| val == "0" || val == "false");
                self.at.hidden = !shown;
            }
            "tab" | "ptab" => self.push(" "),
            "br" | "cr" => self.push("\n"),
            "noBreakHyphen" => self.push("-"),
            "tbl" => self.tables.push(Table::default()),
            "tr" => {
                if let Some(table) = self.tables.last_mut() {
                    table.row = Row::default();
                }
            }
            "trPr" => self.at.row_properties = true,
            "tc" => {
                if let Some(table) = self.tables.last_mut() {
                    table.row.cells.push(Vec::new());
                    table.row.merged.push(false);
                }
            }
            "vMerge" => {
                let goes_on = attribute(start, "val").is_none_or(|val| val != "restart");
                if let Some(merged) = self.tables.last_mut().and_then(|t| t.row.merged.last_mut()) {
                    *merged = goes_on;
                }
            }
            _ => self.paragraph_property(name, start),
        }
    }

    fn paragraph_property(&mut self, name: &str, start: &BytesStart<'_>) {
        let Some(paragraph) = self.paragraphs.last_mut() else {
            return;
        };
        match name {
            "pStyle" => paragraph.style = attribute(start, "val").unwrap_or_default(),
            "outlineLvl" => paragraph.outline = number(start),
            "numId" => paragraph.list = number(start),
            "ilvl" => paragraph.level = number(start),
            _ => {}
        }
    }

    fn end(&mut self, draft: &mut Draft, name: &str) -> Result<(), Unreadable> {
        match name {
            "t" => self.at.text = false,
            // Hidden paragraph marks hide nothing of the runs after them.
            "r" | "pPr" => self.at.hidden = false,
            "trPr" => self.at.row_properties = false,
            "p" => {
                if let Some(paragraph) = self.paragraphs.pop() {
                    for line in self.lines(&paragraph) {
                        self.write(draft, line)?;
                    }
                }
            }
            "tr" => self.end_row(draft)?,
            "tbl" => {
                self.tables.pop();
            }
            _ => {}
        }
        Ok(())
    }

    /// The lines of a paragraph with the number that is shown before it.
    fn lines(&mut self, paragraph: &Paragraph) -> Vec<Line> {
        if paragraph.text.trim().is_empty() {
            return Vec::new();
        }
        let heading = paragraph
            .outline
            .map_or_else(|| self.styles.heading(&paragraph.style), level);
        let by_style = self.styles.numbering(&paragraph.style);
        let list = paragraph
            .list
            .or_else(|| by_style.map(|(list, _)| list))
            .filter(|list| *list != 0);
        let at = paragraph
            .level
            .or_else(|| by_style.map(|(_, level)| level))
            .unwrap_or(0);
        let mark = list.and_then(|list| self.numbering.next(list, at));
        let kind = match (self.furniture, heading, &mark) {
            (true, ..) => BlockKind::Furniture,
            (_, Some(level), _) => BlockKind::Heading(level),
            (.., Some(Mark::Bullet)) => BlockKind::ListItem,
            _ => BlockKind::Paragraph,
        };
        let mut lines: Vec<Line> = Vec::new();
        for text in paragraph
            .text
            .split('\n')
            .map(str::trim)
            .filter(|text| !text.is_empty())
        {
            let text = match &mark {
                Some(Mark::Number(number)) if lines.is_empty() => format!("{number}{text}"),
                _ => text.to_owned(),
            };
            lines.push(Line {
                text,
                kind,
                number: paragraph.number,
            });
        }
        lines
    }

    /// Writes a line, or keeps it for the cell that is open.
    fn write(&mut self, draft: &mut Draft, line: Line) -> Result<(), Unreadable> {
        let cell = self
            .tables
            .last_mut()
            .and_then(|table| table.row.cells.last_mut());
        if let Some(cell) = cell {
            cell.push(line);
            return Ok(());
        }
        let origin = self.origin(line.number);
        draft.write(&line.text, line.kind, origin)
    }

    fn origin(&self, number: u32) -> Origin {
        Origin::Paragraph {
            part: self.part.clone(),
            number,
        }
    }

    /// A row of several cells becomes one line; a single cell is a frame around paragraphs. A cell
    /// that is merged with the one above says again what that says.
    fn end_row(&mut self, draft: &mut Draft) -> Result<(), Unreadable> {
        let nested = self.tables.len() > 1;
        let Some(table) = self.tables.last_mut() else {
            return Ok(());
        };
        let row = std::mem::take(&mut table.row);
        let bytes: usize = row.cells.iter().flatten().map(|line| line.text.len()).sum();
        if row.deleted {
            return Ok(());
        }
        if row.cells.len() < 2 || bytes > LONGEST_ROW || nested {
            for line in row.cells.into_iter().flatten() {
                let origin = self.origin(line.number);
                self.write_out(draft, line, origin)?;
            }
            return Ok(());
        }
        let number = row.cells.iter().flatten().map(|line| line.number).min();
        let mut cells = Vec::with_capacity(row.cells.len());
        for (at, lines) in row.cells.iter().enumerate() {
            let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
            let own = texts.join(" ");
            let merged = row.merged.get(at).copied().unwrap_or_default() && own.is_empty();
            let above = table
                .above
                .get(at)
                .filter(|above| merged && above.len() <= 300);
            cells.push(above.cloned().unwrap_or(own));
        }
        let said = cells.iter().any(|cell| !cell.is_empty());
        let text = cells.join(" | ");
        table.above = cells;
        let line = Line {
            text,
            kind: if self.furniture {
                BlockKind::Furniture
            } else {
                BlockKind::TableRow
            },
            number: number.unwrap_or(self.count),
        };
        let origin = self.origin(line.number);
        if said {
            self.write_out(draft, line, origin)
        } else {
            Ok(())
        }
    }

    /// Writes a line of a table to the text, or to the cell of the table around it.
    fn write_out(
        &mut self,
        draft: &mut Draft,
        line: Line,
        origin: Origin,
    ) -> Result<(), Unreadable> {
        let outer = self
            .tables
            .len()
            .checked_sub(2)
            .and_then(|at| self.tables.get_mut(at));
        if let Some(cell) = outer.and_then(|table| table.row.cells.last_mut()) {
            cell.push(line);
            return Ok(());
        }
        draft.write(&line.text, line.kind, origin)
    }
}
