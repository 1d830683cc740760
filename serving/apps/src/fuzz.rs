//! What reads files and questions of strangers, as functions that must end without a panic on any
//! input. The targets of `/fuzz` call them, and a seeded test here does with damaged real input.
//!
//! Not an interface for programs: it may change with the readers.

use std::io::{Cursor, Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use jiff::civil::date;
use serde_json::json;
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::answer::{Asked, Base};
use crate::eval::{GeneratedFile, published};
use crate::kb::{
    Block, BlockKind, Extract, Masked, Origin, examine, head_end, mask, mask_published, passages,
    read, read_bank, read_head, repair,
};

/// Parts of a DOCX file that carry text or change it.
pub const DOCX_PARTS: [&str; 4] = [
    "word/document.xml",
    "word/numbering.xml",
    "word/header1.xml",
    "word/styles.xml",
];
/// Parts of an XLSX file that carry cells or change them.
pub const XLSX_PARTS: [&str; 4] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
];

/// Texts that [`question`] is asked of: two cities, two years, a draft, traditional characters.
const TEXTS: [(&str, &str); 6] = [
    (
        "dog.md",
        include_str!("../../../examples/knowledge/dog-registration.md"),
    ),
    (
        "qinglan-dog.md",
        include_str!("../../../examples/knowledge/qinglan-dog-registration.md"),
    ),
    (
        "voucher-2023.md",
        include_str!("../../../examples/knowledge/compute-voucher-2023.md"),
    ),
    (
        "voucher.md",
        include_str!("../../../examples/knowledge/compute-voucher.md"),
    ),
    (
        "elevator.md",
        include_str!("../../../examples/knowledge/elevator-subsidy-draft.md"),
    ),
    (
        "meal.md",
        include_str!("../../../examples/knowledge/elder-meal-traditional.md"),
    ),
];

static BASE: LazyLock<Option<Base>> = LazyLock::new(|| {
    let files = TEXTS.map(|(name, text)| GeneratedFile {
        name: name.to_owned(),
        text: text.to_owned(),
    });
    Base::build(Arc::new(published(&files).ok()?), None).ok()
});

/// A text or Markdown file: the first byte chooses.
pub fn text(data: &[u8]) {
    if let Some((kind, rest)) = data.split_first() {
        file(["a.txt", "a.md"][usize::from(kind % 2)], rest);
    }
}

/// An HTML file.
pub fn html(data: &[u8]) {
    file("a.html", data);
}

/// A PDF file.
pub fn pdf(data: &[u8]) {
    file("a.pdf", data);
}

/// A DOCX file, or its [`DOCX_PARTS`].
pub fn docx(data: &[u8]) {
    office("a.docx", &DOCX_PARTS, &[], data);
}

/// An XLSX file, or its [`XLSX_PARTS`].
pub fn xlsx(data: &[u8]) {
    office("a.xlsx", &XLSX_PARTS, &xlsx_links(), data);
}

/// The parts that lead from the package to the [`XLSX_PARTS`].
fn xlsx_links() -> [(&'static str, &'static [u8]); 2] {
    let package = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
    let links = br#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId3" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
    [
        ("_rels/.rels", package),
        ("xl/_rels/workbook.xml.rels", links),
    ]
}

/// Reads an archive as it is; other input is the parts of one with NUL bytes between them, so that
/// a change of a byte is a change of what the reader sees and not of a checksum.
fn office(name: &str, names: &[&str], fixed: &[(&str, &[u8])], data: &[u8]) {
    if data.starts_with(b"PK") {
        return file(name, data);
    }
    let parts = data.splitn(names.len(), |byte| *byte == 0);
    let parts = names.iter().copied().zip(parts);
    let parts = parts.filter(|(_, bytes)| !bytes.is_empty());
    if let Ok(bytes) = archive(parts.chain(fixed.iter().copied())) {
        file(name, &bytes);
    }
}

fn archive<'a>(parts: impl Iterator<Item = (&'a str, &'a [u8])>) -> ZipResult<Vec<u8>> {
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(name, stored)?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The parts of an archive as [`docx`] and [`xlsx`] take them, those over 16 KiB left empty.
pub fn parts(names: &[&str], bytes: &[u8]) -> ZipResult<Vec<u8>> {
    let mut zip = ZipArchive::new(Cursor::new(bytes))?;
    let mut joined = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            joined.push(0);
        }
        let Some(index) = zip.index_for_name(name) else {
            continue;
        };
        let mut part = Vec::new();
        zip.by_index(index)?.read_to_end(&mut part)?;
        if part.len() <= 16 << 10 {
            joined.append(&mut part);
        }
    }
    Ok(joined)
}

