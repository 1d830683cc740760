//! The grammar that makes a model call a tool, in the style that it calls tools in.

use super::{Thinking, ToolStyle};
use serde_json::{Value, json};
use std::fmt::Write;
use zhisuan_proto::v1::constraint::Form;
use zhisuan_proto::v1::{Constraint, Tool};

/// Whether the model must call a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice<'a> {
    /// It may answer in words.
    Auto,
    /// It must not call.
    None,
    /// It calls one or more.
    Required,
    /// It calls this one.
    Named(&'a str),
}

/// Why no grammar can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolProblem {
    /// The named tool is not among those offered.
    Unknown,
    /// Arguments of this tool (its place in the list) are no JSON Schema object.
    Schema(usize),
}

/// The constraint for an answer with tools; `None` where the model is free: no call is required
/// and no tool is strict. With `parallel` several calls may follow one another.
pub(crate) fn constraint_for_tools(
    tools: &[Tool],
    choice: Choice<'_>,
    style: ToolStyle,
    thinking: Thinking,
    parallel: bool,
) -> Result<Option<Constraint>, ToolProblem> {
    let mut offered = Vec::new();
    for (index, tool) in tools.iter().enumerate() {
        let named = !matches!(choice, Choice::Named(name) if name != tool.name);
        if named {
            let schema = schema(tool).ok_or(ToolProblem::Schema(index))?;
            offered.push((tool, schema));
        }
    }
    if offered.is_empty() && matches!(choice, Choice::Named(_)) {
        return Err(ToolProblem::Unknown);
    }
    let strict = offered.iter().any(|(tool, _)| tool.strict);
    let free = match choice {
        Choice::None => true,
        Choice::Auto => !strict,
        Choice::Required | Choice::Named(_) => false,
    };
    if free || offered.is_empty() {
        return Ok(None);
    }
    let parallel = parallel && !matches!(choice, Choice::Named(_));
    let mut grammar = Grammar::new(style);
    grammar.begin(choice == Choice::Auto, thinking, parallel);
    for (index, (tool, schema)) in offered.into_iter().enumerate() {
        grammar.call(index, tool, &schema);
    }
    Ok(Some(Constraint {
        form: Some(Form::Lark(grammar.finish())),
    }))
}

/// The schema of a tool's arguments, as the grammar compiler reads it.
struct Schema {
    value: Value,
    /// As the caller wrote it: the order of its properties is the order of the arguments.
    text: String,
}

/// What is not strict may have keywords that grammars cannot keep; they are left out of the
/// grammar then (the engine refuses them in strict tools).
fn schema(tool: &Tool) -> Option<Schema> {
    let text = match tool.parameters.trim() {
        "" => r#"{"properties": {}, "additionalProperties": false}"#,
        text => text,
    };
    let mut value: Value = serde_json::from_str(text).ok()?;
    let fields = value.as_object_mut()?;
    let options = json!({
        "coerce_one_of": !tool.strict,
        "item_separator": ", ",
        "key_separator": ": ",
        "lenient": !tool.strict,
        "whitespace_flexible": false,
    });
    let mut head = format!("{{\"x-guidance\": {options}");
    if !fields.contains_key("type") {
        head.push_str(", \"type\": \"object\"");
    }
    if !fields.is_empty() {
        head.push_str(", ");
    }
    fields.insert("x-guidance".to_owned(), options);
    // A value that is an object begins with its brace.
    let text = head + text.strip_prefix('{')?;
    Some(Schema { value, text })
}

/// A grammar in Lark, rule by rule.
struct Grammar {
    style: ToolStyle,
    /// Rules of the calls.
    rules: String,
    /// Names of these rules.
    calls: Vec<String>,
    head: String,
}

impl Grammar {
    fn new(style: ToolStyle) -> Self {
        Self {
            style,
            rules: String::new(),
            calls: Vec::new(),
            head: String::new(),
        }
    }

