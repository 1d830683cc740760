//! Paragraph styles: which are headings, and which number their paragraphs.

use std::collections::HashMap;

use crate::kb::file::unreadable::Unreadable;
use crate::kb::file::xml::{Node, attribute, number, walk};

/// Styles based on each other are followed this far.
const MAX_CHAIN: usize = 12;

/// What a style gives its paragraphs.
#[derive(Debug, Clone, Default)]
struct Style {
    name: String,
    based_on: Option<String>,
    /// 0 is the highest.
    outline: Option<u32>,
    numbering: Option<u32>,
    level: Option<u32>,
}

/// All paragraph styles by their id.
#[derive(Debug, Default)]
pub(super) struct Styles {
    styles: HashMap<String, Style>,
}

impl Styles {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut found = Self::default();
        let mut open: Option<(String, Style)> = None;
        walk("word/styles.xml", bytes, |node| {
            match node {
                Node::Start("style", start) => {
                    let id = attribute(start, "styleId").unwrap_or_default();
                    open = Some((id, Style::default()));
                }
                Node::Start(name, start) => {
                    if let Some((_, style)) = &mut open {
                        match name {
                            "name" => style.name = attribute(start, "val").unwrap_or_default(),
                            "basedOn" => style.based_on = attribute(start, "val"),
                            "outlineLvl" => style.outline = number(start),
                            "numId" => style.numbering = number(start),
                            "ilvl" => style.level = number(start),
                            _ => {}
                        }
                    }
                }
                Node::End("style") => found.styles.extend(open.take()),
                Node::End(_) | Node::Text(_) => {}
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The level of heading that a style gives, 1 to 6.
    pub(super) fn heading(&self, id: &str) -> Option<u8> {
        self.chain(id).find_map(|style| {
            style
                .outline
                .and_then(level)
                .or_else(|| named_level(&style.name))
        })
    }

    /// The list and the level in it that a style gives.
    pub(super) fn numbering(&self, id: &str) -> Option<(u32, u32)> {
        let list = self.chain(id).find_map(|style| style.numbering)?;
        let level = self.chain(id).find_map(|style| style.level).unwrap_or(0);
        Some((list, level))
    }

    fn chain<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Style> + use<'a> {
        let first = self.styles.get(id);
        let next = |style: &&'a Style| self.styles.get(style.based_on.as_deref()?);
        std::iter::successors(first, next).take(MAX_CHAIN)
    }
}

/// The level of heading of an outline level; body text has 9.
pub(super) fn level(outline: u32) -> Option<u8> {
    u8::try_from(outline + 1)
        .ok()
        .filter(|level| (1..=6).contains(level))
}

/// The built-in names: `heading 1` in every language version, `Title`; files of other programs
/// name them in Chinese.
fn named_level(name: &str) -> Option<u8> {
    let name = name.to_lowercase();
    if matches!(name.as_str(), "title" | "标题") {
        return Some(1);
    }
    let digit = name
        .strip_prefix("heading ")
        .or_else(|| name.strip_prefix("标题 "))?;
    digit
        .trim()
        .parse()
        .ok()
        .filter(|level| (1..=6).contains(level))
}
