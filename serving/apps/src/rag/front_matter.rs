//! The head of a text: `---`, lines of `key: value`, `---`.

use std::collections::BTreeMap;

use super::fold::fold;

/// More lines than this are not a head.
const MAX_LINES: usize = 40;

/// Known keys, in the order they are explained to people.
pub(crate) const KEYS: [&str; 12] = [
    "标题",
    "发布机构",
    "文号",
    "适用地区",
    "状态",
    "生效日期",
    "失效日期",
    "主题",
    "示例",
    "转人工电话",
    "转人工窗口",
    "许可",
];

/// The fields of a head and where the body begins.
#[derive(Debug, Default)]
pub(crate) struct FrontMatter {
    pub(crate) fields: BTreeMap<&'static str, Field>,
    pub(crate) body_start: usize,
}

/// A value and the byte offset of its line.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) value: String,
    pub(crate) offset: usize,
}

/// Why a head was refused, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadHead {
    pub(crate) offset: usize,
    pub(crate) reason: String,
}

/// Reads the head that begins at `start`; a text without one has no fields.
pub(crate) fn read(raw: &str, start: usize) -> Result<FrontMatter, BadHead> {
    let mut front = FrontMatter {
        body_start: start,
        ..FrontMatter::default()
    };
    let mut lines = lines_from(raw, start);
    match lines.next() {
        Some((_, first)) if first.trim_end() == "---" => {}
        _ => return Ok(front),
    }
    for (offset, line) in lines.take(MAX_LINES) {
        let text = line.trim();
        if text == "---" {
            front.body_start = offset + line.len();
            return Ok(front);
        }
        if !text.is_empty() {
            add_field(&mut front, offset, text)?;
        }
    }
    Err(BadHead {
        offset: start,
        reason: format!("文首的“---”没有在 {MAX_LINES} 行内结束"),
    })
}

fn add_field(front: &mut FrontMatter, offset: usize, text: &str) -> Result<(), BadHead> {
    let bad = |reason: String| BadHead { offset, reason };
    let (key, value) = text
        .split_once([':', '：'])
        .ok_or_else(|| bad(format!("“{text}”不是“键: 值”的写法")))?;
    let folded = fold(key.trim());
    let known = KEYS.iter().find(|known| **known == folded);
    let key = known.ok_or_else(|| {
        let accepted = KEYS.join("、");
        bad(format!(
            "没有名为“{}”的字段，可用的有：{accepted}",
            key.trim()
        ))
    })?;
    let value = value.trim().to_owned();
    if value.is_empty() {
        return Ok(());
    }
    if front.fields.insert(key, Field { value, offset }).is_some() {
        return Err(bad(format!("字段“{key}”写了两次")));
    }
    Ok(())
}

/// Lines with their line ends, each with its byte offset.
pub(crate) fn lines_from(raw: &str, start: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut at = start;
    raw.get(start..)
        .unwrap_or_default()
        .split_inclusive('\n')
        .map(move |line| {
            let offset = at;
            at += line.len();
            (offset, line)
        })
}
