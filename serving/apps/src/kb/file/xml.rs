//! Walking through an XML part: bounded depth, no document types, no entities of its own.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::decode::decode;
use super::limits::MAX_DEPTH;
use super::unreadable::Unreadable;

/// What is met on the way; names are without their prefix. An empty element starts and ends.
#[derive(Debug)]
pub(super) enum Node<'a> {
    /// An element begins.
    Start(&'a str, &'a BytesStart<'a>),
    /// An element ends.
    End(&'a str),
    /// Text; consecutive texts may arrive in pieces.
    Text(&'a str),
}

/// Walks through a part and shows every node in order.
pub(super) fn walk(
    part: &str,
    bytes: &[u8],
    mut show: impl FnMut(Node<'_>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let decoded = decode(bytes).map_err(|_| broken(part))?;
    let mut reader = Reader::from_str(decoded.text());
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|_| broken(part))? {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    let message = format!("文件的部件 {part} 嵌套超过 {MAX_DEPTH} 层，没有读取");
                    return Err(Unreadable::new("too_deep", message));
                }
                show(Node::Start(start.local_name().into_inner(), &start))?;
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                show(Node::End(end.local_name().into_inner()))?;
            }
            Event::Text(text) => show(Node::Text(&text.xml10_content()))?,
            Event::CData(text) => show(Node::Text(&text.xml10_content()))?,
            Event::GeneralRef(reference) => {
                let char = match reference.as_ref() {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                if let Some(char) = char.filter(|char| !char.is_control()) {
                    show(Node::Text(char.encode_utf8(&mut [0; 4])))?;
                }
            }
            Event::DocType(_) => {
                let message = format!(
                    "文件的部件 {part} 自带文档类型定义，正常的 Office 文件没有它，没有读取"
                );
                return Err(Unreadable::new("xml_doctype", message));
            }
            Event::Eof => return Ok(()),
            // Empty elements arrive as a start and an end.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// The value of an attribute, named without its prefix.
pub(super) fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    attributes
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().into_inner() == name)
        .and_then(|attribute| attribute.normalized_value(XmlVersion::Implicit1_0).ok())
        .map(std::borrow::Cow::into_owned)
}

/// The `val` of an element as a number.
pub(super) fn number(start: &BytesStart<'_>) -> Option<u32> {
    attribute(start, "val")?.parse().ok()
}

fn broken(part: &str) -> Unreadable {
    let message = format!("文件的部件 {part} 已损坏，请用 Office 打开并另存后再放入");
    Unreadable::new("broken_xml", message)
}
