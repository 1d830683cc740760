//! One source text: raw bytes kept as they are, what its head says, and why a file was refused.

use jiff::civil::Date;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::answer::HandOver;
use super::fold::fold;
use super::front_matter::{self, BadHead, FrontMatter};

/// Largest accepted file, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 1 << 20;

/// Whether a text is law today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In force (现行).
    InForce,
    /// Published, but its first day has not come (尚未生效).
    NotYet,
    /// Out for comment (草案).
    Draft,
    /// No longer in force (失效).
    Repealed,
    /// The text does not say (未注明).
    Unstated,
}

impl Status {
    /// The word shown to people.
    pub fn label(self) -> &'static str {
        match self {
            Self::InForce => "现行",
            Self::NotYet => "尚未生效",
            Self::Draft => "草案",
            Self::Repealed => "失效",
            Self::Unstated => "效力未注明",
        }
    }
}

/// A source text with what its head says.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Document {
    /// Stable name: the path below the base's folder without its ending.
    pub id: String,
    /// Path below the base's folder, with `/`.
    pub file: String,
    /// Title.
    pub title: String,
    /// Issuing body; `未注明` where the text does not say.
    pub issuer: String,
    /// Document number.
    pub number: Option<String>,
    /// The place where it applies.
    pub place: Option<String>,
    /// Status as declared; [`Document::status_on`] also looks at the dates.
    pub declared: Status,
    /// First day in force.
    pub effective_date: Option<Date>,
    /// First day out of force.
    pub ended_date: Option<Date>,
    /// Theme under which the page lists it.
    pub theme: Option<String>,
    /// A question the page offers as an example.
    pub sample_question: Option<String>,
    /// Where people are sent when nothing was found, if this text says so.
    pub hand_over: Option<HandOver>,
    /// SHA-256 of the whole file, in lower-case hexadecimal.
    pub sha256: String,
    /// The whole file.
    pub raw: String,
    /// Byte offset of the body in `raw`.
    pub body_start: usize,
}

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Path below the base's folder.
    pub file: String,
    /// Byte offset of the fault in the file, where it has one.
    pub offset: Option<usize>,
    /// Stable code.
    pub code: &'static str,
    /// What is wrong and what would be accepted.
    pub reason: String,
}

impl Document {
    /// Reads one file's bytes; `file` is its path below the base's folder.
    pub(crate) fn parse(file: &str, bytes: &[u8]) -> Result<Self, Refused> {
        let raw = checked_text(file, bytes)?;
        let start = if raw.starts_with('\u{feff}') { 3 } else { 0 };
        let front = front_matter::read(raw, start).map_err(|bad| bad_head(file, bad))?;
        let text = |key: &str| front.fields.get(key).map(|field| field.value.clone());
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        let hand_over = text("转人工电话").map(|phone| HandOver {
            phone,
            counter: text("转人工窗口"),
        });
        Ok(Self {
            id: stem.to_owned(),
            file: file.to_owned(),
            title: text("标题").unwrap_or_else(|| stem.to_owned()),
            issuer: text("发布机构").unwrap_or_else(|| "未注明".to_owned()),
            number: text("文号"),
            place: text("适用地区"),
            declared: status(file, &front)?,
            effective_date: date(file, &front, "生效日期")?,
            ended_date: date(file, &front, "失效日期")?,
            theme: text("主题"),
            sample_question: text("示例"),
            hand_over,
            sha256: sha256(bytes),
            raw: raw.to_owned(),
            body_start: front.body_start,
        })
    }

    /// The status on a day: what the head declares, corrected by its dates.
    pub fn status_on(&self, day: Date) -> Status {
        if self.declared == Status::Draft {
            return Status::Draft;
        }
        if self.ended_date.is_some_and(|ended| ended <= day) {
            return Status::Repealed;
        }
        if self.declared == Status::Repealed && self.ended_date.is_none() {
            return Status::Repealed;
        }
        if self.effective_date.is_some_and(|first| day < first) {
            return Status::NotYet;
        }
        match self.declared {
            // The text was still in force on that earlier day.
            Status::Repealed => Status::InForce,
            other => other,
        }
    }
}

/// SHA-256 of bytes in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A date as `YYYY-MM-DD`, or null.
#[expect(
    clippy::ref_option,
    clippy::trivially_copy_pass_by_ref,
    reason = "serde's serialize_with passes a reference to the field"
)]
pub(crate) fn serialize_date<S: Serializer>(
    date: &Option<Date>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match date {
        Some(date) => serializer.collect_str(date),
        None => serializer.serialize_none(),
    }
}

fn refused(file: &str, offset: Option<usize>, code: &'static str, reason: String) -> Refused {
    Refused {
        file: file.to_owned(),
        offset,
        code,
        reason,
    }
}

fn bad_head(file: &str, bad: BadHead) -> Refused {
    refused(file, Some(bad.offset), "bad_front_matter", bad.reason)
}

/// The bytes as text, if they are text: bounded, UTF-8, without control characters, not blank.
fn checked_text<'a>(file: &str, bytes: &'a [u8]) -> Result<&'a str, Refused> {
    if bytes.len() > MAX_DOCUMENT_BYTES {
        let reason = format!(
            "文件有 {} 字节，最多 {MAX_DOCUMENT_BYTES} 字节，请拆分后再放入",
            bytes.len()
        );
        let offset = Some(MAX_DOCUMENT_BYTES);
        return Err(refused(file, offset, "too_large", reason));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let reason = format!("第 {offset} 字节起不是 UTF-8 文本，请另存为 UTF-8 后再放入");
        refused(file, Some(offset), "not_utf8", reason)
    })?;
    let control = |char: char| char.is_control() && !matches!(char, '\n' | '\r' | '\t');
    if let Some((offset, char)) = text.char_indices().find(|(_, char)| control(*char)) {
        let code = u32::from(char);
        let reason = format!("第 {offset} 字节是控制字符 U+{code:04X}，请清除后再放入");
        return Err(refused(file, Some(offset), "control_character", reason));
    }
    if text.trim().is_empty() {
        let reason = "文件没有内容".to_owned();
        return Err(refused(file, Some(0), "empty", reason));
    }
    Ok(text)
}

fn status(file: &str, front: &FrontMatter) -> Result<Status, Refused> {
    let Some(field) = front.fields.get("状态") else {
        return Ok(Status::Unstated);
    };
    match fold(&field.value).as_str() {
        "现行" => Ok(Status::InForce),
        "草案" => Ok(Status::Draft),
        "失效" => Ok(Status::Repealed),
        other => {
            let reason = format!("“状态”写作“{other}”，只能是：现行、草案、失效");
            Err(refused(file, Some(field.offset), "bad_status", reason))
        }
    }
}

fn date(file: &str, front: &FrontMatter, key: &str) -> Result<Option<Date>, Refused> {
    let Some(field) = front.fields.get(key) else {
        return Ok(None);
    };
    let parsed: Result<Date, _> = field.value.parse();
    parsed.map(Some).map_err(|_| {
        let value = &field.value;
        let reason = format!("“{key}”写作“{value}”，应写成 2025-01-31 这样的日期");
        refused(file, Some(field.offset), "bad_date", reason)
    })
}
