//! The operators of a page that show text (ISO 32000-1, 9.4), forms included.

use std::collections::HashMap;
use std::rc::Rc;

use lopdf::content::{Content, Operation};
use lopdf::{Dictionary, Document, Object, ObjectId};

use super::cmap::Budget;
use super::font::Font;
use super::glyphs::{Matrix, Piece, State};
use super::{MAX_STREAM_BYTES, bomb};
use crate::kb::file::limits::MAX_TEXT_BYTES;
use crate::kb::file::unreadable::Unreadable;

/// Forms inside forms are followed to this depth.
const MAX_FORMS: usize = 8;
/// Most operators of a whole file: a real page has some thousands.
const MAX_OPERATIONS: usize = 30_000_000;
/// Most bytes that all pages may unpack to.
const MAX_PAGES_BYTES: usize = 256 << 20;
/// Deepest stack of graphics states.
const MAX_STATES: usize = 64;

/// What a page shows.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) pieces: Vec<Piece>,
    /// Glyphs whose characters the file does not say.
    pub(super) unmapped: usize,
    /// Whether anything was drawn.
    pub(super) painted: bool,
    /// Operators that show text and were not reached, because a stream is damaged before them.
    pub(super) lost: usize,
}

/// Reads the pages of a document; fonts are read once.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    document: &'a Document,
    /// By the address of the dictionary in the document: one that stands within a page's resources
    /// has no number.
    fonts: HashMap<usize, Rc<Font>>,
    budget: Budget,
    operations: usize,
    bytes: usize,
    text_bytes: usize,
}

/// Where fonts and forms are looked up.
type Resources<'a> = Vec<&'a Dictionary>;

