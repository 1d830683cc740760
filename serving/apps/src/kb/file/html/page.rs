//! A page while its tags and texts arrive: which are text, which are furniture, which are left out.

use std::ops::Range;

use html5gum::emitters::callback::CallbackEvent;

use super::line::{Line, Segment};
use super::table::Row;
use super::tags;
use crate::kb::extract::{BlockKind, Format, Origin, ReadFaultKind};
use crate::kb::file::draft::Draft;
use crate::kb::file::furniture;
use crate::kb::file::limits::{MAX_DEPTH, MAX_TEXT_BYTES};
use crate::kb::file::unreadable::Unreadable;

/// Tables inside tables are followed to this depth.
const MAX_TABLES: usize = 32;

/// An element whose end tag is awaited.
#[derive(Debug)]
struct Open {
    name: [u8; 12],
    furniture: bool,
}

/// A start tag while its attributes arrive.
#[derive(Debug, Default)]
struct Tag {
    name: Vec<u8>,
    attribute: Vec<u8>,
    furniture: bool,
    meta_name: String,
    meta_content: String,
}

/// What is collected of a page.
#[derive(Debug)]
pub(super) struct Page {
    draft: Draft,
    refused: Option<Unreadable>,
    tag: Tag,
    open: Vec<Open>,
    /// Elements beyond the deepest that is followed.
    deeper: usize,
    furniture: usize,
    /// The element whose content is left out, and how often it is open inside itself.
    skipped: Option<(Vec<u8>, usize)>,
    title: Option<String>,
    links: usize,
    line: Line,
    heading: Option<u8>,
    item: bool,
    preformatted: bool,
    tables: Vec<Row>,
    active: usize,
}

impl Page {
    pub(super) fn new() -> Self {
        Self {
            draft: Draft::new(Format::Html),
            refused: None,
            tag: Tag::default(),
            open: Vec::new(),
            deeper: 0,
            furniture: 0,
            skipped: None,
            title: None,
            links: 0,
            line: Line::default(),
            heading: None,
            item: false,
            preformatted: false,
            tables: Vec::new(),
            active: 0,
        }
    }

