//! Files to canonical text: one reader for each format, none of them trusts the bytes.
//!
//! Readers are pure: the same bytes give the same [`Extract`](super::Extract). They never follow
//! a name, path or link inside a file, never run anything, and bound what they allocate by
//! [`limits`]. What cannot be read as it stands is counted as a fault; what cannot be read at
//! all is refused with a reason.

mod archive;
mod decode;
mod docx;
mod draft;
mod encoding;
mod furniture;
mod guard;
mod head_lines;
mod html;
pub(crate) mod limits;
mod markdown;
mod pdf;
mod plain;
mod properties;
mod sniff;
mod unreadable;
mod xlsx;
mod xml;

pub use limits::MAX_FILE_BYTES;
pub use unreadable::Unreadable;

use self::archive::Archive;
use self::sniff::Content;
use super::extract::Extract;

/// Reads a file of any known format.
///
/// `name` decides only between kinds of text; what the bytes are is read from the bytes, and a
/// name that says otherwise is refused, so that nobody is surprised by what was stored.
pub fn read(name: &str, bytes: &[u8]) -> Result<Extract, Unreadable> {
    limits::check_file_size(bytes.len())?;
    if bytes.starts_with(b"PK") {
        return read_archive(name, bytes);
    }
    if pdf::is_pdf(bytes) {
        sniff::agree(name, Content::Pdf)?;
        return pdf::read(bytes);
    }
    sniff::refuse_known(bytes)?;
    read_text(name, bytes)
}

/// Reads an office file.
fn read_archive(name: &str, bytes: &[u8]) -> Result<Extract, Unreadable> {
    let mut archive = Archive::open(bytes)?;
    if archive.has(docx::DOCUMENT) {
        sniff::agree(name, Content::Docx)?;
        return docx::read(&mut archive);
    }
    if archive.has(xlsx::WORKBOOK) {
        sniff::agree(name, Content::Xlsx)?;
        return xlsx::read(&mut archive, bytes);
    }
    let message = "这是压缩包，里面不是 Word 或 Excel 文件，请解压后逐个放入";
    Err(Unreadable::new("archive", message))
}

/// Reads bytes that are text in some encoding.
fn read_text(name: &str, bytes: &[u8]) -> Result<Extract, Unreadable> {
    sniff::agree(name, Content::Text)?;
    let decoded = decode::decode(bytes)?;
    if sniff::is_html(name, decoded.text()) {
        return html::read(&decoded);
    }
    if sniff::is_markdown(name) {
        return markdown::read(decoded);
    }
    plain::read(decoded)
}