    /// What stands around the calls.
    fn begin(&mut self, auto: bool, thinking: Thinking, parallel: bool) {
        let thought = match thinking {
            Thinking::Opened => "thought ",
            Thinking::Tagged => "(\"<think>\" thought)? ",
            Thinking::Off => "",
        };
        let marker = quoted(self.style.marker());
        let (opening, between) = match self.style {
            ToolStyle::Hermes | ToolStyle::QwenXml => (marker.clone(), format!("\"\\n\" {marker}")),
            ToolStyle::Llama => (String::new(), "\"; \"".to_owned()),
            ToolStyle::Mistral => (format!("{marker} \"[\""), "\", \"".to_owned()),
        };
        let closing = if self.style == ToolStyle::Mistral {
            " \"]\""
        } else {
            ""
        };
        let more = if parallel {
            format!(" ({between} call)*")
        } else {
            String::new()
        };
        if !thought.is_empty() {
            self.head
                .push_str("thought[suffix=\"</think>\"]: /(?s:.*)/\nSPACE: /\\s{1,2}/\n");
        }
        let space = if thought.is_empty() { "" } else { "SPACE? " };
        let start = if auto && self.style == ToolStyle::Llama {
            // A call has no marker: it is told from words by how it begins.
            let tag = escaped(self.style.marker());
            format!(
                "{thought}{space}(WORDS | call{more})\nWORDS: /[^{{\\s](?s:.*)/ & ~/(?s:.*){tag}(?s:.*)/"
            )
        } else if auto {
            let words = format!(
                "before[suffix={marker}]: /(?s:.*)/\nWORDS: /(?s:.+)/ & ~/(?s:.*){}(?s:.*)/",
                escaped(self.style.marker())
            );
            let rest = opening.strip_prefix(marker.as_str()).unwrap_or_default();
            format!("{thought}(before{rest} call{more}{closing})* WORDS?\n{words}")
        } else {
            format!("{thought}{space}{opening} call{more}{closing}")
        };
        let _ = writeln!(self.head, "start: {start}");
    }

    fn call(&mut self, index: usize, tool: &Tool, schema: &Schema) {
        let rule = format!("call_{index}");
        let name = Value::String(tool.name.clone()).to_string();
        let body = match self.style {
            ToolStyle::Hermes => format!(
                "{} args_{index} {}",
                quoted(&format!("\n{{\"name\": {name}, \"arguments\": ")),
                quoted("}\n</tool_call>")
            ),
            ToolStyle::Llama => format!(
                "{} args_{index} \"}}\"",
                quoted(&format!("{{\"name\": {name}, \"parameters\": "))
            ),
            ToolStyle::Mistral => format!(
                "{} args_{index} \"}}\"",
                quoted(&format!("{{\"name\": {name}, \"arguments\": "))
            ),
            ToolStyle::QwenXml => {
                self.xml(index, tool, &schema.value);
                self.calls.push(rule);
                return;
            }
        };
        let _ = writeln!(
            self.rules,
            "{rule}: {body}\nargs_{index}: %json {}",
            schema.text
        );
        self.calls.push(rule);
    }

    /// Parameters in the order of the schema; text stands as it is, the rest as JSON.
    fn xml(&mut self, index: usize, tool: &Tool, schema: &Value) {
        let mut body = quoted(&format!("\n<function={}>\n", tool.name));
        let mut values = String::new();
        let required = schema.get("required").and_then(Value::as_array);
        let properties = schema.get("properties").and_then(Value::as_object);
        for (number, (key, inner)) in properties.into_iter().flatten().enumerate() {
            let value = format!("value_{index}_{number}");
            let open = quoted(&format!("<parameter={key}>\n"));
            let rule = if inner.get("type").is_some_and(|t| t == "string") {
                let _ = write!(body, " ({open} {value}");
                "[suffix=\"\\n</parameter>\\n\"]: /(?s:.*)/".to_owned()
            } else {
                let _ = write!(body, " ({open} {value} \"\\n</parameter>\\n\"");
                format!(": %json {}", within(schema, inner))
            };
            let _ = writeln!(values, "{value}{rule}");
            let needed = required.is_some_and(|list| list.iter().any(|item| item == key));
            body.push_str(if needed { ")" } else { ")?" });
        }
        let close = quoted("</function>\n</tool_call>");
        let _ = writeln!(self.rules, "call_{index}: {body} {close}\n{values}");
    }

    fn finish(self) -> String {
        format!(
            "{}call: {}\n{}",
            self.head,
            self.calls.join(" | "),
            self.rules
        )
    }
}

/// The schema of one property, with what it may refer to and how JSON is written.
fn within(schema: &Value, inner: &Value) -> Value {
    let mut inner = inner.clone();
    if let Some(fields) = inner.as_object_mut() {
        for key in ["$defs", "definitions", "x-guidance"] {
            if let Some(shared) = schema.get(key) {
                fields.insert(key.to_owned(), shared.clone());
            }
        }
    }
    inner
}

/// Text as a literal of Lark.
fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// Text inside a regular expression of Lark.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && c != '_' && c != '<' && c != '>' {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
