//! Words of a scenario command: positional words, then `key=value` pairs, each used exactly once.

use std::collections::BTreeMap;
use zhisuan_core::WorkKind;

pub(super) struct Words<'a> {
    plain: std::vec::IntoIter<&'a str>,
    pairs: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        let mut plain = Vec::new();
        let mut pairs = BTreeMap::new();
        for word in line.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => drop(pairs.insert(key, value)),
                None => plain.push(word),
            }
        }
        let plain = plain.into_iter();
        Self { plain, pairs }
    }

    pub(super) fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.plain
            .next()
            .ok_or_else(|| format!("{what} is missing"))
    }

    pub(super) fn optional(&mut self) -> Option<&'a str> {
        self.plain.next()
    }

    pub(super) fn rest(&mut self) -> Vec<&'a str> {
        self.plain.by_ref().collect()
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        self.pairs.remove(key)
    }

    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        key: &str,
        default: T,
    ) -> Result<T, String> {
        match self.pairs.remove(key) {
            None => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| format!("{key}={text} is no number")),
        }
    }

    /// Every pair that is left; afterwards none is.
    pub(super) fn pairs(&mut self) -> BTreeMap<&'a str, &'a str> {
        std::mem::take(&mut self.pairs)
    }

    pub(super) fn done(mut self) -> Result<(), String> {
        match (self.plain.next(), self.pairs.first_key_value()) {
            (None, None) => Ok(()),
            (Some(word), _) => Err(format!("what is {word}?")),
            (_, Some((key, _))) => Err(format!("what is {key}=?")),
        }
    }
}

/// `250ms`, `10s`, `5m` or `2h` as milliseconds.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .ok_or_else(|| format!("{text} has no unit"))?;
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(format!("{unit} is no unit of time")),
    };
    let number: u64 = number.parse().map_err(|_| format!("{text} is no time"))?;
    Ok(number * factor)
}

pub(super) fn work(text: &str) -> Result<WorkKind, String> {
    match text {
        "train" => Ok(WorkKind::Train),
        "batch" => Ok(WorkKind::Batch),
        "serve" => Ok(WorkKind::Serve),
        "command" => Ok(WorkKind::Command),
        _ => Err(format!("{text} is no kind of work")),
    }
}

/// `zone:a,disk:ssd` as labels.
pub(super) fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    text.split(',')
        .map(|label| {
            let (key, value) = label
                .split_once(':')
                .ok_or_else(|| format!("{label} is no key:value"))?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect()
}
