//! Citations, and the check that none leaves unless the cited text has the quote at its bytes.

use std::ops::Range;

use jiff::civil::Date;
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::evidence::SentenceView;
use super::question::orders_a_machine;
use super::record::{Citation, Sentence};
use crate::kb::{Origin, Version};
use crate::retrieve::fold;

/// Why a citation does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CitationFault {
    /// The text is not the one that was published.
    #[error("引用的《{title}》正文已变（SHA-256 为 {found}），请重新发布后再引用")]
    TextChanged {
        /// Title of the document.
        title: String,
        /// Digest of the text now.
        found: String,
    },
    /// The range does not hold the quote.
    #[error("《{title}》第 {start} 至 {end} 字节不是所引文字")]
    OtherText {
        /// Title of the document.
        title: String,
        /// First byte.
        start: usize,
        /// First byte after.
        end: usize,
    },
}

impl Citation {
    /// The citation of a byte range of a version as it stands on a day.
    pub(crate) fn of(version: &Version, path: &[String], span: Range<usize>, day: Date) -> Self {
        let head = &version.head;
        Self {
            document: version.id.document.clone(),
            version: version.id.number,
            title: head.title.clone(),
            issuer: head.issuer.clone().unwrap_or_default(),
            number: head.number.clone(),
            place: head.place.clone(),
            state: version.state_on(day),
            effective: head.effective,
            repealed: head.repealed,
            path: path.to_vec(),
            start_byte: span.start,
            end_byte: span.end,
            quote: version
                .text
                .get(span.clone())
                .unwrap_or_default()
                .to_owned(),
            origin: origin(version, &span),
            text_sha256: version.text_sha256.clone(),
        }
    }

    /// Checks that `text` is the cited text and holds the quote, not empty, at its bytes.
    pub fn verify(&self, text: &str) -> Result<(), CitationFault> {
        let found = hex::encode(Sha256::digest(text.as_bytes()));
        if found != self.text_sha256 {
            let title = self.title.clone();
            return Err(CitationFault::TextChanged { title, found });
        }
        self.verify_range(text)
    }

    /// The second half of [`Citation::verify`], for a text whose digest was checked already.
    pub(crate) fn verify_range(&self, text: &str) -> Result<(), CitationFault> {
        match text.get(self.start_byte..self.end_byte) {
            Some(quote) if quote == self.quote && !quote.is_empty() => Ok(()),
            _ => Err(CitationFault::OtherText {
                title: self.title.clone(),
                start: self.start_byte,
                end: self.end_byte,
            }),
        }
    }
}

/// Cites the chosen sentences and keeps those whose bytes hold them, but for orders to a machine:
/// no text for people holds those, and a reader could take them for the answer.
pub(crate) fn verified(version: &Version, day: Date, chosen: &[&SentenceView]) -> Vec<Sentence> {
    let mut kept = Vec::new();
    let mut checked = None;
    for sentence in chosen {
        let path = version.passages.get(sentence.passage).map(|p| &*p.path);
        let path = path.unwrap_or_default();
        let citation = Citation::of(version, path, sentence.span.clone(), day);
        if orders_a_machine(&fold(&citation.quote)) {
            tracing::warn!(document = %citation.document, "a sentence that orders a machine");
            continue;
        }
        if let Some(head) = &sentence.header {
            let head = Citation::of(version, path, head.clone(), day);
            let known = |s: &Sentence| s.text == head.quote;
            if !kept.iter().any(known) && head.verify(&version.text).is_ok() {
                kept.push(said(head));
            }
        }
        let text_holds = checked
            .get_or_insert_with(|| citation.verify(&version.text))
            .clone();
        match text_holds.and_then(|()| citation.verify_range(&version.text)) {
            Ok(()) => kept.push(said(citation)),
            Err(fault) => tracing::error!(%fault, "citation dropped"),
        }
    }
    kept
}

/// A sentence as its citation has it.
pub(super) fn said(citation: Citation) -> Sentence {
    Sentence {
        text: citation.quote.clone(),
        section: citation.path.last().cloned().unwrap_or_default(),
        citations: vec![citation],
    }
}

/// Where the block that holds a range stood in the file; its own bytes where no block does.
fn origin(version: &Version, span: &Range<usize>) -> Origin {
    let blocks = &version.blocks;
    let after = blocks.partition_point(|block| block.range.start <= span.start);
    let block = after.checked_sub(1).and_then(|at| blocks.get(at));
    match block {
        Some(block) if span.start < block.range.end => block.origin.clone(),
        _ => Origin::Bytes(span.clone()),
    }
}