/// Reads a file and does with it all that is done to a file that is brought in.
fn file(name: &str, bytes: &[u8]) {
    match read(name, bytes) {
        Ok(extract) => judge(&extract),
        Err(refused) => assert!(!refused.code.is_empty() && !refused.message.is_empty()),
    }
}

/// Lines as blocks, the first byte of each its kind: passages of texts that no reader makes.
pub fn blocks(data: &[u8]) {
    let mut extract = Extract::new(crate::kb::Format::Text, String::new());
    for line in data.split(|byte| *byte == b'\n').take(4_000) {
        let Some((kind, line)) = line.split_first() else {
            continue;
        };
        let start = extract.text.len();
        let line = String::from_utf8_lossy(line);
        extract.text.push_str(&line);
        let range = start..extract.text.len();
        extract.text.push('\n');
        let kind = match kind % 16 {
            kind @ 0..8 => BlockKind::Heading(kind),
            8..11 => BlockKind::Paragraph,
            11..13 => BlockKind::ListItem,
            13..15 => BlockKind::TableRow,
            _ => BlockKind::Furniture,
        };
        let origin = Origin::Bytes(range.clone());
        extract.blocks.push(Block::new(range, kind, origin));
    }
    judge(&extract);
}

/// The head, the passages, the findings with their repairs and the masks of a text; what they
/// promise is asserted.
fn judge(extract: &Extract) {
    let text = &extract.text;
    let mut end = 0;
    for block in &extract.blocks {
        assert!(text.get(block.range.clone()).is_some() && block.range.start >= end);
        end = block.range.end;
    }
    let head = read_head(extract);
    let body = head_end(extract);
    assert!(text.get(body..).is_some());
    for passage in passages(text, &extract.blocks, body) {
        let mut end = 0;
        for sentence in passage.sentences {
            assert!(text.get(sentence.clone()).is_some_and(|s| !s.is_empty()));
            assert!(sentence.start >= end);
            end = sentence.end;
        }
        let spans = passage.deadline.into_iter().chain(passage.table_head);
        assert!({ spans }.all(|span| text.get(span).is_some()));
    }
    let findings = examine(extract, &head, &[]);
    let proposed: Vec<_> = findings.into_iter().flat_map(|f| f.proposed).collect();
    assert!(proposed.is_empty() || repair(text, &proposed).is_ok());
    masked(text);
}

/// A text whose personal numbers are masked.
pub fn personal(data: &[u8]) {
    masked(&String::from_utf8_lossy(data));
}

fn masked(text: &str) {
    for Masked {
        text: shown, found, ..
    } in [mask(text), mask_published(text)]
    {
        assert_eq!(shown.chars().count(), text.chars().count());
        let mut end = 0;
        for (_, range) in found {
            assert!(text.get(range.clone()).is_some() && range.start >= end);
            end = range.end;
        }
    }
}

/// The file of a question bank. A line that is none is named and is one of the file's; the same
/// questions, written a line each, are read as they were.
pub fn bank(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let read = match read_bank(&text) {
        Ok(read) => read,
        Err(bad) => {
            assert!((1..=text.lines().count()).contains(&bad.line) && !bad.reason.is_empty());
            return;
        }
    };
    let lines = read.iter().map(|one| {
        let line = json!({
            "document": one.document, "quote": one.quote,
            "questions": [one.question], "answers": one.answers,
        });
        line.to_string()
    });
    let again = read_bank(&lines.collect::<Vec<_>>().join("\n"));
    assert_eq!(again.as_ref(), Ok(&read));
}

/// A question, asked of a small base; what stands before a NUL byte is the place.
pub fn question(data: &[u8]) {
    let Some(base) = BASE.as_ref() else {
        return;
    };
    let data = String::from_utf8_lossy(data);
    let (place, question) = match data.split_once('\0') {
        Some((place, question)) => (Some(place.to_owned()), question),
        None => (None, &*data),
    };
    let asked = Asked {
        question: question.to_owned(),
        as_of: date(2026, 1, 15),
        place,
        top_k: 5,
    };
    drop(base.search(&asked));
    let answer = base.answer(&asked);
    let versions = &base.published().versions;
    for citation in answer.sentences.iter().flat_map(|s| &s.citations) {
        let cited = |text: &str| citation.verify(text).is_ok();
        assert!(versions.iter().any(|version| cited(&version.text)));
    }
    assert!(serde_json::to_string(&answer).is_ok());
}

#[cfg(test)]
mod tests;