    /// Takes the next piece of the page; `span` is where it stands.
    pub(super) fn handle(&mut self, event: &CallbackEvent<'_>, span: &Range<usize>) {
        match event {
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Tag {
                    name: (*name).to_vec(),
                    ..Tag::default()
                };
            }
            CallbackEvent::AttributeName { name } => {
                (*name).clone_into(&mut self.tag.attribute);
                self.active += usize::from(name.starts_with(b"on") && self.skipped.is_none());
                self.tag.furniture |= *name == b"hidden";
            }
            CallbackEvent::AttributeValue { value } => self.attribute(value),
            CallbackEvent::CloseStartTag { .. } => self.start(),
            CallbackEvent::EndTag { name } => self.end(name),
            CallbackEvent::String { value } => {
                self.string(&String::from_utf8_lossy(value), span.clone());
            }
            CallbackEvent::Comment { .. }
            | CallbackEvent::Doctype { .. }
            | CallbackEvent::Error(_) => {}
        }
    }

    /// Ends the page and gives its draft; blocks have their place in the decoded page as origin.
    pub(super) fn close(&mut self) -> Result<Draft, Unreadable> {
        self.end_line();
        while let Some(row) = self.tables.pop() {
            self.write_all(row.close());
        }
        self.draft
            .fault_here(ReadFaultKind::ActiveContent, self.active);
        match self.refused.take() {
            Some(refused) => Err(refused),
            None => Ok(std::mem::replace(&mut self.draft, Draft::new(Format::Html))),
        }
    }

    fn attribute(&mut self, value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        match self.tag.attribute.as_slice() {
            b"class" | b"id" | b"role" => {
                self.tag.furniture |=
                    tags::may_be_furniture(&self.tag.name) && tags::names_furniture(&text);
            }
            b"style" => self.tag.furniture |= tags::hides(&text),
            b"aria-hidden" => self.tag.furniture |= text.trim() == "true",
            b"name" | b"property" if self.tag.name == b"meta" => {
                self.tag.meta_name = text.into_owned();
            }
            b"content" if self.tag.name == b"meta" => self.tag.meta_content = text.into_owned(),
            _ => {}
        }
    }

    fn start(&mut self) {
        let tag = std::mem::take(&mut self.tag);
        let name = tag.name.as_slice();
        if let Some((skipped, depth)) = &mut self.skipped {
            let field = matches!(skipped.as_slice(), b"select" | b"button");
            if !(field && tags::breaks_line(name)) {
                *depth += usize::from(skipped == name);
                return;
            }
            // Fields hold no blocks: the end tag was forgotten.
            self.skipped = None;
        }
        self.active += usize::from(tags::is_active(name));
        if name == b"meta" {
            self.draft.declare(&tag.meta_name, &tag.meta_content);
        }
        if tags::breaks_line(name) {
            self.end_line();
        }
        if tags::is_skipped(name) && !tags::is_void(name) {
            self.skipped = Some((tag.name, 1));
            return;
        }
        self.start_text(name);
        if !tags::is_void(name) && (tag.furniture || !tags::ends_by_itself(name)) {
            self.push_open(name, tag.furniture || tags::is_furniture(name));
        }
    }

    /// What a start tag changes for the text after it.
    fn start_text(&mut self, name: &[u8]) {
        match name {
            b"title" => self.title = Some(String::new()),
            b"a" => self.links += 1,
            b"li" => self.item = true,
            b"pre" => self.preformatted = true,
            b"table" if self.tables.len() < MAX_TABLES => {
                let outer = self.tables.last_mut().map(Row::open_layout);
                self.write_all(outer.unwrap_or_default());
                self.tables.push(Row::default());
            }
            b"tr" => self.end_row(),
            b"td" | b"th" => {
                self.end_line();
                if let Some(row) = self.tables.last_mut() {
                    row.open_cell();
                }
            }
            _ => {
                if let Some(level) = tags::heading_level(name) {
                    self.heading = Some(level);
                }
            }
        }
    }

    fn end(&mut self, name: &[u8]) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        if tags::breaks_line(name) {
            self.end_line();
        }
        match name {
            b"title" => {
                if let Some(title) = self.title.take() {
                    self.draft.declare("title", &title);
                }
            }
            b"a" => self.links = self.links.saturating_sub(1),
            b"li" | b"ul" | b"ol" => self.item = false,
            b"pre" => self.preformatted = false,
            b"tr" => self.end_row(),
            b"table" => {
                self.end_row();
                self.tables.pop();
            }
            _ if tags::heading_level(name).is_some() => self.heading = None,
            _ => {}
        }
        self.pop_open(name);
    }

    fn push_open(&mut self, name: &[u8], furniture: bool) {
        if self.open.len() >= MAX_DEPTH {
            self.deeper += 1;
            return;
        }
        self.furniture += usize::from(furniture);
        let name = short(name);
        self.open.push(Open { name, furniture });
    }

    fn pop_open(&mut self, name: &[u8]) {
        if tags::is_void(name) {
            return;
        }
        if self.deeper > 0 {
            self.deeper -= 1;
            return;
        }
        let name = short(name);
        let Some(at) = self.open.iter().rposition(|open| open.name == name) else {
            return;
        };
        let closed = self.open.drain(at..);
        self.furniture -= closed.filter(|open| open.furniture).count();
    }

    fn string(&mut self, text: &str, span: Range<usize>) {
        if self.skipped.is_some() || self.refused.is_some() {
            return;
        }
        if let Some(title) = &mut self.title {
            title.extend(text.chars().take(1000));
            return;
        }
        if self.line.len() + text.len() > MAX_TEXT_BYTES {
            return self.refuse(Unreadable::new(
                "text_too_long",
                "网页的文字过长，请拆分后再放入",
            ));
        }
        if !self.preformatted {
            self.line.push(text, span, self.links > 0);
            return;
        }
        let mut at = span.start;
        for line in text.split_inclusive('\n') {
            self.line.push(line, at..at + line.len(), self.links > 0);
            at += line.len();
            if line.ends_with('\n') {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() {
            self.line = Line::default();
            return;
        }
        let menu = self.heading.is_none() && self.tables.is_empty() && self.line.is_menu();
        let mut segment = self.line.take(match self.heading {
            _ if self.furniture > 0 || menu => BlockKind::Furniture,
            Some(level) => BlockKind::Heading(level),
            None if self.item => BlockKind::ListItem,
            None => BlockKind::Paragraph,
        });
        if furniture::is_furniture(&segment.text) {
            segment.kind = BlockKind::Furniture;
        }
        match self.tables.last_mut() {
            Some(row) => row.push(segment),
            None => self.write(segment),
        }
    }

    fn end_row(&mut self) {
        self.end_line();
        if let Some(row) = self.tables.last_mut() {
            let row = std::mem::take(row);
            self.write_all(row.close());
        }
    }

    fn write_all(&mut self, segments: Vec<Segment>) {
        for segment in segments {
            self.write(segment);
        }
    }

    fn write(&mut self, segment: Segment) {
        let origin = Origin::Bytes(segment.span);
        if let Err(refused) = self.draft.write(&segment.text, segment.kind, origin) {
            self.refuse(refused);
        }
    }

    fn refuse(&mut self, refused: Unreadable) {
        self.refused.get_or_insert(refused);
    }
}

/// The first bytes of a name: enough to tell elements apart, and nothing to allocate.
fn short(name: &[u8]) -> [u8; 12] {
    let mut short = [0; 12];
    for (to, from) in short.iter_mut().zip(name) {
        *to = *from;
    }
    short
}
