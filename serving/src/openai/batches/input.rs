//! The input of a batch on its way to the queue: every line is checked, screened and noted for
//! the audit before anything is queued.

use super::lines::{Seen, at_line};
use super::notes::Note;
use super::read::Ask;
use crate::app::App;
use crate::openai::ApiError;
use crate::openai::files::{Spool, View, lines, stat};
use crate::openai::remote::{Remote, refused};
use crate::scheduler::within;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use zhisuan_proto::v1::{BatchWork, DeleteArtifactRequest};

/// A copy in which the filter masked something.
const MASKED: &str = "masked.jsonl";

/// An input that may be queued.
pub(super) struct Checked {
    pub(super) work: BatchWork,
    /// One for each line, where an audit is written.
    pub(super) notes: Vec<Note>,
    /// What the job reads in place of the caller's file, where the filter masked something.
    pub(super) copy: Option<MaskedCopy>,
}

/// A file that only the job needs.
pub(super) struct MaskedCopy(String);

impl MaskedCopy {
    /// Takes it from the tenant's list and quota; the scheduler keeps the bytes while a job under
    /// way reads them.
    pub(super) async fn forget(self, remote: &Remote) {
        let ask = within(DeleteArtifactRequest { sha256: self.0 });
        if let Err(status) = remote.wire.artifacts().delete(ask).await {
            tracing::warn!(code = ?status.code(), message = status.message(),
                "a masked copy of a batch's input stays in its tenant's list");
        }
    }
}

pub(super) async fn check(app: &App, remote: &Remote, ask: &Ask) -> Result<Checked, ApiError> {
    if ask.input.view != View::Whole {
        return Err(ApiError::absent(&ask.input.to_string()));
    }
    let about = |error: ApiError| error.about("input_file_id");
    stat(remote, &ask.input).await.map_err(about)?;
    let found = lines(remote, &ask.input.sha256).await.map_err(about)?;
    let mut found = std::pin::pin!(found);
    let mut seen = Seen::new(ask.endpoint);
    let mut copy = Copy::new(app, remote).await?;
    let mut notes = Vec::new();
    while let Some(line) = found.next().await {
        let (number, bytes) = line.map_err(|status| refused(&status, "input_file_id"))?;
        let note = take(app, remote, &mut seen, &mut copy, number, &bytes).await;
        let note = note.map_err(|error| at_line(&error, number))?;
        if app.book.audit.is_some() {
            notes.push(note);
        }
    }
    let (model, endpoint) = (seen.model()?, ask.endpoint);
    let mut work = BatchWork {
        model,
        endpoint: endpoint.path().to_owned(),
        input_sha256: ask.input.sha256.clone(),
        ..BatchWork::default()
    };
    let mut masked = None;
    if let Some(spool) = copy.spool.filter(|_| copy.masked) {
        let kept = spool.keep(remote, MASKED.to_owned()).await?;
        // A file of the same bytes that the tenant has under a name of its own stays.
        masked = (kept.name == MASKED).then(|| MaskedCopy(kept.sha256.clone()));
        work.input_sha256 = kept.sha256;
        work.source_sha256.clone_from(&ask.input.sha256);
    }
    let copy = masked;
    Ok(Checked { work, notes, copy })
}

/// Checks and screens one line.
async fn take(
    app: &App,
    remote: &Remote,
    seen: &mut Seen,
    copy: &mut Copy,
    number: u64,
    bytes: &[u8],
) -> Result<Note, ApiError> {
    let mut line = seen.line(bytes)?;
    let mut note = Note {
        number,
        custom_id: line.custom_id().to_owned(),
        request: Sha256::new_with_prefix(bytes),
        findings: Vec::new(),
    };
    if copy.spool.is_some() {
        let tenant = &remote.admitted.caller.tenant;
        let texts = seen.texts(&mut line)?;
        let screened = app.guard.screen_prompt(tenant, texts, &mut note.findings);
        // The event of the request for the batch tells what was found in all of its lines.
        remote.admitted.trail.with(|record| {
            for finding in &note.findings {
                record.found(finding.clone());
            }
        });
        screened?;
        if note.findings.iter().any(|one| one.decision == "mask") {
            copy.masked = true;
            copy.line(number, line.to_string().as_bytes()).await?;
        } else {
            copy.line(number, bytes).await?;
        }
    }
    Ok(note)
}

/// The input as the filter leaves it; only where prompts are screened at all.
struct Copy {
    spool: Option<Spool>,
    masked: bool,
    /// Lines so far, empty ones among them: a line keeps its number.
    lines: u64,
}

impl Copy {
    async fn new(app: &App, remote: &Remote) -> Result<Self, ApiError> {
        let spool = if app.guard.screens_prompts(&remote.admitted.caller.tenant) {
            Some(Spool::new().await?)
        } else {
            None
        };
        Ok(Self {
            spool,
            masked: false,
            lines: 0,
        })
    }

    async fn line(&mut self, number: u64, bytes: &[u8]) -> Result<(), ApiError> {
        if let Some(spool) = &mut self.spool {
            while self.lines + 1 < number {
                spool.write(b"\n").await?;
                self.lines += 1;
            }
            spool.write(bytes).await?;
            spool.write(b"\n").await?;
            self.lines += 1;
        }
        Ok(())
    }
}
