//! Answers in a model's words: each sentence is checked against its sources before it is told.
//!
//! The model sees only passages of texts that the extractive answer already stands on, so it cannot
//! leave the place, the day or the evidence. What it writes without support is dropped; when the
//! asked fact goes with it, the extractive answer stands.

mod prompt;
mod split;

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use super::base::Base;
use super::compose::{GENERATED_LABEL, notices};
use super::hashes;
use super::record::{Answer, Asked, Citation, Maker, Outcome, Sentence};
use super::verify::{Unsupported, verify};
use crate::kb::Version;
use crate::kb::values;
pub use prompt::Prompt;
use prompt::Source;
use split::{Splitter, Written};

/// Longest text that is read of a model, in bytes.
const MAX_WRITTEN: usize = 16_000;
/// Most sentences told.
const MAX_SENTENCES: usize = 8;
/// Most passages shown to the model.
const MAX_PASSAGES: usize = 6;

/// Why a model wrote nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct WriteFault(pub String);

/// A model that writes text from a prompt.
pub trait Writer: Send + Sync {
    /// Served name of the model: equal names and prompts are taken to give equal texts.
    fn name(&self) -> String;

    /// Pieces of text as the model writes them.
    fn write(&self, prompt: Prompt) -> BoxStream<'static, Result<String, WriteFault>>;
}

/// A passage with the sentences that may be cited of it.
struct Passage<'a> {
    version: &'a Version,
    citations: Vec<Citation>,
}

/// Answers in the words of a model, or in those of the texts where that is not possible: where
/// nothing answers, where texts contradict each other or do not hold, where the model fails or
/// takes longer than `patience`, and where the asked fact did not stand the check.
///
/// `tell` gets each sentence once it is verified. The answer that is returned counts: when it is
/// made by extract, what was told is to be replaced by it.
pub async fn generate(
    base: &Base,
    asked: &Asked,
    writer: &dyn Writer,
    patience: Duration,
    tell: &mut (dyn FnMut(&Sentence) + Send),
) -> Answer {
    let extract = base.answer(asked);
    if extract.outcome != Outcome::Answered {
        return extract;
    }
    let passages = passages(base, asked, &extract);
    let sources: Vec<Source> = passages.iter().map(source).collect();
    let mut stream = writer.write(prompt::prompt(&extract.question, &sources));
    let until = Instant::now() + patience;
    let (mut splitter, mut length) = (Splitter::default(), 0);
    let mut kept: Vec<Sentence> = Vec::new();
    let mut whole = false;
    while kept.len() < MAX_SENTENCES && length < MAX_WRITTEN {
        let piece = match timeout_at(until, stream.next()).await {
            Ok(Some(Ok(piece))) => piece,
            Ok(None) => {
                whole = true;
                break;
            }
            Ok(Some(Err(fault))) => {
                tracing::warn!(%fault, "the writing model failed");
                break;
            }
            Err(_) => {
                tracing::warn!("the writing model took too long");
                break;
            }
        };
        length += piece.len();
        for written in splitter.push(&piece) {
            keep(&mut kept, supported(&written, &passages), tell);
        }
    }
    // A sentence that was cut off may have lost its `not`.
    if let Some(written) = splitter.finish().filter(|_| whole) {
        keep(&mut kept, supported(&written, &passages), tell);
    }
    kept.truncate(MAX_SENTENCES);
    if !core_stands(&extract, &kept) {
        return extract;
    }
    let mut answer = extract;
    let model = writer.name();
    let embedder = std::mem::take(&mut answer.hashes.model);
    answer.hashes.model = hashes::digest(&["models", &embedder, &model]);
    answer.made_by = Maker::Model { model };
    answer.notices = notices(&kept, base.published(), answer.as_of);
    answer.sentences = kept;
    GENERATED_LABEL.clone_into(&mut answer.label);
    hashes::seal(&mut answer);
    answer
}

fn keep(
    kept: &mut Vec<Sentence>,
    sentence: Result<Sentence, Unsupported>,
    tell: &mut (dyn FnMut(&Sentence) + Send),
) {
    match sentence {
        Ok(sentence) if kept.len() < MAX_SENTENCES => {
            if kept.iter().all(|known| known.text != sentence.text) {
                tell(&sentence);
                kept.push(sentence);
            }
        }
        Ok(_) => {}
        Err(fault) => tracing::info!(code = fault.code(), %fault, "sentence dropped"),
    }
}

