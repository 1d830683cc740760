//! The loop of the engine's thread: take commands, plan a step, run it, hand out tokens.

use super::decoder::Command;
use super::lock;
use super::request::{EngineStats, RequestId};
use super::sequence::{Arrival, Sequence, Task};
use super::shared::Shared;
use super::step::internal;
use super::tally;
use crate::error::EngineError;
use crate::output::speculate::StepCosts;
use crate::runner::ModelRunner;
use crate::schedule::{Expired, Scheduler};
use crate::threads::Pool;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, TryRecvError};

/// Owner of the model, the scheduler and all sequences.
pub(super) struct Worker {
    pub(super) shared: Arc<Shared>,
    inbox: Receiver<Command>,
    pub(super) pool: Pool,
    pub(super) runner: Box<dyn ModelRunner>,
    pub(super) scheduler: Scheduler,
    pub(super) sequences: BTreeMap<u64, Sequence>,
    /// Counters since the start; published after each step.
    pub(super) stats: EngineStats,
}

impl Worker {
    pub(super) fn new(
        shared: Arc<Shared>,
        inbox: Receiver<Command>,
        pool: Pool,
        runner: Box<dyn ModelRunner>,
        scheduler: Scheduler,
    ) -> Self {
        let worker = Self {
            shared,
            inbox,
            pool,
            runner,
            scheduler,
            sequences: BTreeMap::new(),
            stats: EngineStats::default(),
        };
        worker.publish();
        worker
    }

    /// Runs until the engine is shut down or the last handle is gone.
    pub(super) fn run(&mut self) {
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => {}
                Ok(false) => return,
                Err(panic) => self.recover(&internal(panic.as_ref())),
            }
        }
    }

    /// One turn of the loop; `false` at its end.
    fn turn(&mut self) -> bool {
        let connected = self.take_commands();
        if self.sequences.is_empty() {
            if !connected || self.closed() {
                self.refuse_queued();
                return false;
            }
        } else if self.shared.abort.load(Ordering::SeqCst) {
            self.hand_over();
        } else {
            self.step();
        }
        true
    }

    /// After a panic of the loop itself (a bug): nobody knows which decisions were half made,
    /// so all requests end and the decisions begin anew.
    fn recover(&mut self, error: &EngineError) {
        tracing::error!(%error, requests = self.sequences.len(), "the loop failed; all requests are ended");
        self.scheduler = self.scheduler.fresh();
        let ids: Vec<u64> = self.sequences.keys().copied().collect();
        for id in ids {
            self.end(id, |sequence| sequence.fail(error.clone()));
        }
    }

    fn closed(&self) -> bool {
        self.shared.closed.load(Ordering::SeqCst)
    }

    /// Takes all commands that are there; waits for one only when there is nothing to do.
    /// `false` when no handle is left.
    fn take_commands(&mut self) -> bool {
        if self.sequences.is_empty() && !self.closed() {
            match self.inbox.recv() {
                Ok(command) => self.take(command),
                Err(_) => return false,
            }
        }
        loop {
            match self.inbox.try_recv() {
                Ok(command) => self.take(command),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Submit(arrival) => {
                let Arrival {
                    submission,
                    sequence,
                } = *arrival;
                let (id, tokens) = (submission.id, submission.tokens.len());
                self.stats.tokens_in += submission.prompt() as u64;
                self.sequences.insert(id, sequence);
                if !self.scheduler.submit(submission) {
                    // Handles check the length, so this is a bug of theirs.
                    let detail = format!("a request of {tokens} tokens can never run");
                    self.end(id, |sequence| {
                        sequence.fail(EngineError::Internal { detail });
                    });
                }
            }
            Command::Cancel(RequestId(id)) => self.end(id, Sequence::cancel),
            Command::Wake => {}
        }
        self.publish();
    }

    /// Requests that were on their way when the engine closed.
    fn refuse_queued(&mut self) {
        while let Ok(command) = self.inbox.try_recv() {
            if let Command::Submit(arrival) = command {
                self.shared.leave(arrival.submission.id, None);
                arrival.sequence.hand_over(arrival.submission.tokens);
            }
        }
    }

    /// Ends all requests with what another engine needs to go on with them.
    fn hand_over(&mut self) {
        for id in self.scheduler.ids() {
            let tokens = self.scheduler.get(id).map(|entry| entry.tokens().to_vec());
            self.end(id, |sequence| {
                sequence.hand_over(tokens.unwrap_or_default());
            });
        }
    }

    /// Ends a request: its blocks and its place are free before the caller hears of it.
    pub(super) fn end(&mut self, id: u64, how: impl FnOnce(Sequence)) {
        self.scheduler.remove(id);
        if let Some(sequence) = self.sequences.remove(&id) {
            let answered = match &sequence.task {
                Task::Answer(answer) => Some(answer.written()),
                Task::Embed(_) => None,
            };
            self.publish();
            self.shared.leave(id, answered);
            how(sequence);
        }
    }

    /// A request waited too long; the scheduler has dropped it.
    pub(super) fn expire(&mut self, expired: &Expired) {
        self.end(expired.id, |sequence| {
            let limit_ms = match &sequence.task {
                Task::Answer(answer) => u64::from(answer.queue_ms),
                Task::Embed(_) => 0,
            };
            sequence.fail(EngineError::DeadlineExceeded {
                waited_ms: expired.waited_us / 1000,
                limit_ms,
            });
        });
    }

    /// Guesses and masks for the coming step. A grammar that fails ends its own request.
    pub(super) fn prepare(&mut self) {
        let (step, tokens, row) = self.scheduler.decode_costs();
        let tokens = tokens.max(1) as f64;
        let costs = StepCosts { step, tokens, row };
        let mut failed = Vec::new();
        for (id, sequence) in &mut self.sequences {
            let Task::Answer(answer) = &mut sequence.task else {
                continue;
            };
            let mut drafts = Vec::new();
            if self.shared.speculation && self.scheduler.is_decoding(*id) {
                drafts = answer.drafts(costs);
            }
            match answer.look_ahead(&mut drafts) {
                Ok(()) => self.scheduler.draft(*id, drafts),
                Err(error) => failed.push((*id, error)),
            }
        }
        for (id, error) in failed {
            self.end(id, |sequence| sequence.fail(error));
        }
    }

    /// Shows the load to handles.
    pub(super) fn publish(&self) {
        let mut shown = lock(&self.shared.stats);
        *shown = EngineStats {
            // Those two are counted where requests come and go.
            refused: shown.refused,
            finished: shown.finished,
            ..tally::stats(&self.stats, &self.scheduler)
        };
    }
}
