//! Files to canonical text: one reader for each format, none of them trusts the bytes.
//!
//! Readers are pure: the same bytes give the same [`Extract`](super::Extract). They never follow
//! a name, path or link inside a file, never run anything, and bound what they allocate by
//! [`limits`]. What cannot be read as it stands is counted as a fault; what cannot be read at
//! all is refused with a reason.

mod decode;
mod draft;
mod furniture;
mod head_lines;
mod html;
pub(crate) mod limits;
mod markdown;
mod plain;
mod sniff;
mod unreadable;

pub use limits::MAX_FILE_BYTES;
pub use unreadable::Unreadable;

use self::sniff::Content;
use super::extract::Extract;

/// Reads a file of any known format.
///
/// `name` decides only between kinds of text; what the bytes are is read from the bytes, and a
/// name that says otherwise is refused, so that nobody is surprised by what was stored.
pub fn read(name: &str, bytes: &[u8]) -> Result<Extract, Unreadable> {
    limits::check_file_size(bytes.len())?;
    let content = sniff::content(bytes)?;
    sniff::agree(name, content)?;
    match content {
        Content::Text => read_text(name, bytes),
    }
}

/// Reads bytes that are text in some encoding.
fn read_text(name: &str, bytes: &[u8]) -> Result<Extract, Unreadable> {
    let decoded = decode::decode(bytes)?;
    if sniff::is_html(name, decoded.text()) {
        sniff::agree(name, Content::Text)?;
        return html::read(&decoded);
    }
    if sniff::is_markdown(name) {
        return markdown::read(decoded);
    }
    plain::read(decoded)
}
