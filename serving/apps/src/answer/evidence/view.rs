//! A text, or the part of a long text around a passage, folded for comparing.

use std::ops::Range;

use crate::answer::question::Concept;
use crate::kb::{SectionKind, Version};
use crate::retrieve::fold;

/// A text with at most this many bytes of passages is looked at as a whole.
const SHORT_TEXT_BYTES: usize = 9_000;
/// Of a longer one, at most this many passages around the one that was found.
const AROUND: usize = 6;

/// Sentences that may answer together, with the titles above them.
#[derive(Debug)]
pub(crate) struct View {
    /// Title, and for a part of a long text the headings above it.
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) place: String,
    pub(crate) sentences: Vec<SentenceView>,
}

/// A sentence folded for comparing, with its bytes of the canonical text.
#[derive(Debug)]
pub(crate) struct SentenceView {
    pub(crate) folded: String,
    pub(crate) heading: String,
    pub(crate) kind: SectionKind,
    pub(crate) passage: usize,
    pub(crate) span: Range<usize>,
}

impl View {
    /// The view of some passages of a version.
    pub(crate) fn new(version: &Version, passages: Range<usize>) -> Self {
        let whole = passages.len() == version.passages.len();
        let mut view = Self {
            title: fold(&version.head.title),
            body: String::new(),
            place: fold(version.head.place.as_deref().unwrap_or_default()),
            sentences: Vec::new(),
        };
        let first = passages.start;
        let chosen = version.passages.get(passages).unwrap_or_default();
        if let (false, Some(passage)) = (whole, chosen.first()) {
            for heading in &passage.path {
                view.title.push('\n');
                view.title.push_str(&fold(heading));
            }
        }
        for (passage, number) in chosen.iter().zip(first..) {
            let heading = passage.path.last().map_or(String::new(), |last| fold(last));
            for span in &passage.sentences {
                let folded = fold(version.text.get(span.clone()).unwrap_or_default());
                view.body.push_str(&folded);
                view.body.push('\n');
                view.sentences.push(SentenceView {
                    folded,
                    heading: heading.clone(),
                    kind: passage.kind,
                    passage: number,
                    span: span.clone(),
                });
            }
        }
        view
    }

    /// Whether title or body names a concept.
    pub(crate) fn names(&self, concept: &Concept) -> bool {
        concept.is_in(&self.title) || concept.is_in(&self.body)
    }
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
