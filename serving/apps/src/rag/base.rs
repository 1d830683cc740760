//! The knowledge base: a folder of texts, read once, asked often.

mod files;
mod options;

use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::answer::{Answer, HandOver, Outcome, Sentence};
use super::cite::{Citation, CitationFault};
use super::document::{Document, Refused};
use super::evidence::{Gap, TermStats, TextView, judge, weigh};
use super::fold::fold;
use super::index::{Entry, PassageIndex};
use super::passage::{Passage, passages};
use super::question::{self, Question};
use super::search::{self, Hit};
use super::select::select;
use options::check;
pub use options::{AskError, AskOptions, KbError, MAX_QUESTION_CHARS, MAX_TOP_K};

/// Passages taken from the index before they are grouped by text.
const PASSAGES: usize = 80;
/// A text further below the best one than this is not asked.
const NEAR_BEST: f32 = 0.5;

/// A folder of texts, ready to be asked. Asking reads the cited files again to verify them.
pub struct KnowledgeBase {
    dir: PathBuf,
    documents: Vec<Document>,
    refused: Vec<Refused>,
    passages: Vec<Passage>,
    views: Vec<TextView>,
    stats: TermStats,
    index: PassageIndex,
}

impl std::fmt::Debug for KnowledgeBase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KnowledgeBase")
            .field("dir", &self.dir)
            .field("documents", &self.documents.len())
            .field("refused", &self.refused.len())
            .finish_non_exhaustive()
    }
}

impl KnowledgeBase {
    /// Reads every `.md` and `.txt` file below `dir`; files that cannot be used are left out and
    /// listed by [`KnowledgeBase::refused`].
    pub fn load(dir: &Path) -> Result<Self, KbError> {
        let (documents, refused) = files::read_all(dir).map_err(|source| KbError::Folder {
            dir: dir.to_owned(),
            source,
        })?;
        let mut cut: Vec<Passage> = Vec::new();
        let mut views = Vec::with_capacity(documents.len());
        for (at, document) in documents.iter().enumerate() {
            let own = passages(at, &document.raw, document.body_start);
            views.push(TextView::new(document, own.iter()));
            cut.extend(own);
        }
        let texts: Vec<String> = cut.iter().map(|p| folded_text(&documents, p)).collect();
        let sections: Vec<String> = cut.iter().map(|p| fold(&p.section)).collect();
        let mut stats = TermStats::default();
        let mut entries = Vec::with_capacity(cut.len());
        for ((passage, text), section) in cut.iter().zip(&texts).zip(&sections) {
            let title = views.get(passage.document).map_or("", |view| &view.title);
            stats.add(&format!("{section}\n{text}"));
            entries.push(Entry {
                title,
                section,
                text,
            });
        }
        let index = PassageIndex::build(entries.into_iter())?;
        Ok(Self {
            dir: dir.to_owned(),
            documents,
            refused,
            passages: cut,
            views,
            stats,
            index,
        })
    }

    /// The texts that were read, ordered by name.
    pub fn documents(&self) -> &[Document] {
        &self.documents
    }

    /// The text of that name.
    pub fn document(&self, id: &str) -> Option<&Document> {
        self.documents.iter().find(|document| document.id == id)
    }

    /// The passages of all texts.
    pub fn passages(&self) -> &[Passage] {
        &self.passages
    }

    /// The files that were left out, and why.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Where a person will help, as the first text that says so.
    pub fn hand_over(&self) -> Option<&HandOver> {
        self.documents.iter().find_map(|d| d.hand_over.as_ref())
    }

    /// The best texts for a question, best first, at most `options.top_k`.
    pub fn search(&self, question: &str, options: AskOptions) -> Result<Vec<Hit>, AskError> {
        check(question, options)?;
        self.ranked(&question::parse(question), options)
    }

    /// Answers a question with verified sentences, or says that no source was found.
    pub fn ask(&self, question: &str, options: AskOptions) -> Result<Answer, AskError> {
        check(question, options)?;
        let parsed = question::parse(question);
        let hits = self.ranked(&parsed, options)?;
        let outcome = self.outcome(&parsed, &hits, options.as_of);
        Ok(Answer::new(question, options.as_of, outcome))
    }

