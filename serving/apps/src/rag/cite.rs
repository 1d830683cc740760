//! Citations, and the check that none is shown unless the source bytes contain the sentence.

use jiff::civil::Date;
use serde::Serialize;
use thiserror::Error;

use super::document::{Document, Status, serialize_date, sha256};

/// Where a sentence stands in a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Citation {
    /// Name of the text.
    pub document_id: String,
    /// Its title.
    pub title: String,
    /// Who issued it.
    pub issuer: String,
    /// Its document number.
    pub number: Option<String>,
    /// The place where it applies.
    pub place: Option<String>,
    /// Its status on the day asked for.
    pub status: Status,
    /// Its first day in force.
    #[serde(serialize_with = "serialize_date")]
    pub effective_date: Option<Date>,
    /// Heading above the sentence.
    pub section: String,
    /// First byte of the sentence in the file.
    pub start_byte: usize,
    /// First byte after it.
    pub end_byte: usize,
    /// SHA-256 of the whole file.
    pub sha256: String,
}

/// Why a citation does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CitationFault {
    /// The file is not the one that was read into the base.
    #[error("file of {document_id} changed: sha256 is {found}, was {expected}")]
    FileChanged {
        /// Name of the text.
        document_id: String,
        /// Digest when it was loaded.
        expected: String,
        /// Digest now.
        found: String,
    },
    /// The range lies outside the file.
    #[error("bytes {start}..{end} are outside of {document_id}")]
    OutOfRange {
        /// Name of the text.
        document_id: String,
        /// First byte.
        start: usize,
        /// First byte after.
        end: usize,
    },
    /// The range holds other text.
    #[error("bytes {start}..{end} of {document_id} hold other text")]
    OtherText {
        /// Name of the text.
        document_id: String,
        /// First byte.
        start: usize,
        /// First byte after.
        end: usize,
    },
    /// The file could not be read again.
    #[error("file of {document_id} cannot be read: {reason}")]
    Unreadable {
        /// Name of the text.
        document_id: String,
        /// The system's words.
        reason: String,
    },
}

impl Citation {
    /// The citation of a byte range of a text.
    pub(crate) fn of(
        document: &Document,
        as_of: Date,
        section: &str,
        span: std::ops::Range<usize>,
    ) -> Self {
        Self {
            document_id: document.id.clone(),
            title: document.title.clone(),
            issuer: document.issuer.clone(),
            number: document.number.clone(),
            place: document.place.clone(),
            status: document.status_on(as_of),
            effective_date: document.effective_date,
            section: section.to_owned(),
            start_byte: span.start,
            end_byte: span.end,
            sha256: document.sha256.clone(),
        }
    }

    /// The citation of a whole file, for checking that it is still the same.
    pub(crate) fn whole(document: &Document, as_of: Date) -> Self {
        Self::of(document, as_of, "", 0..document.raw.len())
    }

    /// Checks that `file`, the source's bytes now, is the cited file and holds `text` at the range.
    pub fn verify(&self, text: &str, file: &[u8]) -> Result<(), CitationFault> {
        let document_id = || self.document_id.clone();
        let found = sha256(file);
        if found != self.sha256 {
            return Err(CitationFault::FileChanged {
                document_id: document_id(),
                expected: self.sha256.clone(),
                found,
            });
        }
        let (start, end) = (self.start_byte, self.end_byte);
        match file.get(start..end) {
            None => Err(CitationFault::OutOfRange {
                document_id: document_id(),
                start,
                end,
            }),
            Some(bytes) if bytes != text.as_bytes() || text.is_empty() => {
                Err(CitationFault::OtherText {
                    document_id: document_id(),
                    start,
                    end,
                })
            }
            Some(_) => Ok(()),
        }
    }
}
