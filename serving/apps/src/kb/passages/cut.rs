//! Cutting a text into passages of bearable length at the borders of its structure.

use std::ops::Range;

use super::bodies::{bodies, is_note};
use super::deadline::deadline;
use super::number::Rank;
use super::path::Path;
use super::structure::{Next, Role, role};
use super::{sentence, table};
use crate::kb::extract::{Block, BlockKind};
use crate::kb::passage::{Passage, SectionKind};

/// A passage is not begun anew at a paragraph before it holds this many bytes (130 characters).
const ENOUGH: usize = 400;
/// A passage does not grow beyond this many bytes (300 characters) unless one sentence does.
const FULL: usize = 900;
/// The rest of an item joins the passage before it if both fit into this many bytes.
const JOINED: usize = 1100;
/// A heading that a file marks is one only up to this many bytes; longer ones are paragraphs.
const LONGEST_HEADING: usize = 240;

/// Cuts a text into passages. Blocks that begin before `head_end`, furniture and headings are in
/// none. The work is linear in the text.
pub fn passages(text: &str, blocks: &[Block], head_end: usize) -> Vec<Passage> {
    let body: Vec<&Block> = blocks
        .iter()
        .filter(|block| block.kind != BlockKind::Furniture && block.range.start >= head_end)
        .filter(|block| {
            text.get(block.range.clone())
                .is_some_and(|line| !line.trim().is_empty())
        })
        .collect();
    let mut cutter = Cutter::new(text);
    for (at, block) in body.iter().enumerate() {
        let following = body.get(at + 1).copied();
        match block.kind {
            BlockKind::TableRow => cutter.row(block, following),
            BlockKind::Heading(level) if cutter.is_heading(block) => cutter.heading(level, block),
            _ => cutter.line(block, following),
        }
    }
    cutter.finish()
}

