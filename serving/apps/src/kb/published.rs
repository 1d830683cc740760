//! What answers come from at one moment: immutable, named by a digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bank::BankQuestion;
use super::script::bare;
use super::version::Version;

/// What citizens say, and what the texts call it; reviewed like a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Synonym {
    /// The citizens' word.
    pub word: String,
    /// The texts' words.
    pub means: Vec<String>,
}

/// All published versions of a knowledge base, with what is needed to answer from them.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Published {
    /// Name of the knowledge base.
    pub base: String,
    /// Versions, ordered by id. Superseded and repealed ones are among them: questions as of an
    /// earlier day are answered from them.
    pub versions: Vec<Arc<Version>>,
    /// Reviewed synonyms.
    pub synonyms: Vec<Synonym>,
    /// Reviewed questions, ordered.
    pub bank: Vec<BankQuestion>,
    /// Themes that are switched off: questions about them are handed over.
    pub closed_themes: Vec<String>,
    /// The place that the base speaks for: questions that name none are about it.
    pub home: Option<String>,
    /// Digest over the ids and text digests of all versions, the synonyms, the question bank and the closed themes,
    /// lower-case hexadecimal: two equal digests give equal answers.
    pub digest: String,
}

impl Published {
    /// Whether questions about a theme are handed over. A theme may be written in both scripts.
    pub fn is_closed(&self, theme: &str) -> bool {
        let theme = bare(theme);
        self.closed_themes
            .iter()
            .any(|closed| bare(closed) == theme)
    }

    /// The themes of the texts, and those that are closed, each once as it was first written.
    pub fn themes(&self) -> Vec<&str> {
        let texts = self.versions.iter();
        let told = texts.filter_map(|version| version.head.theme.as_deref());
        let closed = self.closed_themes.iter().map(String::as_str);
        let mut themes: BTreeMap<String, &str> = BTreeMap::new();
        for theme in told.chain(closed) {
            themes.entry(bare(theme)).or_insert(theme);
        }
        themes.into_values().collect()
    }
}
