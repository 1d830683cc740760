//! Sections, passages and sentences of a text, all as byte ranges of the raw file.

use std::ops::Range;

use serde::Serialize;

use super::fold::{fold, is_han};
use super::front_matter::lines_from;

/// A passage is closed once it holds this many bytes of sentences (about 200 characters).
const PASSAGE_BYTES: usize = 600;
/// A numbered line is a heading only if it is this short, in characters.
const HEADING_CHARS: usize = 20;

/// What a section is about, told by its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// Who may apply (受理条件).
    Conditions,
    /// What to bring (申请材料).
    Materials,
    /// Steps (办理流程).
    Process,
    /// How long it takes (办理时限).
    Time,
    /// What it costs (收费标准).
    Fee,
    /// How much is granted or allowed (补贴标准、提取额度).
    Standard,
    /// How long something lasts or may wait (有效期、申请期限).
    Period,
    /// Where and when (办理地点与时间).
    Place,
    /// Whom to call (咨询电话).
    Phone,
    /// On what ground (法律依据).
    Legal,
    /// Anything else.
    Other,
}

impl SectionKind {
    /// The kind that a heading names.
    pub fn of_heading(heading: &str) -> Self {
        let heading = fold(heading);
        let kinds: [(&[&str], Self); 10] = [
            (&["地点", "地址", "窗口"], Self::Place),
            (&["电话", "咨询", "联系"], Self::Phone),
            (&["时限", "办理期限"], Self::Time),
            (&["收费", "费用"], Self::Fee),
            (&["材料"], Self::Materials),
            (&["条件", "对象", "谁可以"], Self::Conditions),
            (&["流程", "步骤", "程序", "怎么办"], Self::Process),
            (&["依据"], Self::Legal),
            (&["期限", "有效期", "租期"], Self::Period),
            (&["标准", "额度", "比例", "待遇"], Self::Standard),
        ];
        let named = |words: &[&str]| words.iter().any(|word| heading.contains(word));
        kinds
            .into_iter()
            .find(|(words, _)| named(words))
            .map_or(Self::Other, |(_, kind)| kind)
    }
}

/// A run of sentences under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Passage {
    /// Position of its text in the base.
    pub document: usize,
    /// Heading above it; empty before the first heading.
    pub section: String,
    /// What the heading names.
    pub kind: SectionKind,
    /// Byte ranges of its sentences in the raw file, in order, without overlap.
    pub sentences: Vec<Range<usize>>,
}

/// Cuts the body of a text, from `body_start` on, into passages.
pub(crate) fn passages(document: usize, raw: &str, body_start: usize) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let mut open = Passage {
        document,
        section: String::new(),
        kind: SectionKind::Other,
        sentences: Vec::new(),
    };
    let mut open_bytes = 0;
    for (offset, line) in lines_from(raw, body_start) {
        let heading = heading(line);
        if (heading.is_some() || open_bytes >= PASSAGE_BYTES) && !open.sentences.is_empty() {
            let next = Passage {
                sentences: Vec::new(),
                ..open.clone()
            };
            found.push(std::mem::replace(&mut open, next));
            open_bytes = 0;
        }
        if let Some(heading) = heading {
            heading.clone_into(&mut open.section);
            open.kind = SectionKind::of_heading(heading);
            continue;
        }
        for sentence in sentences(offset, line) {
            open_bytes += sentence.len();
            open.sentences.push(sentence);
        }
    }
    if !open.sentences.is_empty() {
        found.push(open);
    }
    found
}

/// The heading that a line is, if it is one: `## 受理条件`, `一、受理条件` or `【受理条件】`.
fn heading(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') {
        return Some(line.trim_start_matches('#').trim());
    }
    if let Some(inner) = line.strip_prefix('【').and_then(|l| l.strip_suffix('】')) {
        return Some(inner);
    }
    let (number, rest) = line.split_once('、')?;
    let numeral = |char: char| "一二三四五六七八九十".contains(char);
    let short = rest.chars().count() <= HEADING_CHARS;
    let plain = rest.chars().all(|char| is_han(char) || char == ' ');
    let is_heading = !number.is_empty() && number.chars().all(numeral) && short && plain;
    (is_heading && !rest.is_empty()).then_some(rest)
}

/// The sentences of one line at `offset`, list marks and blanks left out.
fn sentences(offset: usize, line: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = line.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if !matches!(char, '。' | '！' | '？' | '；' | '!' | '?' | ';') {
            continue;
        }
        let mut end = at + char.len_utf8();
        while let Some(&(next, after)) = chars.peek()
            && matches!(after, '”' | '’' | '」' | '』' | '）' | ')' | '。')
        {
            end = next + after.len_utf8();
            chars.next();
        }
        push_trimmed(&mut found, offset, line, start..end);
        start = end;
    }
    push_trimmed(&mut found, offset, line, start..line.len());
    found
}

fn push_trimmed(found: &mut Vec<Range<usize>>, offset: usize, line: &str, range: Range<usize>) {
    let Some(text) = line.get(range.clone()) else {
        return;
    };
    let body = text.trim_start();
    let body = ["- ", "* ", "> ", "+ "]
        .iter()
        .find_map(|mark| body.strip_prefix(mark))
        .unwrap_or(body)
        .trim_start();
    let start = offset + range.start + (text.len() - body.len());
    let body = body.trim_end();
    if body.chars().any(char::is_alphanumeric) {
        found.push(start..start + body.len());
    }
}
