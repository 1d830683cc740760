//! Fonts: how the bytes of a string become characters, and how wide each is.

use std::collections::HashMap;

use encoding_rs::{BIG5, Encoding, GB18030, SHIFT_JIS};
use lopdf::{Dictionary, Document, Object};

use super::cmap::{Budget, ToUnicode};

/// Most bytes that a ToUnicode map may unpack to.
const MAX_MAP_BYTES: usize = 4 << 20;
/// Most widths of a font that are kept.
const MAX_WIDTHS: usize = 70_000;

/// One character of a string; nothing where the file does not say which.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Glyph<'a> {
    pub(super) text: Option<&'a str>,
    /// In thousandths of the font size.
    pub(super) width: f64,
    /// A blank of one byte, which word spacing widens.
    pub(super) blank: bool,
}

/// How codes of a composite font are cut and what they mean without a ToUnicode map.
#[derive(Debug, Clone, Copy)]
enum Codes {
    /// One byte each.
    Simple,
    /// Two bytes each, glyph numbers of the font: they say no character.
    Glyphs,
    /// UTF-16 code units: the predefined maps `Uni*-UCS2-*` and `Uni*-UTF16-*`.
    Utf16,
    /// A legacy encoding: the predefined maps `GBK-EUC-*` and their like.
    Legacy(&'static Encoding),
}

/// A font of a page.
#[derive(Debug)]
pub(super) struct Font {
    codes: Codes,
    map: Option<ToUnicode>,
    /// Characters of a simple font by byte.
    simple: Vec<String>,
    widths: HashMap<u32, f64>,
    default_width: f64,
    pub(super) vertical: bool,
}

impl Font {
    /// Reads a font within what the fonts of its file may still cost.
    pub(super) fn read(document: &Document, font: &Dictionary, budget: &mut Budget) -> Self {
        let map = font
            .get_deref(b"ToUnicode", document)
            .and_then(Object::as_stream)
            .and_then(|stream| stream.decompressed_content_with_limit(MAX_MAP_BYTES))
            .map(|bytes| ToUnicode::read(&bytes, budget))
            .ok();
        let subtype = font
            .get_deref(b"Subtype", document)
            .and_then(Object::as_name);
        if matches!(subtype, Ok(b"Type0")) {
            Self::composite(document, font, map, budget)
        } else {
            Self::simple(document, font, map, matches!(subtype, Ok(b"Type3")))
        }
    }

    fn composite(
        document: &Document,
        font: &Dictionary,
        map: Option<ToUnicode>,
        budget: &mut Budget,
    ) -> Self {
        let encoding = font
            .get_deref(b"Encoding", document)
            .and_then(Object::as_name);
        let name = encoding.unwrap_or_default();
        let base = name
            .strip_suffix(b"-H")
            .or_else(|| name.strip_suffix(b"-V"))
            .unwrap_or(name);
        let codes = match base {
            b"GBK-EUC" | b"GBKp-EUC" | b"GBK2K" | b"GBpc-EUC" | b"GB-EUC" => Codes::Legacy(GB18030),
            b"ETen-B5" | b"ETenms-B5" | b"B5pc" | b"HKscs-B5" => Codes::Legacy(BIG5),
            b"90ms-RKSJ" | b"90msp-RKSJ" | b"90pv-RKSJ" => Codes::Legacy(SHIFT_JIS),
            base if base.ends_with(b"-UCS2") || base.ends_with(b"-UTF16") => Codes::Utf16,
            _ => Codes::Glyphs,
        };
        let descendant = font
            .get_deref(b"DescendantFonts", document)
            .and_then(Object::as_array)
            .ok()
            .and_then(|fonts| fonts.first())
            .and_then(|font| document.dereference(font).ok())
            .and_then(|(_, font)| font.as_dict().ok());
        let default = descendant.and_then(|font| float(font.get_deref(b"DW", document).ok()?));
        let widths = match (descendant, codes) {
            // Widths are by glyph number, which only these codes are.
            (Some(font), Codes::Glyphs) => composite_widths(document, font, budget),
            _ => HashMap::new(),
        };
        Self {
            codes,
            map,
            simple: Vec::new(),
            widths,
            default_width: default.unwrap_or(1000.0),
            vertical: name.ends_with(b"-V"),
        }
    }

    fn simple(document: &Document, font: &Dictionary, map: Option<ToUnicode>, drawn: bool) -> Self {
        let first = font
            .get_deref(b"FirstChar", document)
            .and_then(Object::as_i64)
            .unwrap_or(0);
        let listed = font
            .get_deref(b"Widths", document)
            .and_then(Object::as_array);
        let widths = listed.map_or_else(
            |_| HashMap::new(),
            |listed| {
                let codes = (first.clamp(0, 255) as u32)..256;
                let number = |object| float(document.dereference(object).ok()?.1);
                let pairs = codes
                    .zip(listed)
                    .filter_map(|(code, object)| Some((code, number(object)?)));
                pairs.collect()
            },
        );
        let said = !drawn && says_characters(document, font);
        let simple = if said {
            characters(document, font)
        } else {
            Vec::new()
        };
        Self {
            codes: Codes::Simple,
            map,
            simple,
            widths,
            default_width: if drawn { 0.0 } else { 500.0 },
            vertical: false,
        }
    }

