//! Answers in a model's words: each sentence is checked against its sources before it is told.
//!
//! The model sees only the sentences of the extractive answer, so it cannot leave the place, the day
//! or the evidence. What it writes without support, or with a part of its source left out, is
//! dropped, and that source is told in its own words: no answer says less than the extract.

mod check;
mod prompt;
mod sources;
mod split;

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Serialize;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::base::Base;
use super::compose::{GENERATED_LABEL, generated_message};
use super::hashes;
use super::question::without_attack;
use super::record::{Answer, Citation, Maker, Sentence};
use super::verify::Unsupported;
use crate::retrieve::fold;
use check::supported;
pub use prompt::{Prompt, Role, Turn};
use sources::{Source, sources};
use split::{Splitter, Written};

/// Longest text that is read of a model, in bytes.
const MAX_WRITTEN: usize = 16_000;

/// Why a model wrote nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{0}")]
pub struct WriteFault(pub String);

/// A model that writes text from a prompt.
pub trait Writer: Send + Sync {
    /// Served name of the model: equal names and prompts are taken to give equal texts.
    fn name(&self) -> String;

    /// What tells the deployment that wrote last from another of the same name; empty for unknown.
    fn fingerprint(&self) -> String {
        String::new()
    }

    /// Pieces of text as the model writes them.
    fn write(&self, prompt: Prompt) -> BoxStream<'static, Result<String, WriteFault>>;
}

/// A sentence that was written and not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// The sentence.
    pub text: String,
    /// Numbers of the sources that it names, from 1.
    pub sources: Vec<usize>,
    /// Code of the reason.
    pub code: &'static str,
    /// The reason in words.
    pub reason: String,
}

/// What came of a model's text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Drafts {
    /// The model was asked, now or when the same question came before.
    pub asked: bool,
    /// Sentences that stood the check.
    pub verified: usize,
    /// Those that did not.
    pub dropped: Vec<Dropped>,
    /// Why it stopped early.
    pub fault: Option<WriteFault>,
}

/// An answer with what came of the model's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// What is told: `made_by` says whether in the model's words.
    pub answer: Answer,
    /// How it came to be.
    pub drafts: Drafts,
}

/// Tells an extractive answer in the words of a model, sentence for sentence: those that stand the check
/// in the model's words, the others as they are. The extract stands where nothing answers, where
/// texts contradict each other or do not hold, where they are a long list or a table, and where no
/// sentence of the model stood the check within `patience`.
///
/// `tell` gets the answer as far as it is settled: what was told is never taken back, and the answer
/// that is returned begins with it.
pub async fn generate(
    base: &Base,
    extract: Answer,
    writer: &dyn Writer,
    patience: Duration,
    tell: &mut (dyn FnMut(&Answer) + Send),
) -> Generated {
    made(base, extract, writer, patience, tell, true).await
}

/// The same without what is remembered of the same prompt.
pub(crate) async fn generate_anew(
    base: &Base,
    extract: Answer,
    writer: &dyn Writer,
    patience: Duration,
) -> Generated {
    made(base, extract, writer, patience, &mut |_| {}, false).await
}

/// Whether every sentence of an answer in a model's words is one of the extract or stands the check
/// of today, and together they cite what the extract cites.
pub(crate) fn still_stands(base: &Base, extract: &Answer, answer: &Answer) -> bool {
    let sources = sources(base, extract);
    let again = |sentence: &Sentence| {
        let named = sources
            .iter()
            .zip(1..)
            .filter(|(source, _)| sentence.citations.contains(&source.citation));
        let written = Written {
            text: sentence.text.clone(),
            sources: named.map(|(_, number)| number).collect(),
        };
        let made = supported(&written, &sources, base.places());
        made.is_ok_and(|made| made.citations == sentence.citations)
    };
    let cited = |answer: &Answer| -> Vec<Citation> {
        let said = answer.sentences.iter();
        said.flat_map(|said| said.citations.clone()).collect()
    };
    let stands = |said: &Sentence| extract.sentences.contains(said) || again(said);
    cited(answer) == cited(extract) && answer.sentences.iter().all(stands)
}

