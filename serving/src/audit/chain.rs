//! Pure: lines that are chained by hash, so that none can be changed, taken out or put in without
//! a break. A line is a JSON object; its last member is the SHA-256 of all bytes before it, and
//! these name the hash of the line before.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The hash before the first line.
pub(crate) const BEGIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const TAIL: &str = ",\"hash\":\"";
const HASH_CHARS: usize = 64;

/// The place after a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// Number of the next line.
    pub(crate) next: u64,
    /// Hash of the last line.
    pub(crate) hash: String,
}

impl Head {
    pub(crate) fn begin() -> Self {
        Self {
            next: 1,
            hash: BEGIN.to_owned(),
        }
    }
}

/// Why a line does not continue the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Break {
    NoLine,
    Changed,
    Missing { expected: u64, found: u64 },
    OtherBefore,
}

/// The line of an event, and the place after it.
pub(crate) fn link(head: &Head, mut event: Map<String, Value>) -> (String, Head) {
    event.insert("seq".to_owned(), json!(head.next));
    event.insert("prev".to_owned(), json!(head.hash));
    let mut line = Value::Object(event).to_string();
    line.pop();
    let hash = hex::encode(Sha256::digest(line.as_bytes()));
    line.extend([TAIL, &hash, "\"}"]);
    let next = Head {
        next: head.next.saturating_add(1),
        hash,
    };
    (line, next)
}

/// Where a line stands, if it is whole: its number and the hash before it, and the place after.
pub(crate) fn read(line: &str) -> Result<(u64, String, Head), Break> {
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
    if hex::encode(Sha256::digest(body.as_bytes())) != told {
        return Err(Break::Changed);
    }
    let value: Value = serde_json::from_str(line).map_err(|_| Break::NoLine)?;
    let seq = value["seq"].as_u64().ok_or(Break::NoLine)?;
    let before = value["prev"].as_str().ok_or(Break::NoLine)?.to_owned();
    let head = Head {
        next: seq.saturating_add(1),
        hash: told.to_owned(),
    };
    Ok((seq, before, head))
}

/// The place after a line that must follow `head`.
pub(crate) fn follow(head: &Head, line: &str) -> Result<Head, Break> {
    let (seq, before, next) = read(line)?;
    if seq != head.next {
        return Err(Break::Missing {
            expected: head.next,
            found: seq,
        });
    }
    if before != head.hash {
        return Err(Break::OtherBefore);
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::{Break, Head, follow, link};
    use serde_json::{Map, json};

    fn lines(count: usize) -> Vec<String> {
        let mut head = Head::begin();
        (0..count)
            .map(|number| {
                let event =
                    Map::from_iter([("who".to_owned(), json!(format!("某人{number}\"}}")))]);
                let (line, next) = link(&head, event);
                head = next;
                line
            })
            .collect()
    }

    fn check(lines: &[String]) -> Result<u64, Break> {
        let mut head = Head::begin();
        for line in lines {
            head = follow(&head, line)?;
        }
        Ok(head.next)
    }

    #[test]
    fn a_chain_holds_and_every_change_breaks_it() {
        let all = lines(5);
        assert_eq!(check(&all), Ok(6));
        let mut changed = all.clone();
        changed[2] = changed[2].replace("某人2", "某人9");
        assert_eq!(check(&changed), Err(Break::Changed));
        let mut shorter = all.clone();
        shorter.remove(1);
        assert_eq!(
            check(&shorter),
            Err(Break::Missing {
                expected: 2,
                found: 3
            })
        );
        let mut swapped = all.clone();
        swapped.swap(1, 2);
        assert!(check(&swapped).is_err());
        // A line that was made anew with a true hash of its own does not fit the next one.
        let mut forged = all.clone();
        let head = follow(&Head::begin(), &all[0]).unwrap();
        forged[1] = link(&head, Map::new()).0;
        assert_eq!(check(&forged), Err(Break::OtherBefore));
        for size in 0..all[0].len() {
            let cut: String = all[0].chars().take(size).collect();
            assert!(cut == all[0] || follow(&Head::begin(), &cut).is_err());
        }
    }
}
