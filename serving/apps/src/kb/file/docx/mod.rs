//! DOCX (ECMA-376, WordprocessingML): paragraphs, headings, numbers and tables as they are shown.
//! Deleted and hidden text is left out; macros and embedded objects are counted and never opened.

mod body;
mod numbering;
mod styles;

use self::body::Body;
use self::numbering::Numbering;
use self::styles::Styles;
use super::archive::Archive;
use super::draft::Draft;
use super::furniture;
use super::properties;
use super::unreadable::Unreadable;
use super::xml::walk;
use crate::kb::extract::{BlockKind, Extract, Format, ReadFaultKind};

/// The part that holds the text.
pub(super) const DOCUMENT: &str = "word/document.xml";

/// Reads a document.
pub(super) fn read(archive: &mut Archive<'_>) -> Result<Extract, Unreadable> {
    let styles = match archive.part("word/styles.xml")? {
        Some(bytes) => Styles::read(&bytes)?,
        None => Styles::default(),
    };
    let numbering = match archive.part("word/numbering.xml")? {
        Some(bytes) => Numbering::read(&bytes)?,
        None => Numbering::default(),
    };
    let mut draft = Draft::new(Format::Docx);
    properties::declare(archive, &mut draft)?;
    let mut body = Body::new(styles, numbering);
    for (part, furniture) in parts(archive) {
        if let Some(bytes) = archive.part(&part)? {
            body.begin(&part, furniture);
            walk(&part, &bytes, |node| body.node(&mut draft, &node))?;
        }
    }
    draft.fault_here(
        ReadFaultKind::ActiveContent,
        properties::active_parts(archive),
    );
    let mut blocks = std::mem::take(draft.blocks_mut());
    for block in &mut blocks {
        let line = draft.text().get(block.range.clone()).unwrap_or_default();
        if block.kind == BlockKind::Paragraph && furniture::is_furniture(line) {
            block.kind = BlockKind::Furniture;
        }
    }
    *draft.blocks_mut() = blocks;
    draft.finish()
}

/// The parts with text, in the order of the canonical text, and whether they are furniture.
fn parts(archive: &Archive<'_>) -> Vec<(String, bool)> {
    let named = |start: &str| {
        let names = archive.names().iter();
        let mut found: Vec<_> = names
            .filter(|name| name.starts_with(start) && !name.contains("_rels"))
            .take(64)
            .map(|name| (name.clone(), true))
            .collect();
        found.sort();
        found
    };
    let mut parts = named("word/header");
    parts.push((DOCUMENT.to_owned(), false));
    parts.push(("word/footnotes.xml".to_owned(), false));
    parts.push(("word/endnotes.xml".to_owned(), false));
    parts.extend(named("word/footer"));
    parts
}
