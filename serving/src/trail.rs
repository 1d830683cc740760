//! What is known of one request, gathered on its way and written down once when all of it ended.

use crate::book::Book;
use crate::limits::Standings;
use crate::routing::RouteName;
use crate::trace::Trace;
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// One request. Never holds content: texts are hashed, findings are counted.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: String,
    /// What the caller itself calls the request; may be empty.
    pub(crate) caller_id: String,
    pub(crate) trace: Trace,
    pub(crate) endpoint: &'static str,
    pub(crate) started: Instant,
    /// HTTP status; 0 until the answer began.
    pub(crate) status: u16,
    pub(crate) key_id: String,
    pub(crate) tenant: String,
    pub(crate) model: String,
    pub(crate) route: RouteName,
    pub(crate) replica: String,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) cached_tokens: u64,
    /// The tokens are our own count, because the server behind told none.
    pub(crate) estimated: bool,
    pub(crate) queued: Duration,
    pub(crate) first_token: Option<Duration>,
    /// Why it ended: a finish reason, the code of an error, or "client_gone".
    pub(crate) reason: String,
    pub(crate) standings: Standings,
    /// What the guard found, by rule and decision.
    pub(crate) findings: Vec<Finding>,
    /// A model wrote (a part of) the answer.
    pub(crate) generated: bool,
    pub(crate) prompt: Sha256,
    pub(crate) answer: Sha256,
    /// The whole answer left.
    pub(crate) delivered: bool,
}

/// A kind of content that the guard found, without the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) rule: &'static str,
    /// "allow", "mask" or "refuse".
    pub(crate) decision: &'static str,
    /// "prompt" or "answer".
    pub(crate) side: &'static str,
    pub(crate) count: u32,
}

impl Record {
    pub(crate) fn new(id: String, endpoint: &'static str, started: Instant, trace: Trace) -> Self {
        Self {
            id,
            caller_id: String::new(),
            trace,
            endpoint,
            started,
            status: 0,
            key_id: String::new(),
            tenant: String::new(),
            model: String::new(),
            route: RouteName::default(),
            replica: String::new(),
            prompt_tokens: 0,
            completion_tokens: 0,
            cached_tokens: 0,
            estimated: false,
            queued: Duration::ZERO,
            first_token: None,
            reason: String::new(),
            standings: Standings::default(),
            findings: Vec::new(),
            generated: false,
            prompt: Sha256::new(),
            answer: Sha256::new(),
            delivered: false,
        }
    }

    /// Adds to the count of a kind of finding.
    pub(crate) fn found(&mut self, finding: Finding) {
        let kind = |of: &Finding| (of.rule, of.decision, of.side);
        let known = self.findings.iter_mut();
        match known
            .into_iter()
            .find(|known| kind(known) == kind(&finding))
        {
            Some(known) => known.count = known.count.saturating_add(finding.count),
            None => self.findings.push(finding),
        }
    }
}

/// A share of the record; the last one to be dropped closes it. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Trail(Arc<Inner>);

struct Inner {
    record: Mutex<Record>,
    book: Book,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trail").finish()
    }
}

impl Trail {
    pub(crate) fn new(record: Record, book: Book) -> Self {
        Self(Arc::new(Inner {
            record: Mutex::new(record),
            book,
        }))
    }

    /// Writes to the record, or reads it.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Record) -> T) -> T {
        // A record is only ever filled in: one left by a panic is as good as any.
        act(&mut self.0.record.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let record = self
            .record
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        self.book.close(record);
    }
}
