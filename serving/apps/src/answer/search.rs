//! Passages for a question, without an answer.

use std::sync::Arc;

use super::ask::check;
use super::base::{Base, joined};
use super::evidence::weigh;
use super::find::{Found, by_evidence};
use super::help::{Help, Queued};
use super::question::Question;
use super::record::Asked;
use crate::kb::State;

/// One passage found for a question.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// The version that it stands in.
    pub version: Arc<str>,
    /// Name of the document.
    pub document: String,
    /// Title of the document.
    pub title: String,
    /// Position of the passage in its version.
    pub passage: usize,
    /// Headings above it.
    pub path: Vec<String>,
    /// Its sentences, joined.
    pub text: String,
    /// State of the version on the day asked for.
    pub state: State,
    /// Rank score; comparable only within one question.
    pub score: f32,
}

impl Base {
    /// The best passages for a question, best first, at most `asked.top_k`; none for a question
    /// that cannot be used.
    pub fn search(&self, asked: &Asked) -> Vec<Hit> {
        self.search_with(asked, &Help::welcome(None))
    }

    /// The same in a turn, which others have while a model works.
    pub(crate) fn search_in_turn(&self, asked: &Asked, turn: Box<dyn Queued>) -> Vec<Hit> {
        self.search_with(asked, &Help::welcome(Some(turn)))
    }

    fn search_with(&self, asked: &Asked, help: &Help) -> Vec<Hit> {
        if check(asked).is_err() {
            return Vec::new();
        }
        let mut found = self.found_for(asked, help);
        if help.failed() {
            found = self.found_for(asked, &Help::unwanted());
        }
        found.truncate(asked.top_k);
        found.iter().filter_map(|found| self.hit(*found)).collect()
    }

    /// The passages for a question as it stands, or with its typing errors mended where nothing
    /// answers that.
    fn found_for(&self, asked: &Asked, help: &Help) -> Vec<Found> {
        let plain = self.read(&asked.question, asked, false);
        let mended = self.read(&asked.question, asked, true);
        match self.passages_for(&plain, asked, help) {
            (Some(false), _) if mended != plain => self.passages_for(&mended, asked, help).1,
            (_, found) => found,
        }
    }

    /// Whether some passages answer a question, and the passages by the evidence in them.
    fn passages_for(
        &self,
        question: &Question,
        asked: &Asked,
        help: &Help,
    ) -> (Option<bool>, Vec<Found>) {
        let Ok(limits) = self.limits(asked, question, help.clone()) else {
            return (None, Vec::new());
        };
        let weighed = weigh(&question.matters, &self.index);
        let looked = self.look_up(question, &weighed, &limits);
        let ranked = self.judged(&looked.candidates, &limits, looked.meaning.as_ref());
        let answered = ranked.first().is_some_and(|best| best.verdict.is_ok());
        let found = by_evidence(&looked.found, &looked.candidates, &limits);
        (Some(answered), found)
    }

    fn hit(&self, found: Found) -> Option<Hit> {
        let version = self.published.versions.get(found.version)?;
        let passage = version.passages.get(found.passage)?;
        Some(Hit {
            version: version.id.to_string().into(),
            document: version.id.document.clone(),
            title: version.head.title.clone(),
            passage: found.passage,
            path: passage.path.clone(),
            text: joined(version, &passage.sentences),
            state: found.state,
            score: found.score,
        })
    }
}
