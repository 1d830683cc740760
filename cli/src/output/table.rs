//! Tables: aligned and short on a terminal, tab-separated and complete when piped.

use crate::units;
use crate::words::say;
use comfy_table::{CellAlignment, ContentArrangement, presets};
use jiff::{Timestamp, tz::TimeZone};
use std::io::IsTerminal as _;

/// One field of a row.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    /// As it is.
    Text(String),
    /// Milliseconds since the epoch; 0 is unknown.
    Time(i64),
    /// Milliseconds.
    Span(u64),
    /// Micro-yuan.
    Money(i64),
    /// A plain count.
    Count(u64),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Columns aligned; wrapped to `width` when it is known.
    Aligned {
        /// Columns of the terminal.
        width: Option<u16>,
    },
    /// Tabs between fields, no header, nothing shortened.
    Tabs,
}

impl Look {
    /// The look that stdout wants.
    pub(crate) fn of_stdout() -> Self {
        let stdout = std::io::stdout();
        if stdout.is_terminal() {
            Self::Aligned {
                width: rustix::termios::tcgetwinsize(&stdout)
                    .ok()
                    .map(|size| size.ws_col)
                    .filter(|columns| *columns >= 40),
            }
        } else {
            Self::Tabs
        }
    }
}

/// Rows under a header. A table without header shows names and values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new(header: &[&'static str]) -> Self {
        Self {
            header: header.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Adds a name with its value; empty values are left out.
    pub(crate) fn pair(&mut self, name: &'static str, value: impl Into<Cell>) {
        let value = value.into();
        let empty = match &value {
            Cell::Text(text) => text.is_empty(),
            Cell::Time(at) => *at == 0,
            Cell::Span(_) | Cell::Money(_) | Cell::Count(_) => false,
        };
        if !empty {
            self.rows.push(vec![name.into(), value]);
        }
    }

    /// True without rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The text of the table, each line ended.
    pub(crate) fn render(&self, look: Look) -> String {
        match look {
            Look::Aligned { width } => self.aligned(width),
            Look::Tabs => self.tabs(),
        }
    }

    fn aligned(&self, width: Option<u16>) -> String {
        let now = Timestamp::now().as_millisecond();
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if let Some(width) = width {
            table.set_width(width);
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if !self.header.is_empty() {
            table.set_header(self.header.iter().copied());
        }
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| {
                let drawn = comfy_table::Cell::new(for_people(cell, now));
                match cell {
                    Cell::Money(_) | Cell::Count(_) if !self.header.is_empty() => {
                        drawn.set_alignment(CellAlignment::Right)
                    }
                    _ => drawn,
                }
            }));
        }
        table.lines().fold(String::new(), |text, line| {
            text + line.strip_prefix(' ').unwrap_or(&line).trim_end() + "\n"
        })
    }

    fn tabs(&self) -> String {
        self.rows.iter().fold(String::new(), |text, row| {
            let fields: Vec<String> = row.iter().map(for_programs).collect();
            text + &fields.join("\t") + "\n"
        })
    }
}

/// Short and relative.
fn for_people(cell: &Cell, now_ms: i64) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Time(0) => "-".to_owned(),
        Cell::Time(at) => relative(*at, now_ms),
        Cell::Span(ms) => units::span(*ms),
        Cell::Money(micro) => units::yuan(*micro),
        Cell::Count(count) => count.to_string(),
    }
}

/// Complete and on one line.
fn for_programs(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.replace(['\t', '\n', '\r'], " "),
        Cell::Time(0) => "-".to_owned(),
        Cell::Time(at) => iso(*at),
        Cell::Span(ms) => units::iso_span(*ms),
        Cell::Money(micro) => units::yuan(*micro),
        Cell::Count(count) => count.to_string(),
    }
}

/// RFC 3339 in UTC with milliseconds: always the same width.
pub(crate) fn iso(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).map_or_else(
        |_| at_ms.to_string(),
        |at| at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
    )
}

/// "3m05s ago" within a day, the local date and time otherwise.
fn relative(at_ms: i64, now_ms: i64) -> String {
    let ago = now_ms.saturating_sub(at_ms);
    if (0..86_400_000).contains(&ago) {
        let span = units::span(ago.unsigned_abs());
        return say!("{}前", "{} ago", span);
    }
    Timestamp::from_millisecond(at_ms).map_or_else(
        |_| at_ms.to_string(),
        |at| {
            at.to_zoned(TimeZone::system())
                .strftime("%Y-%m-%d %H:%M:%S")
                .to_string()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Table {
        let mut table = Table::new(&["名称", "金额", "时间"]);
        table.row(vec![
            "客服\t微调".into(),
            Cell::Money(1_500_000),
            Cell::Time(0),
        ]);
        table.row(vec!["a".into(), Cell::Money(20), Cell::Time(1_000)]);
        table
    }

    #[test]
    fn piped_rows_are_complete_and_have_no_header() {
        let text = sample().render(Look::Tabs);
        assert_eq!(
            text,
            "客服 微调\t1.50\t-\na\t0.00002\t1970-01-01T00:00:01.000Z\n"
        );
    }

    #[test]
    fn piped_spans_are_iso_8601_durations() {
        for (ms, text) in [
            (0, "PT0S"),
            (1_500, "PT1.5S"),
            (1_800_000, "PT30M"),
            (5_400_000, "PT1H30M"),
        ] {
            assert_eq!(for_programs(&Cell::Span(ms)), text);
        }
    }

    #[test]
    fn chinese_counts_as_two_columns() {
        use unicode_width::UnicodeWidthStr as _;
        let text = sample().render(Look::Aligned { width: None });
        let mut lines = text.lines();
        let head = lines.next().unwrap_or_default();
        let wide = lines.next().unwrap_or_default();
        let at = |line: &str, word: &str| line.find(word).map(|end| line[..end].width());
        // Money is right-aligned, so its last column is the same in each row.
        let narrow = lines.next().unwrap_or_default();
        assert_eq!(
            at(wide, "1.50").map(|start| start + "1.50".len()),
            at(narrow, "0.00002").map(|start| start + "0.00002".len()),
            "{text}"
        );
        assert!(head.starts_with("名称"), "{text}");
    }
}
