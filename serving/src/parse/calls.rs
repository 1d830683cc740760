//! Content apart from tool calls.

use super::object::{CallObject, Progress, Value};
use super::xml::XmlCall;
use super::{CallIds, Pieces, ToolStyle};
use std::collections::BTreeMap;
use zhisuan_proto::v1::Tool;

/// JSON Schema of a tool's arguments.
type Schema = serde_json::Value;

/// Splits the content of one answer.
#[derive(Debug)]
pub(super) struct CallSplitter {
    style: ToolStyle,
    /// Schema of each tool's arguments, by name.
    tools: BTreeMap<String, Schema>,
    ids: CallIds,
    count: usize,
    state: State,
    /// Text that may be the beginning of a call, or white space before one.
    held: String,
    /// Whether content was handed out: a call without a marker only begins an answer.
    spoke: bool,
}

#[derive(Debug)]
enum State {
    Text,
    /// After the marker: what kind of call follows.
    Marked,
    /// In a call; `started` once it was handed out.
    Object {
        call: Box<CallObject>,
        started: bool,
    },
    Xml(Box<XmlCall>),
    /// Mistral's newer form: the name stands before the arguments.
    Name(String),
    Bare {
        value: Value,
        index: usize,
    },
    /// After a call: the next one, the end of the list, or text.
    After,
}

