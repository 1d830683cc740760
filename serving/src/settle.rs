//! Settlements on their way to the ledger: an actor that sends together what waits together, and
//! retries until the scheduler has each.

use crate::admit::Pass;
use crate::backoff;
use crate::metrics::Metrics;
use crate::scheduler::{Scheduler, within};
use crate::usage::Meter;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::{Code, Status};
use zhisuan_proto::v1::{SettleManyRequest, SettleRequest, Settled};

/// First calls under way at once; the rest wait in the queue and leave together. Calls that are
/// tried again hold up nobody.
const PARALLEL: usize = 4;
/// Settlements in one call.
const TOGETHER: usize = 256;
/// How long a settlement waits for others to leave with: no answer waits for it.
const GATHER: Duration = Duration::from_millis(5);

/// Takes settlements; cheap to clone.
#[derive(Clone)]
pub(crate) struct SettleQueue {
    // Unbounded, yet bounded in fact: every entry stems from an admitted, authorised request,
    // and without the scheduler none is authorised.
    sender: mpsc::UnboundedSender<Pending>,
    /// Holds a token for every meter whose request may still settle.
    meters: TaskTracker,
    metrics: Metrics,
}

/// The running actor.
pub(crate) struct SettleTask {
    task: JoinHandle<()>,
    meters: TaskTracker,
    close: CancellationToken,
}

impl SettleQueue {
    pub(crate) fn start(scheduler: Scheduler, metrics: Metrics) -> (Self, SettleTask) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (meters, close) = (TaskTracker::new(), CancellationToken::new());
        let running = SettleTask {
            task: tokio::spawn(run(scheduler, receiver, close.clone())),
            meters: meters.clone(),
            close,
        };
        let queue = Self {
            sender,
            meters,
            metrics,
        };
        (queue, running)
    }

    /// The meter of one request that is about to be authorised.
    pub(crate) fn meter(&self, request_id: String, model: String, pass: Pass) -> Meter {
        Meter::new(self.clone(), request_id, model, pass)
    }

    /// Held until a meter has settled: the queue closes after the last of them.
    pub(crate) fn open(&self) -> TaskTrackerToken {
        self.meters.token()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Settles, and gives up after `max_tries` refusals that may pass.
    pub(crate) fn push(&self, settlement: SettleRequest, max_tries: u32) {
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
    /// Waits for the meters of requests that have ended for their readers already, then takes no
    /// more settlements, and ends when every one of them arrived, or at the limit. What is left at
    /// the limit is logged with its numbers.
    pub(crate) async fn flush(self, limit: Duration) {
        let abort = self.task.abort_handle();
        let arrived = async {
            self.meters.close();
            // Whoever comes later than this is waited for no more: what is pushed by then has the
            // rest of the time to arrive.
            let _ = tokio::time::timeout(limit * 4 / 5, self.meters.wait()).await;
            self.close.cancel();
            self.task.await
        };
        if tokio::time::timeout(limit, arrived).await.is_err() {
            abort.abort();
        }
    }
}

async fn run(
    scheduler: Scheduler,
    mut receiver: mpsc::UnboundedReceiver<Pending>,
    close: CancellationToken,
) {
    let (mut first, mut late) = (FuturesUnordered::new(), FuturesUnordered::new());
    let (mut open, mut batch, mut leaves) = (true, Vec::new(), Instant::now());
    while open || !batch.is_empty() || !first.is_empty() || !late.is_empty() {
        let (room, waits) = (TOGETHER.saturating_sub(batch.len()), !batch.is_empty());
        tokio::select! {
            () = close.cancelled(), if !receiver.is_closed() => receiver.close(),
            taken = receiver.recv_many(&mut batch, room), if open && room > 0 => {
                open = taken > 0;
                if open && !waits {
                    leaves = Instant::now() + GATHER;
                }
            },
            () = sleep_until(leaves), if waits && first.len() < PARALLEL => {
                first.push(send(&scheduler, std::mem::take(&mut batch), 0));
            }
            Some(left) = first.next(), if !first.is_empty() => {
                if !left.is_empty() {
                    late.push(send_again(&scheduler, left));
                }
            }
            Some(()) = late.next(), if !late.is_empty() => {}
        }
    }
}

/// A settlement that is either delivered or reported when its task is ended.
struct Pending {
    max_tries: u32,
    settlement: Option<SettleRequest>,
    metrics: Metrics,
}

impl Pending {
    /// Takes the scheduler's word on it. False when it has to be sent again.
    fn answered(&mut self, answer: Result<(), Status>, attempt: u32) -> bool {
        let Some(settlement) = &self.settlement else {
            return true;
        };
        match answer {
            Ok(()) => {}
            Err(status) if is_final(status.code()) || attempt >= self.max_tries => {
                report_lost(settlement, status.message());
            }
            Err(status) => {
                self.metrics.settle_retries.inc();
                tracing::warn!(
                    request_id = %settlement.request_id, attempt, code = ?status.code(),
                    "settlement not accepted yet; it will be sent again"
                );
                return false;
            }
        }
        self.settlement = None;
        true
    }
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

/// One call; what has to be sent again is left.
async fn send(scheduler: &Scheduler, mut batch: Vec<Pending>, attempt: u32) -> Vec<Pending> {
    let settlements = batch.iter().filter_map(|one| one.settlement.clone());
    let request = SettleManyRequest {
        settlements: settlements.collect(),
    };
    let answers = match scheduler.billing().settle_many(within(request)).await {
        Ok(answer) => answer.into_inner().settled.iter().map(word).collect(),
        Err(status) => vec![Err(status); batch.len()],
    };
    let mut answers = answers.into_iter();
    batch.retain_mut(|one| {
        let unsaid = || Err(Status::unavailable("the scheduler said nothing of it"));
        !one.answered(answers.next().unwrap_or_else(unsaid), attempt)
    });
    batch
}

async fn send_again(scheduler: &Scheduler, mut left: Vec<Pending>) {
    let mut attempt = 0;
    while !left.is_empty() {
        tokio::time::sleep(backoff::delay(attempt, backoff::spread())).await;
        attempt = attempt.saturating_add(1);
        left = send(scheduler, left, attempt).await;
    }
}

/// What the scheduler said of one settlement.
fn word(settled: &Settled) -> Result<(), Status> {
    settled.refusal.as_ref().map_or(Ok(()), |refusal| {
        Err(Status::new(Code::from(refusal.status), &refusal.message))
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::SettleQueue;
    use crate::metrics::Metrics;
    use crate::scheduler::Scheduler;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn the_queue_stays_open_until_the_last_meter_has_settled() {
        let nobody = Scheduler::new("http://127.0.0.1:1", "secret").unwrap();
        let (queue, task) = SettleQueue::start(nobody, Metrics::new(1).unwrap());
        let meter = queue.open();
        let mut flushed = std::pin::pin!(task.flush(Duration::from_mins(1)));
        assert!(
            timeout(Duration::from_millis(50), &mut flushed)
                .await
                .is_err()
        );
        assert!(!queue.sender.is_closed());
        drop(meter);
        assert!(timeout(Duration::from_secs(30), flushed).await.is_ok());
        assert!(queue.sender.is_closed());
    }
}
