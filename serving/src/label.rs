//! Marks of generated content by GB 45438-2025 (网络安全技术 人工智能生成合成内容标识方法): the
//! implicit label as metadata of every answer, and the explicit one as text at its end.
//!
//! The metadata is put into the bytes of an answer where they leave, so that no interface can
//! forget it: as member `aigc` of the JSON object or of a stream's first event, and as a header.

use axum::body::Bytes;
use axum::http::HeaderValue;
use serde::Deserialize;
use serde_json::{Value, json};

/// The visible label: text that people read.
pub(crate) const EXPLICIT: &str = "\n\n（本内容由人工智能生成）";
/// Name of the header with the implicit label.
pub(crate) const HEADER: &str = "x-aigc";

/// Settings of the labels.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelOptions {
    /// `ContentProducer`: the code of the service's provider, as it was filed.
    pub producer: String,
    /// Whether answers carry the metadata. Only a service for nobody but its makers may go without.
    pub implicit: bool,
    /// Whether answers end with a visible label. It is left out where the text must have another
    /// form (JSON, a grammar, tool calls): there the application shows it.
    pub explicit: bool,
}

impl Default for LabelOptions {
    fn default() -> Self {
        Self {
            producer: "zhisuan".to_owned(),
            implicit: true,
            explicit: false,
        }
    }
}

/// The fields of the standard's metadata. `produce_id` is the id of the audit event.
pub(crate) fn metadata(producer: &str, produce_id: &str) -> Value {
    json!({
        // 1: the content was generated.
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": produce_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    })
}

/// The metadata as a header: JSON in ASCII.
pub(crate) fn header(metadata: &Value) -> Option<HeaderValue> {
    let mut ascii = String::new();
    for char in metadata.to_string().chars() {
        if char.is_ascii() {
            ascii.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                ascii.push_str("\\u");
                ascii.push_str(&hex::encode(unit.to_be_bytes()));
            }
        }
    }
    HeaderValue::from_str(&ascii).ok()
}

/// A JSON object with the member `aigc`; other bytes stay as they are.
pub(crate) fn into_object(bytes: &Bytes, metadata: &Value) -> Bytes {
    match bytes.iter().position(|byte| !byte.is_ascii_whitespace()) {
        Some(at) if bytes[at] == b'{' => insert(bytes, at, metadata),
        _ => bytes.clone(),
    }
}

/// The piece of a stream with `aigc` in its first event's object; `None` when it has none yet.
pub(crate) fn into_event(piece: &Bytes, metadata: &Value) -> Option<Bytes> {
    let start = b"data: {";
    let at = piece
        .windows(start.len())
        .position(|window| window == start)?;
    let line_begins = at == 0 || piece[at - 1] == b'\n';
    line_begins.then(|| insert(piece, at + start.len() - 1, metadata))
}

/// Puts the member behind the brace at `at`.
fn insert(bytes: &Bytes, at: usize, metadata: &Value) -> Bytes {
    let rest = &bytes[at + 1..];
    let is_empty = rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'}');
    let member = format!("\"aigc\":{metadata}{}", if is_empty { "" } else { "," });
    let mut out = Vec::with_capacity(bytes.len() + member.len());
    out.extend_from_slice(&bytes[..=at]);
    out.extend_from_slice(member.as_bytes());
    out.extend_from_slice(rest);
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{header, into_event, into_object, metadata};
    use axum::body::Bytes;
    use serde_json::Value;

    #[test]
    fn objects_and_first_events_get_the_member_and_nothing_else_does() {
        let mark = metadata("9135", "chatcmpl-1");
        for (body, members) in [
            ("{\"a\":{\"b\":1}}", 2),
            (" {}", 1),
            ("{ \"id\": \"x\" }", 2),
        ] {
            let labelled = into_object(&Bytes::from(body), &mark);
            let value: Value = serde_json::from_slice(&labelled).unwrap();
            assert_eq!(value["aigc"]["ProduceID"], "chatcmpl-1");
            assert_eq!(value.as_object().unwrap().len(), members);
        }
        assert_eq!(into_object(&Bytes::from("[1]"), &mark), "[1]");
        assert_eq!(into_object(&Bytes::new(), &mark), "");
        let event =
            Bytes::from("event: message_start\ndata: {\"type\":\"message_start\"}\n\ndata: {}\n\n");
        let text = into_event(&event, &mark).unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text.matches("aigc").count(), 1);
        assert!(
            text.starts_with("event: message_start\ndata: {\"aigc\":{"),
            "{text}"
        );
        assert!(into_event(&Bytes::from(": keep-alive\n\n"), &mark).is_none());
    }

    #[test]
    fn the_header_is_ascii_and_still_the_same_json() {
        let mark = metadata("某市政务🙂", "r");
        let value = header(&mark).unwrap();
        let read: Value = serde_json::from_str(value.to_str().unwrap()).unwrap();
        assert_eq!(read, mark);
    }
}
