//! Tables with a caption, typed columns and a proper empty state.

use maud::{Markup, Render, html};

use crate::parts::empty_state;

/// A table built column by column and row by row.
#[derive(Debug, Clone)]
#[must_use]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Markup>>,
    empty: (String, String),
}

#[derive(Debug, Clone)]
struct Column {
    title: String,
    number: bool,
}

impl Table {
    /// Starts a table; the caption says what its rows are.
    pub fn new(caption: impl Into<String>) -> Self {
        Self {
            caption: caption.into(),
            columns: Vec::new(),
            rows: Vec::new(),
            empty: ("没有记录".to_owned(), String::new()),
        }
    }

    /// Adds a column of text.
    pub fn column(mut self, title: impl Into<String>) -> Self {
        self.columns.push(Column {
            title: title.into(),
            number: false,
        });
        self
    }

    /// Adds a column of figures, set right with digits of one width.
    pub fn number(mut self, title: impl Into<String>) -> Self {
        self.columns.push(Column {
            title: title.into(),
            number: true,
        });
        self
    }

    /// Adds a row; a missing cell is shown as unknown, a surplus one is dropped.
    pub fn row(mut self, cells: Vec<Markup>) -> Self {
        self.rows.push(cells);
        self
    }

    /// Sets what is shown in place of the table when it has no rows.
    pub fn empty(mut self, title: impl Into<String>, hint: impl Into<String>) -> Self {
        self.empty = (title.into(), hint.into());
        self
    }

    fn body_row(&self, cells: &[Markup]) -> Markup {
        html! {
            tr {
                @for (at, column) in self.columns.iter().enumerate() {
                    td class=[column.number.then_some("num")] {
                        @match cells.get(at) {
                            Some(cell) => { (cell) },
                            None => { span.unknown title="未知" { "—" } },
                        }
                    }
                }
            }
        }
    }
}

impl Render for Table {
    fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return empty_state(&self.empty.0, self.empty.1.as_str());
        }
        html! {
            div.table-wrap role="region" aria-label=(self.caption) tabindex="0" {
                table {
                    caption { (self.caption) }
                    thead {
                        tr {
                            @for column in &self.columns {
                                th scope="col" class=[column.number.then_some("num")] {
                                    (column.title)
                                }
                            }
                        }
                    }
                    tbody { @for cells in &self.rows { (self.body_row(cells)) } }
                }
            }
        }
    }
}
