//! Addresses with untrusted parts.

use std::fmt::Write as _;

use jiff::civil::Date;

use crate::answer::Citation;

/// A text as one part of an address: all but unreserved characters as percent codes.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A name that may have slashes as the end of an address.
pub(crate) fn encode_path(name: &str) -> String {
    let parts: Vec<String> = name.split('/').map(encode).collect();
    parts.join("/")
}

/// The page that asks a question.
pub(crate) fn ask(question: &str) -> String {
    format!("/qa?q={}", encode(question))
}

/// The page that asks a question about a day and a place.
pub(crate) fn ask_as(question: &str, as_of: Date, place: Option<&str>) -> String {
    let mut href = format!("{}&as_of={as_of}", ask(question));
    if let Some(place) = place {
        let _ = write!(href, "&place={}", encode(place));
    }
    href
}

/// The source page with the cited bytes marked, as of a day.
pub(crate) fn cited(citation: &Citation, as_of: Date) -> String {
    source(
        &citation.document,
        citation.version,
        citation.start_byte..citation.end_byte,
        as_of,
    )
}

/// The source page of a version with a byte range marked, as of a day.
pub(crate) fn source(
    document: &str,
    version: u32,
    range: std::ops::Range<usize>,
    as_of: Date,
) -> String {
    format!(
        "/qa/source/{}?version={version}&start={}&end={}&as_of={as_of}#cited",
        encode_path(document),
        range.start,
        range.end
    )
}

/// The whole text of a version.
pub(crate) fn whole(document: &str, version: u32, as_of: Date) -> String {
    format!(
        "/qa/source/{}?version={version}&as_of={as_of}",
        encode_path(document)
    )
}

/// The guide of a service item.
pub(crate) fn guide(document: &str, as_of: Date) -> String {
    format!("/qa/guide/{}?as_of={as_of}", encode_path(document))
}

/// A kept answer; `form` is empty for the page, `/text` or `/json` for a file.
pub(crate) fn kept(id: &str, form: &str) -> String {
    format!("/qa/answer/{}{form}", encode(id))
}