    /// The file of a text as it is now, for verifying.
    pub fn source_bytes(&self, document: &Document) -> Result<Vec<u8>, CitationFault> {
        files::read_bounded(&self.dir.join(&document.file)).map_err(|error| {
            CitationFault::Unreadable {
                document_id: document.id.clone(),
                reason: error.to_string(),
            }
        })
    }

    fn ranked(&self, question: &Question, options: AskOptions) -> Result<Vec<Hit>, AskError> {
        let top = self.index.top(&question.terms, PASSAGES)?;
        let by_document: Vec<(usize, f32)> = top
            .into_iter()
            .filter_map(|(at, score)| Some((self.passages.get(at)?.document, score)))
            .collect();
        let (texts, views) = (&self.documents, &self.views);
        let mut hits = search::rank(texts, views, question, &by_document, options.as_of);
        hits.truncate(options.top_k);
        Ok(hits)
    }

    fn outcome(&self, question: &Question, hits: &[Hit], as_of: Date) -> Outcome {
        let weighted = weigh(question, &self.stats);
        let best = hits.first().map_or(0.0, |hit| hit.score);
        let mut reason = if weighted.is_empty() {
            "no_matter"
        } else {
            "nothing_found"
        };
        for hit in hits.iter().filter(|hit| hit.score >= NEAR_BEST * best) {
            let Some(document) = self.documents.get(hit.document) else {
                continue;
            };
            let Some(view) = self.views.get(hit.document) else {
                continue;
            };
            let chosen = match judge(question, &weighted, view) {
                Ok(()) => select(question, &weighted, view),
                Err(gap) => {
                    reason = worse(reason, gap);
                    continue;
                }
            };
            if chosen.is_empty() {
                reason = worse(reason, Gap::Uncovered);
                continue;
            }
            let spans = chosen.iter().map(|s| (s.section.as_str(), s.span.clone()));
            let sentences = self.verified(document, as_of, spans);
            if !sentences.is_empty() {
                return Outcome::answered(sentences);
            }
            reason = "source_changed";
        }
        Outcome::no_source(reason, self.hand_over().cloned())
    }

    /// Cites spans of a text and keeps those that its file holds now.
    fn verified<'a>(
        &self,
        document: &Document,
        as_of: Date,
        spans: impl Iterator<Item = (&'a str, std::ops::Range<usize>)>,
    ) -> Vec<Sentence> {
        let file = match self.source_bytes(document) {
            Ok(file) => file,
            Err(fault) => {
                tracing::warn!(%fault, "citations dropped");
                return Vec::new();
            }
        };
        let mut kept = Vec::new();
        for (section, span) in spans {
            let text = document
                .raw
                .get(span.clone())
                .unwrap_or_default()
                .to_owned();
            let citation = Citation::of(document, as_of, section, span);
            match citation.verify(&text, &file) {
                Ok(()) => kept.push(Sentence {
                    text,
                    citations: vec![citation],
                }),
                Err(fault) => tracing::warn!(%fault, "citation dropped"),
            }
        }
        kept
    }
}

fn folded_text(documents: &[Document], passage: &Passage) -> String {
    let raw = documents
        .get(passage.document)
        .map_or("", |d| d.raw.as_str());
    let spans = passage.sentences.iter();
    let texts: Vec<&str> = spans.filter_map(|span| raw.get(span.clone())).collect();
    fold(&texts.join("\n"))
}

/// The more telling of two reasons for having no source.
fn worse(known: &'static str, gap: Gap) -> &'static str {
    match (known, gap) {
        ("source_changed" | "other_place" | "not_covered", _) | (_, Gap::OtherMatter) => known,
        (_, Gap::NoMatter) => "no_matter",
        (_, Gap::OtherPlace) => "other_place",
        (_, Gap::Uncovered) => "not_covered",
    }
}