impl<'a> Pages<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            fonts: HashMap::new(),
            budget: Budget::default(),
            operations: 0,
            bytes: 0,
            text_bytes: 0,
        }
    }

    /// Reads a page.
    pub(super) fn read(&mut self, page: ObjectId) -> Result<Found, Unreadable> {
        let content = self
            .document
            .get_page_content_with_limit(page, MAX_STREAM_BYTES)
            .map_err(|_| bomb())?;
        let mut resources = Resources::new();
        if let Ok((own, inherited)) = self.document.get_page_resources(page) {
            resources.extend(own);
            let inherited = inherited.into_iter().take(MAX_FORMS);
            resources.extend(inherited.filter_map(|id| self.document.get_dictionary(id).ok()));
        }
        let mut found = Found::default();
        self.run(&content, &resources, State::default(), &mut found, 0)?;
        Ok(found)
    }

    /// Runs a content stream.
    fn run(
        &mut self,
        content: &[u8],
        resources: &Resources<'a>,
        mut state: State,
        found: &mut Found,
        depth: usize,
    ) -> Result<(), Unreadable> {
        self.bytes += content.len();
        if self.bytes > MAX_PAGES_BYTES {
            return Err(bomb());
        }
        let mut saved: Vec<State> = Vec::new();
        let mut shown = 0;
        for operation in Content::decode_iter(content) {
            let Ok(operation) = operation else {
                break;
            };
            self.operations += 1;
            if self.operations > MAX_OPERATIONS || self.text_bytes > MAX_TEXT_BYTES {
                return Err(bomb());
            }
            match operation.operator.as_str() {
                "q" if saved.len() < MAX_STATES => saved.push(state.clone()),
                "Q" => state = saved.pop().unwrap_or(state),
                "Tf" => {
                    state.size = state.number(&operation, 1);
                    state.font = self.font(resources, &operation)?;
                }
                "Do" => {
                    found.painted = true;
                    self.form(resources, &operation, &state, found, depth)?;
                }
                "Tj" | "'" | "\"" | "TJ" => {
                    found.painted = true;
                    shown += 1;
                    self.show(&operation, &mut state, found);
                }
                "S" | "s" | "f" | "F" | "f*" | "B" | "B*" | "b" | "b*" | "sh" | "BI" | "EI" => {
                    found.painted = true;
                }
                _ => state.apply(&operation),
            }
        }
        // The parser ends without a word where it understands no more.
        let written = showing_operators(content);
        if shown * 10 < written * 9 {
            found.lost += written - shown;
        }
        Ok(())
    }

    fn show(&mut self, operation: &Operation, state: &mut State, found: &mut Found) {
        state.before_showing(operation);
        let before = found.pieces.len();
        match operation.operands.last() {
            Some(Object::String(string, _)) => state.show(string, found),
            Some(Object::Array(parts)) => {
                for part in parts {
                    match part {
                        Object::String(string, _) => state.show(string, found),
                        number => state.shift(number),
                    }
                }
            }
            _ => {}
        }
        let shown = found.pieces.get(before..).unwrap_or_default();
        self.text_bytes += shown.iter().map(|piece| piece.text.len()).sum::<usize>();
    }

    fn font(
        &mut self,
        resources: &Resources<'a>,
        operation: &Operation,
    ) -> Result<Option<Rc<Font>>, Unreadable> {
        let name = operation
            .operands
            .first()
            .and_then(|name| name.as_name().ok());
        let object = name.and_then(|name| self.resource(resources, b"Font", name));
        let Some(font) = object.and_then(|object| object.as_dict().ok()) else {
            return Ok(None);
        };
        let address = std::ptr::from_ref(font).addr();
        if let Some(known) = self.fonts.get(&address) {
            return Ok(Some(Rc::clone(known)));
        }
        let font = Rc::new(Font::read(self.document, font, &mut self.budget));
        if self.budget.is_spent() {
            return Err(bomb());
        }
        self.fonts.insert(address, Rc::clone(&font));
        Ok(Some(font))
    }

    /// Shows a form; what is no form is a picture.
    fn form(
        &mut self,
        resources: &Resources<'a>,
        operation: &Operation,
        state: &State,
        found: &mut Found,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let name = operation
            .operands
            .first()
            .and_then(|name| name.as_name().ok());
        let object = name.and_then(|name| self.resource(resources, b"XObject", name));
        let Some(stream) = object.and_then(|object| object.as_stream().ok()) else {
            return Ok(());
        };
        let subtype = stream.dict.get(b"Subtype").and_then(Object::as_name);
        if !matches!(subtype, Ok(b"Form")) || depth >= MAX_FORMS {
            return Ok(());
        }
        let limited = stream.decompressed_content_with_limit(MAX_STREAM_BYTES);
        let content = limited.map_err(|_| bomb())?;
        let own = stream
            .dict
            .get_deref(b"Resources", self.document)
            .and_then(Object::as_dict);
        let mut nearest: Resources<'a> = own.into_iter().collect();
        nearest.extend(resources.iter().take(MAX_FORMS));
        let mut inner = state.clone();
        if let Ok(matrix) = stream
            .dict
            .get_deref(b"Matrix", self.document)
            .and_then(Object::as_array)
        {
            inner.transform = Matrix::of(matrix).then(inner.transform);
        }
        self.run(&content, &nearest, inner, found, depth + 1)
    }

    /// A named resource of the nearest dictionary that has it.
    fn resource(&self, resources: &Resources<'a>, kind: &[u8], name: &[u8]) -> Option<&'a Object> {
        resources.iter().find_map(|dictionary| {
            let named = dictionary
                .get_deref(kind, self.document)
                .ok()?
                .as_dict()
                .ok()?;
            let (_, object) = self.document.dereference(named.get(name).ok()?).ok()?;
            Some(object)
        })
    }
}

/// How many operators that show text stand in a content stream, by their spelling.
fn showing_operators(content: &[u8]) -> usize {
    let shows = |window: &&[u8]| {
        let [before, b'T', b'j' | b'J', after] = window else {
            return false;
        };
        let ends_operand = matches!(before, b')' | b'>' | b']') || before.is_ascii_whitespace();
        ends_operand && after.is_ascii_whitespace()
    };
    content.windows(4).filter(shows).count()
}
