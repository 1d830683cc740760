//! PDF with text (ISO 32000-1): what the glyphs say, in reading order, joined to paragraphs.
//!
//! A glyph whose character the file does not say becomes U+FFFD and is counted: text that nobody
//! can read must not look like text. Pictures of text are counted as pages without text.

mod cmap;
mod font;
mod glyphs;
mod lines;
mod page;
mod paragraphs;
mod radicals;

use lopdf::{Document, LoadOptions, Object};

use self::lines::Line;
use self::page::Pages;
use super::draft::Draft;
use super::guard::guarded;
use super::unreadable::Unreadable;
use crate::kb::extract::{Extract, Format, ReadFaultKind};

/// Most pages of a file.
const MAX_PAGES: usize = 5000;
/// Most bytes that one stream may unpack to, and all object streams together.
const MAX_STREAM_BYTES: usize = 16 << 20;
const MAX_OBJECT_BYTES: usize = 256 << 20;
const MIN_STREAM_BYTES: usize = 256 << 10;

/// Whether bytes are a PDF: its mark stands at the beginning, or within the first kilobyte of a
/// file that has objects; a text may speak of the mark.
pub(super) fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..1024).unwrap_or(bytes);
    head.starts_with(b"%PDF-") || (has(head, b"%PDF-") && has(bytes, b"endobj"))
}

/// Reads a PDF.
pub(super) fn read(bytes: &[u8]) -> Result<Extract, Unreadable> {
    guarded("broken_pdf", || read_document(bytes)).map_err(|refused| {
        // What a damaged key looks like to a parser helps nobody.
        let locked = refused.code == "broken_pdf" && has(bytes, b"/Encrypt");
        if locked { encrypted() } else { refused }
    })
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

fn read_document(bytes: &[u8]) -> Result<Extract, Unreadable> {
    let document = load(bytes)?;
    let pages = document.get_pages();
    if pages.len() > MAX_PAGES {
        let message = format!("PDF 超过 {MAX_PAGES} 页，请拆分后再放入");
        return Err(Unreadable::new("too_many_pages", message));
    }
    if pages.is_empty() {
        return Err(broken());
    }
    let mut draft = Draft::new(Format::Pdf);
    declare(&document, &mut draft);
    let mut reader = Pages::new(&document);
    let mut all: Vec<(u32, Vec<Line>)> = Vec::with_capacity(pages.len());
    let (mut unmapped, mut without_text, mut lost) = (0, 0, 0);
    for (number, id) in pages {
        let found = reader.read(id)?;
        unmapped += found.unmapped;
        lost += found.lost;
        without_text += usize::from(found.pieces.is_empty() && found.painted);
        all.push((number, lines::of_pieces(found.pieces)));
    }
    paragraphs::write(&mut draft, all)?;
    let first = draft.text().find('\u{fffd}');
    let place = first.map_or(0..0, |at| at..at + '\u{fffd}'.len_utf8());
    draft.fault(ReadFaultKind::UnmappedGlyphs, place, unmapped);
    draft.fault(ReadFaultKind::InvalidBytes, 0..0, lost);
    draft.fault(ReadFaultKind::PageWithoutText, 0..0, without_text);
    draft.fault(ReadFaultKind::ActiveContent, 0..0, active(&document));
    draft.finish()
}

/// Loads the objects. Streams are unpacked by the loader, so the more object streams there are,
/// the less may each of them hold.
fn load(bytes: &[u8]) -> Result<Document, Unreadable> {
    let streams = bytes
        .windows(6)
        .filter(|window| *window == b"ObjStm")
        .count();
    let each = (MAX_OBJECT_BYTES / streams.max(1)).clamp(MIN_STREAM_BYTES, MAX_STREAM_BYTES);
    let options = LoadOptions::with_max_decompressed_size(each);
    let document = Document::load_mem_with_options(bytes, options).map_err(|_| broken())?;
    if document.is_encrypted() || document.was_encrypted() {
        return Err(encrypted());
    }
    Ok(document)
}

/// Declares the fields of the information dictionary.
fn declare(document: &Document, draft: &mut Draft) {
    let info = document
        .trailer
        .get_deref(b"Info", document)
        .and_then(Object::as_dict);
    let Ok(info) = info else {
        return;
    };
    for key in [
        "Title",
        "Author",
        "Subject",
        "Keywords",
        "CreationDate",
        "ModDate",
    ] {
        if let Ok(Object::String(value, _)) = info.get_deref(key.as_bytes(), document) {
            draft.declare(key, &text_string(value));
        }
    }
}

/// A text string (7.9.2.2): UTF-16 or UTF-8 with a mark, else near enough Latin-1.
fn text_string(bytes: &[u8]) -> String {
    if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        return encoding_rs::UTF_16BE
            .decode_without_bom_handling(rest)
            .0
            .into_owned();
    }
    let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(rest).map_or_else(
        |_| rest.iter().map(|byte| char::from(*byte)).collect(),
        str::to_owned,
    )
}

/// How many objects of the file would act if a viewer opened it.
fn active(document: &Document) -> usize {
    let acts = |object: &&Object| {
        let kind = object
            .as_dict()
            .and_then(|dict| dict.get(b"S"))
            .and_then(Object::as_name);
        matches!(
            kind,
            Ok(b"JavaScript" | b"Launch" | b"SubmitForm" | b"ImportData")
        )
    };
    document.objects.values().filter(acts).count()
}

fn encrypted() -> Unreadable {
    let message = "PDF 加了密码或限制权限，无法确认内容完整，请用原始程序导出未加密的版本后再放入";
    Unreadable::new("encrypted", message)
}

fn broken() -> Unreadable {
    let message = "PDF 已损坏或不完整，请重新导出后再放入";
    Unreadable::new("broken_pdf", message)
}

/// A page or form that unpacks to more than it may.
fn bomb() -> Unreadable {
    let message = "PDF 的内容展开后过大（疑似压缩炸弹），没有读取，请核对文件来源";
    Unreadable::new("pdf_bomb", message)
}
