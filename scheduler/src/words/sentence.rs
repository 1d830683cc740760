//! A sentence with the numbers and names that it was made from.

use std::collections::HashMap;
use zhisuan_proto::v1;

/// A sentence in two languages and its data.
#[derive(Debug)]
#[must_use]
pub(crate) struct Sentence(v1::Reason);

impl Sentence {
    pub(crate) fn new(code: &str, zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self(v1::Reason {
            code: code.to_owned(),
            numbers: HashMap::new(),
            names: HashMap::new(),
            text_zh: zh.into(),
            text_en: en.into(),
        })
    }

    /// Keeps a number that the sentence uses; one too large for the wire is shown as the largest.
    pub(crate) fn number(mut self, name: &str, value: impl TryInto<i64>) -> Self {
        let value = value.try_into().unwrap_or(i64::MAX);
        self.0.numbers.insert(name.to_owned(), value);
        self
    }

    pub(crate) fn name(mut self, role: &str, name: impl Into<String>) -> Self {
        self.0.names.insert(role.to_owned(), name.into());
        self
    }

    pub(crate) fn reason(self) -> v1::Reason {
        self.0
    }
}
