//! The template engine as Hugging Face's templates expect it, bounded against hostile ones.

use super::{bounds, budget};
use crate::error::EngineError;
use minijinja::machinery::WhitespaceConfig;
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};
use std::io::{self, Write};

/// Instructions that one rendering may run; a long chat needs a few thousand.
const FUEL: u64 = 2_000_000;
const DEEPEST: usize = 64;

/// Bytes of plain text that one rendering may repeat into variables.
const MOST_TEXT: u64 = 256 << 20;
/// Beyond the chat's own bytes: the template's own words, many times over.
const MAX_EXTRA_BYTES: usize = 4 << 20;
const WHITESPACE: WhitespaceConfig = WhitespaceConfig {
    keep_trailing_newline: false,
    lstrip_blocks: true,
    trim_blocks: true,
};

/// Compiles a template.
pub(super) fn compile(source: &str) -> Result<Environment<'static>, EngineError> {
    bounds::with_stack(|| compile_bounded(source))
}

fn compile_bounded(source: &str) -> Result<Environment<'static>, EngineError> {
    let bounded = bounds::bounded(&joined_lines(&without_marks(source)), WHITESPACE)?;
    let mut environment = Environment::new();
    environment.set_keep_trailing_newline(WHITESPACE.keep_trailing_newline);
    environment.set_trim_blocks(WHITESPACE.trim_blocks);
    environment.set_lstrip_blocks(WHITESPACE.lstrip_blocks);
    environment.set_recursion_limit(DEEPEST);
    // An instruction puts out at most one piece of text.
    let pieces = MOST_TEXT / (bounded.longest_text as u64).max(1);
    environment.set_fuel(Some(FUEL.min(pieces)));
    budget::install(&mut environment);
    environment.add_function("raise_exception", |text: String| -> Result<Value, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, text))
    });
    environment.add_function("strftime_now", |format: String| {
        jiff::fmt::strtime::format(format.as_bytes(), &jiff::Zoned::now()).unwrap_or_default()
    });
    environment.add_filter("tojson", tojson);
    environment
        .add_template_owned("chat".to_owned(), bounded.source)
        .map_err(|e| EngineError::corrupt("chat_template", e.to_string()))?;
    Ok(environment)
}

/// Renders a chat of so many bytes into a few times as many.
pub(super) fn render(
    environment: &Environment<'static>,
    context: Value,
    bytes: usize,
) -> Result<String, EngineError> {
    let limit = bytes.saturating_mul(4).saturating_add(MAX_EXTRA_BYTES);
    budget::begin(bytes);
    let failed = |e: Error| EngineError::Template {
        detail: e.to_string(),
    };
    let mut text = Limited {
        text: Vec::new(),
        limit,
    };
    let template = environment.get_template("chat").map_err(failed)?;
    template
        .render_captured_to(context, &mut text)
        .map_err(|error| {
            if text.text.len() > text.limit {
                EngineError::Template {
                    detail: format!("输出超过 {limit} 字节"),
                }
            } else {
                failed(error)
            }
        })?;
    String::from_utf8(text.text).map_err(|e| EngineError::Template {
        detail: e.to_string(),
    })
}

/// Training masks (`{% generation %}`) mean nothing here.
fn without_marks(source: &str) -> String {
    let mut text = source.to_owned();
    for word in ["generation", "endgeneration"] {
        for (open, close) in [("{%", "%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%-", "-%}")] {
            // An empty comment keeps the same control over white space.
            let mark = format!("{open} {word} {close}");
            let comment = format!("{} {}", open.replace('%', "#"), close.replace('%', "#"));
            text = text.replace(&mark, &comment);
        }
    }
    text
}

/// Inside tags a backslash before the end of a line joins it to the next, as in Python's strings
/// (Mistral's templates use it); the template engine would keep both characters.
fn joined_lines(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = bounds::next_tag(rest) {
        let (before, tag) = rest.split_at(at);
        let close = if tag.starts_with("{{") { "}}" } else { "%}" };
        let end = tag.find(close).map_or(tag.len(), |end| end + close.len());
        text.push_str(before);
        text.push_str(&tag[..end].replace("\\\n", ""));
        rest = &tag[end..];
    }
    text + rest
}

struct Limited {
    text: Vec<u8>,
    limit: usize,
}

impl Write for Limited {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(part);
        if self.text.len() > self.limit {
            return Err(io::Error::other("too long"));
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Python's `json.dumps(value, ensure_ascii=False, …)`: models were taught with its spaces, and
/// nothing is escaped for HTML.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the template engine hands options over by value"
)]
fn tojson(value: &Value, _positional: Rest<Value>, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let separators: Option<(String, String)> = match options.get::<Option<Value>>("separators")? {
        Some(pair) => Some((
            pair.get_item_by_index(0)?.to_string(),
            pair.get_item_by_index(1)?.to_string(),
        )),
        None => None,
    };
    let sort: bool = options.get::<Option<bool>>("sort_keys")?.unwrap_or(false);
    // Text is never escaped to ASCII, whatever is asked for: it costs tokens and means the same.
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    budget::read(value)?;
    let failed = |e: serde_json::Error| {
        Error::new(ErrorKind::InvalidOperation, "cannot serialize to JSON").with_source(e)
    };
    let mut json = serde_json::to_value(value).map_err(failed)?;
    if sort {
        json.sort_all_objects();
    }
    let mut out = Vec::new();
    match (indent, separators) {
        (Some(indent), _) => {
            let spaces = " ".repeat(indent.min(16));
            let pretty = PrettyFormatter::with_indent(spaces.as_bytes());
            json.serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, pretty,
            ))
        }
        (None, separators) => {
            let (item, key) = separators.unwrap_or_else(|| (", ".to_owned(), ": ".to_owned()));
            let spaced = Spaced {
                item,
                key,
                inner: CompactFormatter,
            };
            json.serialize(&mut serde_json::Serializer::with_formatter(
                &mut out, spaced,
            ))
        }
    }
    .map_err(failed)?;
    budget::wrote(out.len())?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// JSON on one line with separators of one's own.
struct Spaced {
    item: String,
    key: String,
    inner: CompactFormatter,
}

impl Formatter for Spaced {
    fn begin_array_value<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first {
            return self.inner.begin_array_value(out, first);
        }
        out.write_all(self.item.as_bytes())
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first {
            return self.inner.begin_object_key(out, first);
        }
        out.write_all(self.item.as_bytes())
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(self.key.as_bytes())
    }
}
