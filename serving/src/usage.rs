//! Settlements on their way to the ledger: an actor that retries until the scheduler has them.

use crate::admit::Pass;
use crate::backoff;
use crate::metrics::Metrics;
use crate::scheduler::{Scheduler, within};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::Code;
use zhisuan_proto::v1::{SettleRequest, TokenCount};

/// Settlements under way at once; the rest wait their turn in the queue.
const PARALLEL: usize = 32;

/// Takes settlements; cheap to clone.
#[derive(Clone)]
pub(crate) struct SettleQueue {
    // Unbounded, yet bounded in fact: every entry stems from an admitted, authorised request,
    // and without the scheduler none is authorised.
    sender: mpsc::UnboundedSender<Pending>,
    metrics: Metrics,
}

/// The running actor.
pub(crate) struct SettleTask {
    task: JoinHandle<()>,
    close: CancellationToken,
}

impl SettleQueue {
    pub(crate) fn start(scheduler: Scheduler, metrics: Metrics) -> (Self, SettleTask) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let close = CancellationToken::new();
        let task = tokio::spawn(run(scheduler, receiver, close.clone()));
        (Self { sender, metrics }, SettleTask { task, close })
    }

    /// The meter of one request that is about to be authorised.
    pub(crate) fn meter(&self, request_id: String, model: String, pass: Pass) -> Meter {
        Meter {
            queue: self.clone(),
            pass,
            request_id,
            model,
            prompt_tokens: 0,
            completion_tokens: 0,
            hold: Hold::Unsure,
        }
    }

    fn push(&self, settlement: SettleRequest, max_tries: u32) {
        self.metrics.settlements_pending.inc();
        let pending = Pending {
            max_tries,
            settlement: Some(settlement),
            metrics: self.metrics.clone(),
        };
        // A refused entry is dropped, and so reported.
        drop(self.sender.send(pending));
    }
}

impl SettleTask {
    /// Takes no more settlements and ends when every one of them arrived, or at the limit. What
    /// is left at the limit is logged with its numbers.
    pub(crate) async fn flush(self, limit: Duration) {
        self.close.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(limit, self.task).await.is_err() {
            abort.abort();
        }
    }
}

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
}

impl Meter {
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
            .metrics
            .tokens(&self.model, self.prompt_tokens, self.completion_tokens);
        let settlement = SettleRequest {
            request_id: std::mem::take(&mut self.request_id),
            prompt_tokens: self.prompt_tokens,
            completion_tokens: self.completion_tokens,
        };
        self.queue.push(settlement, max_tries);
    }
}

async fn run(
    scheduler: Scheduler,
    mut receiver: mpsc::UnboundedReceiver<Pending>,
    close: CancellationToken,
) {
    let mut under_way = FuturesUnordered::new();
    let mut open = true;
    while open || !under_way.is_empty() {
        tokio::select! {
            () = close.cancelled(), if !receiver.is_closed() => receiver.close(),
            next = receiver.recv(), if open && under_way.len() < PARALLEL => match next {
                Some(pending) => under_way.push(settle(scheduler.clone(), pending)),
                None => open = false,
            },
            Some(()) = under_way.next(), if !under_way.is_empty() => {}
        }
    }
}

/// A settlement that is either delivered or reported when its task is ended.
struct Pending {
    max_tries: u32,
    settlement: Option<SettleRequest>,
    metrics: Metrics,
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.metrics.settlements_pending.dec();
        if let Some(settlement) = self.settlement.take() {
            report_lost(
                &settlement,
                "the gateway ended before the scheduler answered",
            );
        }
    }
}

async fn settle(scheduler: Scheduler, mut pending: Pending) {
    let mut attempt = 0;
    while let Some(settlement) = pending.settlement.clone() {
        match scheduler.billing().settle(within(settlement.clone())).await {
            Ok(_) => pending.settlement = None,
            Err(status) if is_final(status.code()) || attempt >= pending.max_tries => {
                report_lost(&settlement, status.message());
                pending.settlement = None;
            }
            Err(status) => {
                pending.metrics.settle_retries.inc();
                tracing::warn!(
                    request_id = %settlement.request_id, attempt, code = ?status.code(),
                    "settlement not accepted yet; it will be sent again"
                );
                tokio::time::sleep(backoff::delay(attempt, backoff::spread())).await;
                attempt = attempt.saturating_add(1);
            }
        }
    }
}

/// Whether sending the same settlement again could only give the same answer. A repeated one is
/// answered like the first, so "not found" always means that the hold has expired.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
    )
}

/// The last resort: the numbers are in the log, so that an operator can settle by hand.
fn report_lost(settlement: &SettleRequest, why: &str) {
    if settlement.prompt_tokens == 0 && settlement.completion_tokens == 0 {
        // Nothing is owed; the scheduler releases a hold whose gateway is gone by itself.
        tracing::warn!(request_id = %settlement.request_id, why, "hold not released");
        return;
    }
    tracing::error!(
        request_id = %settlement.request_id,
        prompt_tokens = settlement.prompt_tokens,
        completion_tokens = settlement.completion_tokens,
        why,
        "settlement not booked"
    );
}