/// The passages so far and the one that is open.
#[derive(Debug)]
struct Cutter<'a> {
    text: &'a str,
    path: Path,
    /// A label that heads only the open passage.
    label: Option<String>,
    open: Vec<Range<usize>>,
    open_bytes: usize,
    table_head: Option<Range<usize>>,
    in_table: bool,
    listed: Option<Rank>,
    /// The last block was a note of who is responsible.
    noted: bool,
    found: Vec<Passage>,
    /// Where the running item begins in `found`: its notes hold for all its passages.
    item: usize,
    bodies: Vec<String>,
    /// The deadline that a label sets for the whole item.
    item_deadline: Option<Range<usize>>,
    /// The first deadline of the open passage.
    deadline: Option<Range<usize>>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            path: Path::default(),
            label: None,
            open: Vec::new(),
            open_bytes: 0,
            table_head: None,
            in_table: false,
            listed: None,
            noted: false,
            found: Vec::new(),
            item: 0,
            bodies: Vec::new(),
            item_deadline: None,
            deadline: None,
        }
    }

    fn words(&self, block: &Block) -> &'a str {
        self.text
            .get(block.range.clone())
            .unwrap_or_default()
            .trim()
    }

    fn is_heading(&self, block: &Block) -> bool {
        let words = self.words(block);
        words.len() <= LONGEST_HEADING && !words.contains('。')
    }

    /// Whether a label says no more than the heading above it.
    fn is_known(&self, label: &str) -> bool {
        self.path.kind() == SectionKind::of_heading(label)
    }

    fn heading(&mut self, level: u8, block: &Block) {
        self.close_item();
        self.path.mark(level, self.words(block));
    }

    /// A paragraph or list item.
    fn line(&mut self, block: &Block, following: Option<&Block>) {
        self.end_table();
        let words = self.words(block);
        let note = is_note(words);
        if self.noted && !note {
            self.close_item();
        }
        let next = match following {
            Some(next) if next.kind == BlockKind::TableRow => Next::Table,
            Some(next) => Next::Line(self.words(next)),
            None => Next::Nothing,
        };
        let role = role(words, next, self.listed);
        self.listed = None;
        match role {
            Role::Heading { rank, title } => {
                self.close_item();
                self.path.number(rank, title);
                return;
            }
            Role::Item { rank, title } => {
                self.close_item();
                self.path.number(rank, title);
            }
            Role::Labelled { title } if !note && !self.is_known(title) => {
                self.close_passage();
                self.label = Some(title.to_owned());
            }
            Role::Listed(rank) => self.listed = Some(rank),
            Role::Labelled { .. } | Role::Text => {}
        }
        let goes_on = note || self.listed.is_some() || block.kind == BlockKind::ListItem;
        if self.open_bytes >= ENOUGH && !goes_on {
            self.close_passage();
        }
        let said = self.add(block.range.clone(), true);
        if self.label.is_some() {
            self.close_passage();
            self.label = None;
        }
        self.noted = note;
        if said && !note {
            self.close_item();
        }
    }

    /// A row of a table; the first may name the columns of the others.
    fn row(&mut self, block: &Block, following: Option<&Block>) {
        if self.noted {
            self.close_item();
        }
        if !self.in_table {
            self.close_passage();
            self.in_table = true;
            let second = following
                .filter(|next| next.kind == BlockKind::TableRow)
                .map(|next| self.words(next));
            if table::is_head(self.words(block), second) {
                self.table_head = Some(block.range.clone());
                return;
            }
        }
        self.add(block.range.clone(), false);
    }

    fn end_table(&mut self) {
        if self.in_table {
            self.close_passage();
            self.in_table = false;
            self.table_head = None;
        }
    }

    /// Adds the sentences of a range; says whether they name responsible bodies in a note.
    fn add(&mut self, range: Range<usize>, divided: bool) -> bool {
        let mut sentences = Vec::new();
        if divided || range.len() > FULL {
            sentence::split(self.text, range, &mut sentences);
        } else {
            sentences.push(range);
        }
        let known = self.bodies.len();
        for sentence in sentences {
            let words = self.text.get(sentence.clone()).unwrap_or_default();
            let full = self.open_bytes > 0 && self.open_bytes + sentence.len() > FULL;
            // A note alone answers nothing: it stays with the measure that it is about.
            if full && !is_note(words) {
                self.close_passage();
            }
            bodies(words, &mut self.bodies);
            if let Some((range, labelled)) = deadline(words, sentence.start) {
                let known = if labelled {
                    &mut self.item_deadline
                } else {
                    &mut self.deadline
                };
                known.get_or_insert(range);
            }
            self.open_bytes += sentence.len();
            self.open.push(sentence);
        }
        self.bodies.len() > known
    }

    /// Ends the open passage; the next one stands under the same headings.
    fn close_passage(&mut self) {
        let sentences = std::mem::take(&mut self.open);
        let bytes = std::mem::take(&mut self.open_bytes);
        let deadline = self.deadline.take();
        if sentences.is_empty() {
            return;
        }
        let mut path = self.path.titles();
        let mut kind = self.path.kind();
        if let Some(label) = &self.label {
            kind = SectionKind::of_heading(label);
            path.push(label.clone());
        }
        if let Some(last) = self
            .found
            .get_mut(self.item..)
            .and_then(<[Passage]>::last_mut)
            && bytes < ENOUGH / 2
            && last.path == path
            && last.table_head == self.table_head
            && length(last) + bytes <= JOINED
        {
            last.sentences.extend(sentences);
            last.deadline = last.deadline.take().or(deadline);
            return;
        }
        let mut passage = Passage::new(path, kind, sentences);
        passage.table_head.clone_from(&self.table_head);
        passage.deadline = deadline;
        self.found.push(passage);
    }

    /// Ends the running item: who is responsible for it, and by when, holds for all its passages.
    fn close_item(&mut self) {
        self.close_passage();
        let bodies = std::mem::take(&mut self.bodies);
        let deadline = self.item_deadline.take();
        for passage in self.found.get_mut(self.item..).unwrap_or_default() {
            passage.responsible.clone_from(&bodies);
            passage.deadline = passage.deadline.take().or_else(|| deadline.clone());
        }
        self.item = self.found.len();
        self.noted = false;
        self.in_table = false;
        self.table_head = None;
    }

    fn finish(mut self) -> Vec<Passage> {
        self.close_item();
        self.found
    }
}

fn length(passage: &Passage) -> usize {
    passage.sentences.iter().map(ExactSizeIterator::len).sum()
}
