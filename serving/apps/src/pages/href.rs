//! Addresses with untrusted parts.

use std::fmt::Write as _;

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

/// The page that asks a question.
pub(crate) fn ask(question: &str) -> String {
    format!("/qa?q={}", encode(question))
}

/// The source page with a byte range marked.
pub(crate) fn source(document: &str, start: usize, end: usize) -> String {
    let path: Vec<String> = document.split('/').map(encode).collect();
    format!(
        "/qa/source/{}?start={start}&end={end}#cited",
        path.join("/")
    )
}
