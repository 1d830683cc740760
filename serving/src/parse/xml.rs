//! One call as Qwen3-Coder writes it: `<function=name><parameter=key>value</parameter></function>`.

use super::object::Progress;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const OPEN: &str = "<function=";
const CLOSE: &str = "</function>";
const OPEN_PARAMETER: &str = "<parameter=";
const CLOSE_PARAMETER: &str = "</parameter>";
/// Most bytes of one call; its arguments are handed out whole.
const LONGEST: usize = 1 << 20;

/// Reads one call.
#[derive(Debug, Default)]
pub(super) struct XmlCall {
    text: String,
    /// Where the name ends, once it is known.
    head: Option<usize>,
    done: Option<(String, String)>,
}

impl XmlCall {
    /// Takes the next character; `tools` are the schemas by name.
    pub(super) fn push(&mut self, c: char, tools: &BTreeMap<String, Value>) -> Progress {
        self.text.push(c);
        let Some(head) = self.head else {
            if c == '>' && self.text.starts_with(OPEN) {
                let name = &self.text[OPEN.len()..self.text.len() - 1];
                self.head = Some(self.text.len());
                return if tools.contains_key(name) {
                    Progress::More
                } else {
                    Progress::Broken
                };
            }
            let fits = OPEN.starts_with(&self.text) || self.text.starts_with(OPEN);
            return if fits && self.text.len() < 512 {
                Progress::More
            } else {
                Progress::Broken
            };
        };
        if self.text.len() > LONGEST {
            return Progress::Broken;
        }
        let open = self.text.rfind(OPEN_PARAMETER);
        if c != '>' || !self.text.ends_with(CLOSE) || open > self.text.rfind(CLOSE_PARAMETER) {
            return Progress::More;
        }
        let name = &self.text[OPEN.len()..head - 1];
        let body = &self.text[head..self.text.len() - CLOSE.len()];
        match arguments(body, tools.get(name)) {
            Some(arguments) => {
                self.done = Some((name.to_owned(), arguments));
                Progress::Complete
            }
            None => Progress::Broken,
        }
    }

    /// Name and arguments of a complete call, once.
    pub(super) fn take(&mut self) -> Option<(String, String)> {
        self.done.take()
    }
}

fn arguments(body: &str, schema: Option<&Value>) -> Option<String> {
    let mut arguments = Map::new();
    let mut rest = body.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.strip_prefix(OPEN_PARAMETER)?.split_once('>')?;
        let (value, after) = after.split_once(CLOSE_PARAMETER)?;
        let value = value.strip_prefix('\n').unwrap_or(value);
        let value = value.strip_suffix('\n').unwrap_or(value);
        let declared = schema.and_then(|s| s.pointer("/properties")?.get(key)?.get("type"));
        arguments.insert(key.to_owned(), typed(value, declared));
        rest = after.trim_start();
    }
    Some(Value::Object(arguments).to_string())
}

/// The value that the text stands for: text where the schema says so (or says nothing that the
/// text fits), else JSON.
fn typed(text: &str, declared: Option<&Value>) -> Value {
    if declared.and_then(Value::as_str) == Some("string") {
        return Value::String(text.to_owned());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
