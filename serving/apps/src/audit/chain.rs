//! Pure: lines chained by SM3, so that none can be changed, taken out or put in without a break.
//!
//! A line is the canonical JSON of an event with its number `seq` and the hash `prev` of the line
//! before; the member `hash` is put last and is the SM3 of all bytes before it.

use serde_json::{Map, Value, json};

use super::canonical::{canonical, sm3_hex};

/// The hash before the first line.
pub(super) const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const TAIL: &str = ",\"hash\":\"";
const HASH_CHARS: usize = 64;

/// The place after a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the next line, from 1.
    pub(super) next: u64,
    /// Hash of the last line.
    pub(super) hash: String,
}

impl Place {
    pub(super) fn begin() -> Self {
        Self {
            next: 1,
            hash: BEGIN.to_owned(),
        }
    }
}

/// Why a line does not continue the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Break {
    NoLine,
    Changed,
    Missing { expected: u64, found: u64 },
    OtherBefore,
}

impl Break {
    /// In words, for people.
    pub(super) fn words(&self) -> String {
        match self {
            Self::NoLine => "不是完整的日志行，可能被截断或改写".to_owned(),
            Self::Changed => "内容与它的散列不符，被改动过".to_owned(),
            Self::Missing { expected, found } => {
                format!("这里应是第 {expected} 条，实为第 {found} 条，中间有缺失或插入")
            }
            Self::OtherBefore => "它所接的前一条不是现在的前一条，前一条被替换过".to_owned(),
        }
    }
}

/// The line of an event, without a line end, and the place after it.
pub(super) fn link(place: &Place, mut event: Map<String, Value>) -> (String, Place) {
    event.insert("seq".to_owned(), json!(place.next));
    event.insert("prev".to_owned(), json!(place.hash));
    event.remove("hash");
    let mut line = canonical(&Value::Object(event));
    line.pop();
    let hash = sm3_hex(line.as_bytes());
    line.extend([TAIL, &hash, "\"}"]);
    let next = Place {
        next: place.next.saturating_add(1),
        hash,
    };
    (line, next)
}

/// Where a line stands, if it is whole: its number and the hash before it, and the place after.
pub(super) fn read(line: &str) -> Result<(u64, String, Place), Break> {
    let at = line
        .len()
        .checked_sub(TAIL.len() + HASH_CHARS + 2)
        .filter(|&at| line.is_char_boundary(at))
        .ok_or(Break::NoLine)?;
    let (body, tail) = line.split_at(at);
    let told = tail
        .strip_prefix(TAIL)
        .and_then(|tail| tail.strip_suffix("\"}"))
        .ok_or(Break::NoLine)?;
    if sm3_hex(body.as_bytes()) != told {
        return Err(Break::Changed);
    }
    let value: Value = serde_json::from_str(line).map_err(|_| Break::NoLine)?;
    let seq = value["seq"].as_u64().ok_or(Break::NoLine)?;
    let before = value["prev"].as_str().ok_or(Break::NoLine)?.to_owned();
    let place = Place {
        next: seq.saturating_add(1),
        hash: told.to_owned(),
    };
    Ok((seq, before, place))
}

/// The place after a line that must follow `place`.
pub(super) fn follow(place: &Place, line: &str) -> Result<Place, Break> {
    let (seq, before, next) = read(line)?;
    if seq != place.next {
        return Err(Break::Missing {
            expected: place.next,
            found: seq,
        });
    }
    if before != place.hash {
        return Err(Break::OtherBefore);
    }
    Ok(next)
}
