//! The meter of one request: what it used, told to the ledger exactly once.

use crate::admit::Pass;
use crate::settle::SettleQueue;
use tokio_util::task::task_tracker::TaskTrackerToken;
use zhisuan_proto::v1::{SettleRequest, TokenCount};

/// Whether the scheduler holds money for a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Asked for, and no answer came.
    Unsure,
    Yes,
    No,
}

/// Tries for a settlement of a hold that perhaps does not exist: while the scheduler is away every
/// request would leave one, so they do not wait for ever.
const UNSURE_TRIES: u32 = 8;

/// Counts the tokens of one authorised request. Dropping it settles them: also for a broken
/// stream, a vanished client or a dead replica there is exactly one settlement.
pub(crate) struct Meter {
    queue: SettleQueue,
    pass: Pass,
    request_id: String,
    model: String,
    prompt_tokens: u64,
    completion_tokens: u64,
    hold: Hold,
    // Let go after the settlement was pushed: fields are dropped after `drop` has run.
    _open: TaskTrackerToken,
}

impl Meter {
    pub(crate) fn new(queue: SettleQueue, request_id: String, model: String, pass: Pass) -> Self {
        Self {
            _open: queue.open(),
            queue,
            pass,
            request_id,
            model,
            prompt_tokens: 0,
            completion_tokens: 0,
            hold: Hold::Unsure,
        }
    }

    pub(crate) fn authorized(&mut self) {
        self.hold = Hold::Yes;
    }

    /// The scheduler refused: there is nothing to settle.
    pub(crate) fn not_authorized(&mut self) {
        self.hold = Hold::No;
    }

    /// What the replica says it processed before its first event.
    pub(crate) fn prompt(&mut self, tokens: u64) {
        self.prompt_tokens = tokens;
    }

    /// One token more was produced.
    pub(crate) fn token(&mut self) {
        self.completion_tokens = self.completion_tokens.saturating_add(1);
    }

    /// The replica's own final count, which replaces ours.
    pub(crate) fn counted(&mut self, usage: TokenCount) {
        self.prompt_tokens = u64::from(usage.prompt_tokens);
        self.completion_tokens = u64::from(usage.completion_tokens);
    }

    /// The caller got an error and nothing else: nothing is charged.
    pub(crate) fn refused(&mut self) {
        self.prompt_tokens = 0;
        self.completion_tokens = 0;
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        let max_tries = match self.hold {
            Hold::No => return,
            Hold::Yes => u32::MAX,
            Hold::Unsure => UNSURE_TRIES,
        };
        self.pass.used(self.prompt_tokens, self.completion_tokens);
        self.queue
            .metrics()
            .tokens(&self.model, self.prompt_tokens, self.completion_tokens);
        let settlement = SettleRequest {
            request_id: std::mem::take(&mut self.request_id),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
        };
        self.queue.push(settlement, max_tries);
    }
}
