//! Pure: one line of a chain, and whether a line continues it.
//!
//! A line is the JSON of an event with its number `seq` and the hash `prev` of the line before; the
//! member `hash` is put last and is the digest of all bytes before it. New lines are canonical
//! JSON; what is checked are the bytes, so lines of any order of members hold.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::Digest;
use crate::canonical::object;

/// The hash before the first line.
const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const TAIL: &str = ",\"hash\":\"";
const HASH_CHARS: usize = 64;

/// Where an event stands in a chain. Written `SEQ:HASH`; of the last event it is the chain's head,
/// which says how many events there must be and, through the hash, every byte of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number, from 1.
    pub seq: u64,
    /// Hash of its line, lower-case hexadecimal.
    pub hash: String,
}

impl Link {
    /// What stands before the first line.
    pub(crate) fn begin() -> Self {
        Self {
            seq: 0,
            hash: BEGIN.to_owned(),
        }
    }
}

/// A text that names no place in a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{0}”不是链头。应为“条数:散列”，散列是 64 位十六进制，核对时会打印出来")]
pub struct NoLink(String);

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Link {
    type Err = NoLink;

    fn from_str(text: &str) -> Result<Self, NoLink> {
        let parts = text.trim().split_once(':');
        let link = parts.and_then(|(seq, hash)| {
            let seq = seq.parse().ok().filter(|seq| *seq > 0)?;
            let whole = hash.len() == HASH_CHARS && hash.bytes().all(|b| b.is_ascii_hexdigit());
            let hash = hash.to_ascii_lowercase();
            whole.then_some(Self { seq, hash })
        });
        link.ok_or_else(|| NoLink(text.to_owned()))
    }
}

/// Why a line does not continue a chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Break {
    /// It is no line of a chain, or a part of one.
    #[error("不是完整的日志行，可能被截断或改写")]
    NoLine,
    /// It does not have its hash.
    #[error("内容与它的散列不符，被改动过")]
    Changed,
    /// Another number should stand here.
    #[error("这里应是第 {expected} 条，实为第 {found} 条，中间有缺失或插入")]
    Missing {
        /// The number that follows the line before.
        expected: u64,
        /// Its own number.
        found: u64,
    },
    /// It was written after another line than the one before it.
    #[error("它所接的前一条不是现在的前一条，前一条被替换过")]
    OtherBefore,
}

/// The line of an event after `last`, without a line end, and its place.
pub(crate) fn link(digest: Digest, last: &Link, event: &Map<String, Value>) -> (String, Link) {
    let seq = last.seq.saturating_add(1);
    let (number, before) = (Value::from(seq), Value::from(last.hash.as_str()));
    let own = [("seq", &number), ("prev", &before)];
    let told = event
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| !matches!(*name, "seq" | "prev" | "hash"));
    let mut line = String::new();
    object(told.chain(own), &mut line);
    line.pop();
    let hash = digest.hex(line.as_bytes());
    line.extend([TAIL, &hash, "\"}"]);
    (line, Link { seq, hash })
}

/// Where a line stands, if it is whole, and the hash before it.
pub(crate) fn read(digest: Digest, line: &str) -> Result<(Link, String), Break> {
    let at = line
        .len()
        .checked_sub(TAIL.len() + HASH_CHARS + 2)
        .filter(|&at| line.is_char_boundary(at))
        .ok_or(Break::NoLine)?;
    let (body, tail) = line.split_at(at);
    let hash = tail
        .strip_prefix(TAIL)
        .and_then(|tail| tail.strip_suffix("\"}"))
        .ok_or(Break::NoLine)?;
    if digest.hex(body.as_bytes()) != hash {
        return Err(Break::Changed);
    }
    let value: Value = serde_json::from_str(line).map_err(|_| Break::NoLine)?;
    let seq = value["seq"].as_u64().ok_or(Break::NoLine)?;
    let before = value["prev"].as_str().ok_or(Break::NoLine)?.to_owned();
    let hash = hash.to_owned();
    Ok((Link { seq, hash }, before))
}

/// The place of a line that must follow `last`.
pub(crate) fn follow(digest: Digest, last: &Link, line: &str) -> Result<Link, Break> {
    let (link, before) = read(digest, line)?;
    let expected = last.seq.saturating_add(1);
    if link.seq != expected {
        return Err(Break::Missing {
            expected,
            found: link.seq,
        });
    }
    if before != last.hash {
        return Err(Break::OtherBefore);
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Break, Link, follow, link};
    use crate::Digest;
    use serde_json::{Map, json};

    fn lines(digest: Digest, count: usize) -> Vec<String> {
        let mut last = Link::begin();
        (0..count)
            .map(|number| {
                let who = json!(format!("某人{number}\"}}"));
                // Names of the chain's own are not the event's to set.
                let event = Map::from_iter([
                    ("who".to_owned(), who),
                    ("seq".to_owned(), json!(99)),
                    ("hash".to_owned(), json!("x")),
                ]);
                let (line, next) = link(digest, &last, &event);
                last = next;
                line
            })
            .collect()
    }

    fn check(digest: Digest, lines: &[String]) -> Result<u64, Break> {
        let mut last = Link::begin();
        for line in lines {
            last = follow(digest, &last, line)?;
        }
        Ok(last.seq)
    }

    #[test]
    fn a_place_is_written_and_read_and_nothing_else_is_taken_for_one() {
        let mut last = Link::begin();
        for line in lines(Digest::Sm3, 3) {
            last = follow(Digest::Sm3, &last, &line).unwrap();
        }
        let told = last.to_string();
        assert_eq!(told.parse(), Ok(last));
        assert_eq!(
            told.to_uppercase().parse::<Link>().unwrap().to_string(),
            told
        );
        let none = format!("0{}", &told[1..]);
        for bad in [
            "",
            "3",
            "3:",
            &told[2..],
            &told[..60],
            "-3:00",
            &none,
            &format!("{told}0"),
        ] {
            assert!(bad.parse::<Link>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_chain_holds_and_every_change_breaks_it() {
        for digest in [Digest::Sha256, Digest::Sm3] {
            let all = lines(digest, 5);
            assert_eq!(check(digest, &all), Ok(5));
            let mut changed = all.clone();
            changed[2] = changed[2].replace("某人2", "某人9");
            assert_eq!(check(digest, &changed), Err(Break::Changed));
            let mut shorter = all.clone();
            shorter.remove(1);
            let (expected, found) = (2, 3);
            assert_eq!(
                check(digest, &shorter),
                Err(Break::Missing { expected, found })
            );
            // A line made anew with a true hash of its own does not fit the next one.
            let mut forged = all.clone();
            let first = follow(digest, &Link::begin(), &all[0]).unwrap();
            forged[1] = link(digest, &first, &Map::new()).0;
            assert_eq!(check(digest, &forged), Err(Break::OtherBefore));
            for size in 0..all[0].chars().count() {
                let cut: String = all[0].chars().take(size).collect();
                assert!(follow(digest, &Link::begin(), &cut).is_err());
            }
        }
        let other = lines(Digest::Sm3, 1);
        assert_eq!(check(Digest::Sha256, &other), Err(Break::Changed));
    }
}