async fn made(
    base: &Base,
    extract: Answer,
    writer: &dyn Writer,
    patience: Duration,
    tell: &mut (dyn FnMut(&Answer) + Send),
    remembers: bool,
) -> Generated {
    let sources = sources(base, &extract);
    if sources.is_empty() {
        let drafts = Drafts::default();
        return Generated {
            answer: extract,
            drafts,
        };
    }
    let question = plain(&extract.question);
    let prompt = prompt::prompt(&question, &sources);
    let digest = prompt.digest();
    let found_by = &extract.hashes.model;
    let asked = &extract.hashes.question;
    let key = hashes::digest(&["written", asked, found_by, &writer.name(), &digest]);
    if let Some(known) = base.written(&key).filter(|_| remembers) {
        let mut drafts = Drafts {
            asked: true,
            ..Drafts::default()
        };
        if known.made_by != Maker::Extract {
            drafts.verified = known.sentences.len();
            tell(&known);
        }
        let answer = Answer::clone(&known);
        return Generated { answer, drafts };
    }
    let mut desk = Desk {
        base,
        extract: &extract,
        sources: &sources,
        draft: drafted(extract.clone(), writer),
        next: 0,
        drafts: Drafts {
            asked: true,
            ..Drafts::default()
        },
    };
    let stream = writer.write(prompt);
    desk.read(stream, Instant::now() + patience, tell).await;
    desk.quote_until(sources.len());
    let (draft, drafts) = (desk.draft, desk.drafts);
    let answer = if drafts.verified > 0 {
        sealed(draft, writer, digest)
    } else {
        extract
    };
    // What a fault cut short may come whole the next time.
    if drafts.fault.is_none() {
        base.keep_written(&key, &answer);
    }
    Generated { answer, drafts }
}

/// The question without orders to a machine.
fn plain(question: &str) -> String {
    without_attack(&fold(question)).unwrap_or_else(|| question.to_owned())
}

/// The answer that is to be in the model's words, still without sentences. The notices stay: they
/// warn of every source that the model was shown.
fn drafted(extract: Answer, writer: &dyn Writer) -> Answer {
    Answer {
        made_by: Maker::Model {
            model: writer.name(),
        },
        message: generated_message(extract.as_of),
        sentences: Vec::new(),
        label: GENERATED_LABEL.to_owned(),
        ..extract
    }
}

fn sealed(draft: Answer, writer: &dyn Writer, prompt: String) -> Answer {
    let mut answer = draft;
    let embedder = std::mem::take(&mut answer.hashes.model);
    let parts = ["models", &embedder, &writer.name(), &writer.fingerprint()];
    answer.hashes.model = hashes::digest(&parts);
    answer.hashes.prompt = prompt;
    hashes::seal(&mut answer);
    answer
}

/// Reads what a model writes and keeps what the sources support.
struct Desk<'a> {
    base: &'a Base,
    extract: &'a Answer,
    sources: &'a [Source<'a>],
    draft: Answer,
    /// The first source that is not told.
    next: usize,
    drafts: Drafts,
}

impl Desk<'_> {
    async fn read(
        &mut self,
        mut stream: BoxStream<'static, Result<String, WriteFault>>,
        until: Instant,
        tell: &mut (dyn FnMut(&Answer) + Send),
    ) {
        let (mut splitter, mut length) = (Splitter::default(), 0);
        let fault = loop {
            let piece = match timeout_at(until, stream.next()).await {
                Ok(Some(Ok(piece))) => piece,
                Ok(None) => break None,
                Ok(Some(Err(fault))) => break Some(fault),
                Err(_) => break Some(WriteFault("改写模型用时过长".to_owned())),
            };
            length += piece.len();
            for written in splitter.push(&piece) {
                self.judge(&written, tell);
            }
            if length > MAX_WRITTEN || self.next >= self.sources.len() {
                splitter = Splitter::default();
                break None;
            }
        };
        // A sentence that was cut off may have lost its `not`.
        if let Some(fault) = fault {
            tracing::warn!(%fault, "the writing model stopped");
            self.drafts.fault = Some(fault);
        } else if let Some(written) = splitter.finish() {
            self.judge(&written, tell);
        }
    }

    fn judge(&mut self, written: &Written, tell: &mut (dyn FnMut(&Answer) + Send)) {
        if self.next >= self.sources.len() {
            return;
        }
        let first = written
            .sources
            .first()
            .and_then(|number| number.checked_sub(1));
        let in_order = written.sources.is_sorted_by(|one, other| one + 1 == *other);
        if first.is_some_and(|first| first < self.next) || !in_order {
            return self.drop(written, &Unsupported::Again);
        }
        match supported(written, self.sources, self.base.places()) {
            Ok(sentence) => {
                self.quote_until(first.unwrap_or(self.next));
                self.next += sentence.citations.len();
                self.draft.sentences.push(sentence);
                self.drafts.verified += 1;
                tell(&self.draft);
            }
            Err(fault) => self.drop(written, &fault),
        }
    }

    /// Tells the sources before one in their own words, where the model has not.
    fn quote_until(&mut self, source: usize) {
        let quoted = self.extract.sentences.get(self.next..source);
        self.draft
            .sentences
            .extend(quoted.into_iter().flatten().cloned());
        self.next = self.next.max(source);
    }

    fn drop(&mut self, written: &Written, fault: &Unsupported) {
        tracing::info!(code = fault.code(), %fault, "sentence dropped");
        self.drafts.dropped.push(Dropped {
            text: written.text.clone(),
            sources: written.sources.clone(),
            code: fault.code(),
            reason: fault.to_string(),
        });
    }
}
