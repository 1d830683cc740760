//! `--name value` pairs; a name that no bench asked for is an error, not a silent default.

use anyhow::{Context, Result, bail};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Arguments of a bench.
pub(crate) struct Args {
    pairs: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

impl Args {
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut pairs = BTreeMap::new();
        for pair in words.chunks(2) {
            let name = pair[0]
                .strip_prefix("--")
                .with_context(|| format!("{:?} is no --name", pair[0]))?;
            let value = pair
                .get(1)
                .with_context(|| format!("--{name} has no value"))?;
            pairs.insert(name.to_owned(), value.clone());
        }
        let used = RefCell::new(BTreeSet::from(["out".to_owned()]));
        Ok(Self { pairs, used })
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.used.borrow_mut().insert(name.to_owned());
        self.pairs.get(name).map(String::as_str)
    }

    /// A whole number of at least one.
    pub(crate) fn number(&self, name: &str, default: usize) -> Result<usize> {
        let Some(text) = self.text(name) else {
            return Ok(default);
        };
        let number = text
            .parse()
            .with_context(|| format!("--{name} {text}: not a number"))?;
        if number == 0 {
            bail!("--{name} must be at least 1");
        }
        Ok(number)
    }

    pub(crate) fn all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        match self.pairs.keys().find(|name| !used.contains(*name)) {
            Some(name) => bail!("--{name} is not an argument of this bench"),
            None => Ok(()),
        }
    }
}
