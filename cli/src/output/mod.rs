//! The printer: results go to stdout in the form that was asked for, conversation goes to stderr.

pub(crate) mod progress;
pub(crate) mod style;
pub(crate) mod table;

use crate::error::{Failure, Result};
use crate::words::tr;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{IsTerminal as _, Write as _};
use table::{Look, Table};

/// Form of results on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people; tab-separated when piped.
    Table,
    /// One JSON document.
    Json,
    /// One JSON value per line.
    Jsonl,
    /// Names or numbers only.
    Name,
}

impl Format {
    /// Reads a configured value.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        <Self as clap::ValueEnum>::from_str(text, true).ok()
    }

    /// True for the forms that programs read.
    pub(crate) fn is_machine(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
}

/// A result of one thing.
pub(crate) struct Document {
    /// Such as "zhisuan.job/1".
    pub(crate) schema: &'static str,
    /// A JSON object; the printer adds the schema.
    pub(crate) value: Value,
    /// What people read.
    pub(crate) tables: Vec<Table>,
    /// What `-o name` prints.
    pub(crate) name: String,
}

/// A result of many things.
pub(crate) struct List {
    /// Such as "zhisuan.job-list/1".
    pub(crate) schema: &'static str,
    /// One JSON object per thing.
    pub(crate) items: Vec<Value>,
    /// Things that match, on all pages.
    pub(crate) total: u64,
    /// Token of the next page, empty on the last.
    pub(crate) next: String,
    /// What people read, one row per thing.
    pub(crate) table: Table,
    /// What `-o name` prints, one line per thing.
    pub(crate) names: Vec<String>,
    /// Said on stderr when there is nothing.
    pub(crate) empty: String,
}

/// Decides what is written where. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    format: Format,
    color: bool,
    progress: bool,
}

impl Printer {
    /// A printer for a form; `progress` false hides spinners and bars.
    pub(crate) fn new(format: Format, color: clap::ColorChoice, progress: bool) -> Self {
        let color = match color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => {
                anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
            }
        };
        Self {
            format,
            color,
            progress,
        }
    }

    /// Form of results.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// True when stderr may show spinners and bars.
    pub(crate) fn shows_progress(self) -> bool {
        self.progress && !self.format.is_machine() && std::io::stderr().is_terminal()
    }

    /// Prints one thing.
    pub(crate) fn document(self, document: Document) -> Result<()> {
        let Document {
            schema,
            value,
            tables,
            name,
        } = document;
        match self.format {
            Format::Json => self.json(&with_schema(schema, value), true),
            Format::Jsonl => self.json(&with_schema(schema, value), false),
            Format::Name => self.line(&name),
            Format::Table => {
                for (index, table) in tables.iter().filter(|table| !table.is_empty()).enumerate() {
                    if index > 0 {
                        self.line("")?;
                    }
                    self.table(table)?;
                }
                Ok(())
            }
        }
    }

    /// Prints many things.
    pub(crate) fn list(self, list: &List) -> Result<()> {
        match self.format {
            Format::Json => {
                let value = json!({
                    "items": list.items,
                    "total": list.total,
                    "next": list.next,
                });
                self.json(&with_schema(list.schema, value), true)
            }
            Format::Jsonl => list
                .items
                .iter()
                .try_for_each(|item| self.json(item, false)),
            Format::Name => list.names.iter().try_for_each(|name| self.line(name)),
            Format::Table if list.table.is_empty() => {
                self.note(&list.empty);
                Ok(())
            }
            Format::Table => {
                self.table(&list.table)?;
                let shown = list.table.len() as u64;
                if list.total > shown {
                    self.note(&crate::words::say!(
                        "还有 {} 条:用 --limit 多取,或用 --page-token {} 取下一页",
                        "{} more: use --limit, or --page-token {} for the next page",
                        list.total - shown,
                        list.next
                    ));
                }
                Ok(())
            }
        }
    }

    /// Prints a table the way stdout wants it.
    fn table(self, table: &Table) -> Result<()> {
        self.raw(table.render(Look::of_stdout()).as_bytes())
    }

    /// Prints an aligned table even when stdout is no terminal: for reports such as the demo's.
    #[cfg(feature = "server")]
    pub(crate) fn report(self, table: &Table) -> Result<()> {
        self.raw(table.render(Look::Aligned { width: None }).as_bytes())
    }

    /// Writes one JSON value and a line feed to stdout.
    pub(crate) fn json(self, value: &impl Serialize, pretty: bool) -> Result<()> {
        let text = if pretty {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        self.line(&text.map_err(std::io::Error::other)?)
    }

    /// Writes one line to stdout.
    pub(crate) fn line(self, text: &str) -> Result<()> {
        self.raw(format!("{text}\n").as_bytes())
    }

    /// Writes bytes to stdout as they are, now.
    #[expect(clippy::unused_self, reason = "only a printer writes to stdout")]
    pub(crate) fn raw(self, bytes: &[u8]) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(())
    }

    /// Says something on stderr; silent in the machine forms.
    pub(crate) fn note(self, text: &str) {
        if !self.format.is_machine() {
            say_stderr(text);
        }
    }

    /// Says what went wrong: `error`, `hint`, `code` on stderr, or the same as one JSON object.
    pub(crate) fn failure(self, failure: &Failure) {
        if failure.is_silent() {
            return;
        }
        if self.format.is_machine() {
            say_stderr(&failure.json().to_string());
            return;
        }
        let paint = |style, text| style::paint(self.color, style, text);
        say_stderr(&format!(
            "{} {failure}",
            paint(style::ERROR, tr("错误:", "error:"))
        ));
        for hint in failure.hints() {
            say_stderr(&format!(
                "{} {hint}",
                paint(style::HINT, tr("提示:", "hint:"))
            ));
        }
        say_stderr(&format!(
            "{} {}",
            paint(style::DIM, tr("代码:", "code:")),
            failure.code()
        ));
    }
}

/// Adds the schema.
fn with_schema(schema: &str, value: Value) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("schema".into(), schema.into());
    if let Value::Object(fields) = value {
        object.extend(fields);
    }
    Value::Object(object)
}

/// Writes a line to stderr. A closed stderr leaves nobody to tell.
fn say_stderr(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