impl CallSplitter {
    pub(super) fn new(style: ToolStyle, tools: &[Tool], ids: CallIds) -> Self {
        let schema = |tool: &Tool| serde_json::from_str(&tool.parameters).unwrap_or_default();
        Self {
            style,
            tools: tools
                .iter()
                .map(|tool| (tool.name.clone(), schema(tool)))
                .collect(),
            ids,
            count: 0,
            state: State::Text,
            held: String::new(),
            spoke: false,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, c: char, out: &mut Pieces) {
        match std::mem::replace(&mut self.state, State::Text) {
            State::Text => self.text(c, out),
            State::Marked => self.marked(c, out),
            State::Object { call, started } => self.object(c, call, started, out),
            State::Xml(call) => self.xml(c, call, out),
            State::Name(name) => self.name(c, name, out),
            State::Bare { value, index } => self.bare(c, value, index, out),
            State::After => self.after(c, out),
        }
    }

    pub(super) fn finish(&mut self, out: &mut Pieces) {
        match std::mem::replace(&mut self.state, State::Text) {
            // White space after a call is no content; a call that was cut off stays.
            State::After | State::Object { started: true, .. } | State::Bare { .. } => {}
            State::Text if self.count > 0 && self.held.trim().is_empty() => {}
            _ => out.content(&self.held),
        }
        self.held.clear();
    }

    /// Lets go of what is held: it was no call after all. The last character, which broke it,
    /// is looked at anew.
    fn release(&mut self, c: char, out: &mut Pieces) {
        let held = std::mem::take(&mut self.held);
        self.spoke |= !held.trim().is_empty();
        out.content(&held);
        self.text(c, out);
    }

    fn text(&mut self, c: char, out: &mut Pieces) {
        self.state = State::Text;
        self.held.push(c);
        let text = self.held.trim_start();
        let marker = self.style.marker();
        if text == marker {
            self.state = State::Marked;
        } else if self.style == ToolStyle::Llama && text == "{" && !self.spoke {
            self.held.pop();
            self.marked(c, out);
        } else if !marker.starts_with(text) {
            let first = marker.chars().next();
            let keep = self.held.char_indices().last();
            let keep = keep.filter(|(_, c)| Some(*c) == first || c.is_whitespace());
            let at = keep.map_or(self.held.len(), |(at, _)| self.held[..at].trim_end().len());
            let rest = self.held.split_off(at);
            let shown = std::mem::replace(&mut self.held, rest);
            self.spoke |= !shown.trim().is_empty();
            out.content(&shown);
        }
    }

    fn marked(&mut self, c: char, out: &mut Pieces) {
        self.state = State::Marked;
        match (self.style, c) {
            (_, c) if c.is_whitespace() => self.held.push(c),
            (ToolStyle::QwenXml, '<') => {
                self.state = State::Xml(Box::default());
                self.push(c, out);
            }
            (ToolStyle::Mistral, '[') => self.held.push(c),
            (ToolStyle::Mistral, c) if c != '{' && is_name(c) => {
                self.held.push(c);
                self.state = State::Name(c.to_string());
            }
            (ToolStyle::Hermes | ToolStyle::Llama | ToolStyle::Mistral, '{') => {
                self.state = State::Object {
                    call: Box::default(),
                    started: false,
                };
                self.push(c, out);
            }
            _ => self.release(c, out),
        }
    }

    fn object(&mut self, c: char, mut call: Box<CallObject>, started: bool, out: &mut Pieces) {
        let progress = call.push(c);
        let known = call.name().is_none_or(|name| self.tools.contains_key(name));
        if progress == Progress::Broken || !known {
            if !started {
                return self.release(c, out);
            }
            // What was handed out stays; the rest is text.
            return self.text(c, out);
        }
        if !started {
            self.held.push(c);
        }
        let complete = progress == Progress::Complete;
        // An object without a marker is a call only if it has arguments.
        let marker = self.style.marker();
        let marked = self.count > 0 || self.held.trim_start().starts_with(marker);
        let name = match call.begun() {
            None if complete && marked => call.name(),
            name => name,
        };
        let mut started = started;
        if let Some(name) = name.filter(|_| !started) {
            let name = name.to_owned();
            self.start(name, out);
            started = true;
            if complete && call.begun().is_none() {
                out.arguments(self.count - 1, "{}");
            }
        }
        if started {
            out.arguments(self.count - 1, &call.take_arguments());
        }
        self.state = match (complete, started) {
            (false, started) => State::Object { call, started },
            (true, true) => State::After,
            (true, false) => {
                let held = std::mem::take(&mut self.held);
                self.spoke = true;
                out.content(&held);
                State::Text
            }
        };
    }

    fn start(&mut self, name: String, out: &mut Pieces) {
        let id = self.ids.next();
        out.call(self.count, id, name);
        self.count += 1;
        self.held.clear();
    }

    fn xml(&mut self, c: char, mut call: Box<XmlCall>, out: &mut Pieces) {
        match call.push(c, &self.tools) {
            Progress::Broken => self.release(c, out),
            progress => {
                self.held.push(c);
                if let Some((name, arguments)) = call.take() {
                    self.start(name, out);
                    out.arguments(self.count - 1, &arguments);
                }
                self.state = if progress == Progress::Complete {
                    State::After
                } else {
                    State::Xml(call)
                };
            }
        }
    }

    fn name(&mut self, c: char, mut name: String, out: &mut Pieces) {
        const BETWEEN: &str = "[ARGS]";
        let bare = name.strip_suffix(BETWEEN).unwrap_or(&name).to_owned();
        if c == '{' && self.tools.contains_key(&bare) {
            self.start(bare, out);
            let index = self.count - 1;
            let value = Value::default();
            return self.bare(c, value, index, out);
        }
        if name.len() > 256 || !(is_name(c) || matches!(c, '[' | ']')) {
            return self.release(c, out);
        }
        name.push(c);
        self.held.push(c);
        self.state = State::Name(name);
    }

    fn bare(&mut self, c: char, mut value: Value, index: usize, out: &mut Pieces) {
        let progress = value.push(c);
        if progress == Progress::Broken {
            return self.text(c, out);
        }
        out.arguments(index, c.encode_utf8(&mut [0; 4]));
        self.state = if progress == Progress::Complete {
            State::After
        } else {
            State::Bare { value, index }
        };
    }

    fn after(&mut self, c: char, out: &mut Pieces) {
        self.state = State::After;
        let closing = match self.style {
            ToolStyle::Hermes | ToolStyle::QwenXml => "</tool_call>",
            ToolStyle::Llama => ";",
            ToolStyle::Mistral => "]",
        };
        self.held.push(c);
        let text = self.held.trim();
        let next = matches!(self.style, ToolStyle::Hermes | ToolStyle::Llama) && text == "{"
            || self.style == ToolStyle::Mistral && text == ",";
        if next || (self.style == ToolStyle::Llama && text == closing) {
            self.held.clear();
            self.state = State::Marked;
            if c == '{' {
                self.marked(c, out);
            }
        } else if text == closing {
            self.held.clear();
            self.state = State::Text;
        } else if !text.is_empty() && !closing.starts_with(text) {
            // The next call may begin without the end of this one.
            let held = std::mem::take(&mut self.held);
            self.state = State::Text;
            held.chars().for_each(|c| self.push(c, out));
        }
    }
}

/// Characters of a tool's name.
fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}
