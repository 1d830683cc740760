//! The head of a text: `---`, lines of `key: value`, `---`.

use super::draft::Draft;
use super::unreadable::Unreadable;

/// More lines than this are not a head.
const MAX_LINES: usize = 40;

/// Declares the fields of a head and gives the byte at which the body begins. A text that begins
/// with a rule instead of a head has no fields. A head that does not end, a line in it that is no
/// field and a field written twice are refused: half a head would be worse than none.
pub(super) fn read(draft: &mut Draft) -> Result<usize, Unreadable> {
    let text = draft.text();
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let body = text.get(start..).unwrap_or_default();
    let mut lines = body.split_inclusive('\n');
    let Some(first) = lines.next().filter(|first| first.trim_end() == "---") else {
        return Ok(start);
    };
    let mut at = start + first.len();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines.take(MAX_LINES) {
        let (offset, content) = (at, line.trim());
        at += line.len();
        if content == "---" {
            for (key, value) in &fields {
                draft.declare(key, value);
            }
            return Ok(at);
        }
        if content.is_empty() {
            continue;
        }
        let Some((key, value)) = content.split_once([':', '：']) else {
            if fields.is_empty() {
                return Ok(start);
            }
            let message = format!("第 {offset} 字节起的“{}”不是“键: 值”的写法", short(content));
            return Err(Unreadable::new("bad_head", message).at(offset));
        };
        let key = key.trim();
        if fields.iter().any(|(known, _)| known == key) {
            let message = format!("文首的字段“{}”写了两次，请删去一个", short(key));
            return Err(Unreadable::new("bad_head", message).at(offset));
        }
        fields.push((key.to_owned(), value.trim().to_owned()));
    }
    if fields.is_empty() {
        return Ok(start);
    }
    let message = format!("文首的“---”没有在 {MAX_LINES} 行内结束，请补上结束的“---”");
    Err(Unreadable::new("bad_head", message).at(start))
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