    /// Shows every glyph of a string.
    pub(super) fn glyphs(&self, string: &[u8], mut show: impl FnMut(Glyph<'_>)) {
        let mut rest = string;
        let mut buffer = String::new();
        while !rest.is_empty() {
            let len = self.code_len(rest).min(rest.len());
            let (code, after) = rest.split_at(len);
            rest = after;
            let number = code
                .iter()
                .fold(0, |value, byte| value << 8 | u32::from(*byte));
            let mapped = self.map.as_ref().and_then(|map| map.get(number));
            buffer.clear();
            let text = mapped.or_else(|| {
                self.meaning(code, &mut buffer);
                (!buffer.is_empty()).then_some(buffer.as_str())
            });
            let wide = if code.len() == 1 {
                500.0
            } else {
                self.default_width
            };
            let known = self.widths.get(&number).copied();
            let width = known.unwrap_or_else(|| match self.codes {
                Codes::Simple | Codes::Glyphs => self.default_width,
                Codes::Utf16 | Codes::Legacy(_) => match text {
                    Some(text) if text.is_ascii() => 500.0,
                    _ => wide,
                },
            });
            show(Glyph {
                text: text.filter(|text| is_said(text)),
                width,
                blank: code == b" ",
            });
        }
    }

    /// Bytes of the code at the beginning.
    fn code_len(&self, rest: &[u8]) -> usize {
        match self.codes {
            Codes::Simple => 1,
            Codes::Glyphs => {
                let mapped = self.map.as_ref().map_or(0, ToUnicode::code_bytes);
                if mapped == 1 { 1 } else { 2 }
            }
            Codes::Utf16 => match rest.first() {
                Some(0xd8..=0xdb) => 4,
                _ => 2,
            },
            Codes::Legacy(encoding) => match rest {
                [0..=0x80, ..] => 1,
                [0xa1..=0xdf, ..] if encoding == SHIFT_JIS => 1,
                [_, b'0'..=b'9', ..] if encoding == GB18030 => 4,
                _ => 2,
            },
        }
    }

    /// What a code means by itself.
    fn meaning(&self, code: &[u8], out: &mut String) {
        match self.codes {
            Codes::Simple => {
                let byte = code.first().map_or(0, |byte| usize::from(*byte));
                out.push_str(self.simple.get(byte).map_or("", String::as_str));
            }
            Codes::Glyphs => {}
            Codes::Utf16 => {
                let units = code.chunks(2).map(|pair| match pair {
                    [high, low] => u16::from_be_bytes([*high, *low]),
                    _ => 0xfffd,
                });
                out.extend(char::decode_utf16(units).map(|char| char.unwrap_or('\u{fffd}')));
            }
            Codes::Legacy(encoding) => {
                out.push_str(&encoding.decode_without_bom_handling(code).0);
            }
        }
    }
}

/// Whether a text is one: private and control characters are numbers of glyphs in disguise.
fn is_said(text: &str) -> bool {
    let bad = |char: char| {
        matches!(char, '\u{fffd}' | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..)
            || (char.is_control() && !matches!(char, '\t' | '\n' | '\r'))
    };
    !text.contains(bad)
}

/// Whether a simple font says which characters its bytes are: by an encoding, or by being one of
/// those that readers bring along. An embedded symbolic font without either has its own order.
fn says_characters(document: &Document, font: &Dictionary) -> bool {
    if font.has(b"Encoding") {
        return true;
    }
    let descriptor = font
        .get_deref(b"FontDescriptor", document)
        .and_then(Object::as_dict);
    let Ok(descriptor) = descriptor else {
        let name = font
            .get_deref(b"BaseFont", document)
            .and_then(Object::as_name);
        return !matches!(name, Ok(b"Symbol" | b"ZapfDingbats"));
    };
    let flags = descriptor
        .get_deref(b"Flags", document)
        .and_then(Object::as_i64);
    let embedded = [&b"FontFile"[..], b"FontFile2", b"FontFile3"];
    let embedded = embedded.iter().any(|key| descriptor.has(key));
    !embedded && flags.unwrap_or(0) & 4 == 0
}

/// The characters of the 256 bytes of a simple font; blank where its encoding names none.
fn characters(document: &Document, font: &Dictionary) -> Vec<String> {
    let Ok(encoding) = font.get_font_encoding_with_limit(document, MAX_MAP_BYTES) else {
        return Vec::new();
    };
    let one = |byte: u8| encoding.bytes_to_string(&[byte]).unwrap_or_default();
    (0..=255).map(one).collect()
}

/// The widths of a composite font (9.7.4.3): `code [w …]` or `first last w`.
fn composite_widths(
    document: &Document,
    font: &Dictionary,
    budget: &mut Budget,
) -> HashMap<u32, f64> {
    let mut widths = HashMap::new();
    let Ok(listed) = font.get_deref(b"W", document).and_then(Object::as_array) else {
        return widths;
    };
    let resolved = |object| document.dereference(object).map(|(_, object)| object).ok();
    let mut rest = listed.iter().map_while(resolved);
    while let (Some(first), Some(second)) = (rest.next(), rest.next()) {
        let Ok(first) = first.as_i64().map(|code| code.clamp(0, 0xffff) as u32) else {
            break;
        };
        if let Ok(list) = second.as_array() {
            for (code, object) in (first..=0xffff).zip(list) {
                if let Some(width) = resolved(object).and_then(float)
                    && budget.entry()
                {
                    widths.insert(code, width);
                }
            }
        } else if let (Ok(last), Some(width)) = (second.as_i64(), rest.next().and_then(float)) {
            for code in first..=(last.clamp(0, 0xffff) as u32) {
                if !budget.entry() {
                    break;
                }
                widths.insert(code, width);
            }
        }
        if widths.len() > MAX_WIDTHS || budget.is_spent() {
            break;
        }
    }
    widths
}

fn float(object: &Object) -> Option<f64> {
    let number = f64::from(object.as_float().ok()?);
    number.is_finite().then_some(number)
}
