//! A text, or the part of a long text around a passage, folded for comparing.

use std::ops::Range;

use crate::kb::{SectionKind, Version};
use crate::retrieve::fold;

/// A text with at most this many bytes of passages is looked at as a whole.
const SHORT_TEXT_BYTES: usize = 6_000;
/// Of a longer one, at most this many passages around the one that was found.
const AROUND: usize = 6;
/// Words that begin a note on who does what by when; it belongs to the sentences before it.
const NOTES: [&str; 10] = [
    "牵头",
    "责任",
    "配合",
    "主办",
    "协办",
    "承办",
    "主管",
    "完成时",
    "时限",
    "负责",
];

/// Sentences that may answer together, with the titles above them.
#[derive(Debug)]
pub(crate) struct View {
    /// Title of the document.
    pub(crate) title: String,
    /// The place that it is about, as its head says; empty for none.
    pub(crate) place: String,
    /// All sentences.
    pub(crate) body: String,
    pub(crate) sentences: Vec<SentenceView>,
}

/// A sentence folded for comparing, with its bytes of the canonical text.
#[derive(Debug)]
pub(crate) struct SentenceView {
    pub(crate) folded: String,
    /// Headings above it.
    pub(crate) heading: String,
    /// Sentences that it belongs to: those of its line, the item that a note is on, the first row
    /// of a table.
    pub(crate) beside: String,
    pub(crate) kind: SectionKind,
    /// Position of its passage in the version.
    pub(crate) passage: usize,
    /// Number of the line that it stands in.
    pub(crate) line: usize,
    /// Bytes of the row that names the columns of its table.
    pub(crate) header: Option<Range<usize>>,
    /// Whether it is a note on the sentences before it.
    pub(crate) note: bool,
    pub(crate) span: Range<usize>,
}

impl View {
    /// The view of some passages of a version.
    pub(crate) fn new(version: &Version, passages: Range<usize>) -> Self {
        let mut view = Self {
            title: fold(&version.head.title),
            place: fold(version.head.place.as_deref().unwrap_or_default()),
            body: String::new(),
            sentences: Vec::new(),
        };
        let chosen = version.passages.get(passages.clone()).unwrap_or_default();
        let mut line = 0;
        let mut last_end = None;
        for (passage, number) in chosen.iter().zip(passages) {
            let heading = fold(&passage.path.join("\n"));
            for span in &passage.sentences {
                let raw = version.text.get(span.clone()).unwrap_or_default();
                let between = last_end.and_then(|end| version.text.get(end..span.start));
                if between.is_none_or(|between| between.contains('\n')) {
                    line += 1;
                }
                last_end = Some(span.end);
                let folded = fold(raw);
                view.body.push_str(&folded);
                view.body.push('\n');
                view.sentences.push(SentenceView {
                    note: is_note(&folded),
                    folded,
                    heading: heading.clone(),
                    beside: String::new(),
                    kind: passage.kind,
                    passage: number,
                    line,
                    header: passage.table_head.clone().filter(|head| head != span),
                    span: span.clone(),
                });
            }
        }
        view.join_sides();
        for sentence in &mut view.sentences {
            if let Some(head) = &sentence.header {
                sentence.beside = fold(version.text.get(head.clone()).unwrap_or_default());
            }
        }
        view
    }

    /// Fills in what each sentence stands beside.
    fn join_sides(&mut self) {
        let mut sides = Vec::with_capacity(self.sentences.len());
        for at in 0..self.sentences.len() {
            sides.push(self.side_of(at));
        }
        for (sentence, beside) in self.sentences.iter_mut().zip(sides) {
            sentence.beside = beside;
        }
    }

    fn side_of(&self, at: usize) -> String {
        let Some(own) = self.sentences.get(at) else {
            return String::new();
        };
        let before = self.sentences.get(..at).unwrap_or_default();
        let text = |sentences: &mut dyn Iterator<Item = &SentenceView>| {
            let texts: Vec<&str> = sentences.map(|s| s.folded.as_str()).collect();
            texts.join("\n")
        };
        if own.note {
            let item = before.iter().rev();
            let item =
                item.take_while(|s| !(s.note && s.line != own.line) && s.heading == own.heading);
            return text(&mut item.take(8));
        }
        let after = self.sentences.get(at + 1..).unwrap_or_default();
        let mut same_line = before
            .iter()
            .rev()
            .chain(after)
            .filter(|s| s.line == own.line)
            .take(6);
        text(&mut same_line)
    }
}

fn is_note(folded: &str) -> bool {
    let bare = folded.trim_start_matches(['(', '[', '【', ' ']);
    NOTES.iter().any(|word| bare.starts_with(word)) && bare.contains(':')
}

/// The passages that are judged together with one that was found: all of a short text; of a long
/// one its neighbours under the same headings.
pub(crate) fn scope(version: &Version, found: usize) -> Range<usize> {
    let passages = &version.passages;
    let bytes: usize = passages
        .iter()
        .flat_map(|passage| &passage.sentences)
        .map(ExactSizeIterator::len)
        .take(SHORT_TEXT_BYTES)
        .sum();
    if bytes <= SHORT_TEXT_BYTES {
        return 0..passages.len();
    }
    let path = passages.get(found).map(|passage| &passage.path);
    let same = |at: usize| passages.get(at).map(|passage| &passage.path) == path;
    let mut range = found..found + 1;
    while range.len() < AROUND {
        let before = range.start > 0 && same(range.start - 1);
        let after = same(range.end);
        match (before, after) {
            (_, true) => range.end += 1,
            (true, false) => range.start -= 1,
            (false, false) => break,
        }
    }
    range
}