/// The passages that the extractive answer stands on, and those found beside them in the same
/// versions.
fn passages<'a>(base: &'a Base, asked: &Asked, extract: &Answer) -> Vec<Passage<'a>> {
    let cited: Vec<&Citation> = extract
        .sentences
        .iter()
        .flat_map(|s| &s.citations)
        .collect();
    let mut places: Vec<(&Version, usize)> = Vec::new();
    let at_hand = |document: &str, number: u32| {
        let mut versions = base.published().versions.iter();
        let found = versions.find(|v| v.id.document == document && v.id.number == number);
        found.map(AsRef::as_ref)
    };
    for citation in &cited {
        let Some(version) = at_hand(&citation.document, citation.version) else {
            continue;
        };
        let holds = |passage: &crate::kb::Passage| {
            let head = passage.table_head.iter();
            passage
                .sentences
                .iter()
                .chain(head)
                .any(|span| span.start == citation.start_byte)
        };
        places.extend(
            version
                .passages
                .iter()
                .position(holds)
                .map(|at| (version, at)),
        );
    }
    for hit in base.search(asked) {
        let mut same = cited
            .iter()
            .filter(|citation| citation.document == hit.document);
        if let Some(version) = same.next().and_then(|c| at_hand(&c.document, c.version)) {
            places.push((version, hit.passage));
        }
    }
    let mut found: Vec<Passage<'a>> = Vec::new();
    let mut seen = Vec::new();
    for (version, at) in places {
        let key = (&version.id, at);
        let Some(passage) = version.passages.get(at).filter(|_| !seen.contains(&key)) else {
            continue;
        };
        seen.push(key);
        let spans = passage.table_head.iter().chain(&passage.sentences);
        let citations =
            spans.map(|span| Citation::of(version, &passage.path, span.clone(), extract.as_of));
        found.push(Passage {
            version,
            citations: citations.collect(),
        });
        if found.len() == MAX_PASSAGES {
            break;
        }
    }
    found
}

fn source(passage: &Passage<'_>) -> Source {
    let quotes: Vec<&str> = passage.citations.iter().map(|c| c.quote.as_str()).collect();
    let first = passage.citations.first();
    Source {
        title: first.map_or(String::new(), |citation| citation.title.clone()),
        path: first.map_or(String::new(), |citation| citation.path.join("－")),
        text: quotes.join("\n"),
    }
}

/// A written sentence with the fewest sentences of its passages that support it.
fn supported(written: &Written, passages: &[Passage<'_>]) -> Result<Sentence, Unsupported> {
    let named = written
        .passages
        .iter()
        .filter_map(|n| passages.get(n.checked_sub(1)?));
    let named: Vec<&Passage<'_>> = named.collect();
    let citations: Vec<&Citation> = named
        .iter()
        .flat_map(|passage| &passage.citations)
        .collect();
    // All together first: a sentence that none of them supports is not looked at further.
    holds_up(&written.text, &citations)?;
    let alone = citations
        .iter()
        .find(|citation| holds_up(&written.text, &[citation]).is_ok());
    let pair = || {
        let mut pairs = citations.windows(2);
        pairs.find(|pair| holds_up(&written.text, pair).is_ok())
    };
    let chosen: Vec<Citation> = match (alone, alone.is_none().then(pair).flatten()) {
        (Some(citation), _) => vec![Citation::clone(citation)],
        (None, Some(pair)) => pair.iter().copied().cloned().collect(),
        (None, None) => citations.iter().copied().cloned().collect(),
    };
    let holds = |citation: &Citation| {
        let mut owners = named
            .iter()
            .filter(|passage| passage.version.id.document == citation.document);
        owners.any(|passage| citation.verify(&passage.version.text).is_ok())
    };
    if chosen.is_empty() || !chosen.iter().all(holds) {
        return Err(Unsupported::NoSource);
    }
    Ok(Sentence {
        text: written.text.clone(),
        section: String::new(),
        citations: chosen,
    })
}

/// Verifies a sentence against quotes; the titles and headings above them give names to things.
fn holds_up(text: &str, citations: &[&Citation]) -> Result<(), Unsupported> {
    let titles = citations.iter().map(|citation| citation.title.as_str());
    let paths = citations.iter().flat_map(|citation| &citation.path);
    let quotes = citations.iter().map(|citation| citation.quote.as_str());
    let spans: Vec<&str> = quotes
        .chain(titles)
        .chain(paths.map(String::as_str))
        .collect();
    if citations.is_empty() {
        return Err(Unsupported::NoSource);
    }
    verify(text, &spans)
}

/// Whether what is left still says what was asked: a number of the extract's leading sentence where
/// that has one, any sentence from the same text otherwise.
fn core_stands(extract: &Answer, kept: &[Sentence]) -> bool {
    let Some(lead) = extract.sentences.first() else {
        return false;
    };
    let wanted = values(&lead.text);
    let told = kept.iter().flat_map(|sentence| values(&sentence.text));
    let told: Vec<_> = told.collect();
    let documents: Vec<&str> = lead.citations.iter().map(|c| c.document.as_str()).collect();
    let mut cited = kept.iter().flat_map(|sentence| &sentence.citations);
    let same = cited.any(|citation| documents.contains(&citation.document.as_str()));
    same && (wanted.is_empty() || wanted.iter().any(|value| told.contains(value)))
}
