//! The loop of the owner, on a thread of its own: gather, apply, plan, commit, answer.

use super::batch::Gathered;
use super::{Answer, Attached, Command, Failure, Outgoing, Recovered};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::store::{Journal, StoreError};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};
use zhisuan_core::{Event, Refusal, State};

/// Most commands that share one commit.
const MAX_BATCH: usize = 8192;
/// Events between two snapshots: bounds the replay of a restart to a few seconds.
const SNAPSHOT_EVERY: u64 = 200_000;

pub(crate) struct Actor<S> {
    store: S,
    state: State,
    clock: Arc<Clock>,
    sequence: u64,
    snapshot_at: u64,
    commands: mpsc::Receiver<Command>,
    outgoing: mpsc::UnboundedSender<Outgoing>,
    metrics: Metrics,
}

/// Whether the loop goes on.
enum Next {
    Go,
    Close(Option<oneshot::Sender<()>>),
}

impl<S: Journal> Actor<S> {
    pub(crate) fn new(
        store: S,
        recovered: Recovered,
        clock: Arc<Clock>,
        commands: mpsc::Receiver<Command>,
        outgoing: mpsc::UnboundedSender<Outgoing>,
        metrics: Metrics,
    ) -> Self {
        let snapshot_at = recovered.sequence - recovered.replayed;
        let Recovered {
            state, sequence, ..
        } = recovered;
        Self {
            store,
            state,
            clock,
            sequence,
            snapshot_at,
            commands,
            outgoing,
            metrics,
        }
    }

    /// Runs until closed. A failed write ends it: what was not written was not acknowledged, and
    /// the state in memory is ahead of the disk, so only a restart is honest.
    pub(crate) fn run(mut self) -> Result<(), StoreError> {
        self.state.renew_leases(self.clock.now());
        self.plan_and_commit(Gathered::default(), true)?;
        while let Some(first) = self.commands.blocking_recv() {
            match self.round(first)? {
                Next::Go => {}
                Next::Close(reply) => {
                    self.snapshot()?;
                    if let Some(reply) = reply {
                        let _ = reply.send(());
                    }
                    return Ok(());
                }
            }
            if self.sequence - self.snapshot_at >= SNAPSHOT_EVERY {
                self.snapshot()?;
            }
        }
        self.snapshot()
    }

    fn round(&mut self, first: Command) -> Result<Next, StoreError> {
        let mut gathered = Gathered::default();
        let mut dirty = false;
        let mut next = Next::Go;
        let mut command = Some(first);
        let mut taken = 0;
        while let Some(one) = command {
            match one {
                Command::Close(reply) => {
                    next = Next::Close(Some(reply));
                    break;
                }
                other => dirty |= self.handle(other, &mut gathered)?,
            }
            taken += 1;
            command = if taken < MAX_BATCH {
                self.commands.try_recv().ok()
            } else {
                None
            };
        }
        self.plan_and_commit(gathered, dirty)?;
        Ok(next)
    }

    /// Returns whether the planner must look again.
    fn handle(&mut self, command: Command, gathered: &mut Gathered) -> Result<bool, StoreError> {
        match command {
            Command::Apply {
                event,
                from,
                attached,
                reply,
            } => {
                let dirty = matters_to_plan(&event);
                let foreign = from.filter(|(node, task)| !self.state.owns(*task, node));
                let answer = match foreign {
                    Some((_, task)) => Err(Failure::Refused(Refusal::Stale(task))),
                    None => self.apply(&event, attached, gathered)?,
                };
                let dirty = dirty && answer.is_ok();
                gathered.answer(reply, answer);
                Ok(dirty)
            }
            Command::Observe { heartbeat, reply } => {
                let now = self.clock.now();
                let observation = self.state.observe(&heartbeat, now);
                for event in &observation.events {
                    // A task may have ended since it was observed; then there is nothing to charge.
                    let _ = self.apply(event, Attached::Nothing, gathered)?;
                }
                // Before the commit: usage is cumulative, so a slice that is lost in a crash is
                // in the next report. What the session said earlier is answered after its commit.
                let _ = reply.send(Ok((observation, now)));
                Ok(false)
            }
            Command::Ask(question) => {
                gathered.ask(question);
                Ok(false)
            }
            Command::Tick => {
                let mut dirty = false;
                for event in self.state.due(self.clock.now()) {
                    tracing::info!(?event, "due");
                    dirty |= self.apply(&event, Attached::Nothing, gathered)?.is_ok();
                }
                Ok(dirty)
            }
            Command::Close(_) => Ok(false),
        }
    }

    fn apply(
        &mut self,
        event: &Event,
        attached: Attached,
        gathered: &mut Gathered,
    ) -> Result<Answer, StoreError> {
        let now = self.clock.now();
        match self.state.apply(event, now) {
            Err(refusal) => {
                self.metrics.refused.inc();
                Ok(Err(Failure::Refused(refusal)))
            }
            Ok(effects) => {
                self.sequence += 1;
                self.metrics.events.inc();
                let answer = gathered
                    .applied(self.sequence, now, event, effects, attached)
                    .map_err(|error| StoreError::Damaged {
                        what: "event",
                        cause: error.to_string(),
                    })?;
                Ok(Ok(answer))
            }
        }
    }

    fn plan_and_commit(&mut self, mut gathered: Gathered, dirty: bool) -> Result<(), StoreError> {
        if dirty {
            self.plan(&mut gathered)?;
        }
        let batch = gathered.take_batch(&self.state);
        if !batch.is_empty() {
            let begun = Instant::now();
            if let Err(error) = self.store.commit(&batch) {
                for (reply, _) in gathered.into_ready().answers {
                    let _ = reply.send(Err(Failure::Stopped(error.to_string())));
                }
                return Err(error);
            }
            self.metrics
                .commit_seconds
                .observe(begun.elapsed().as_secs_f64());
            self.metrics
                .commit_events
                .observe(batch.events.len() as f64);
        }
        self.metrics.waiting_jobs.set(self.state.waiting() as i64);
        self.metrics.live_jobs.set(self.state.jobs().len() as i64);
        let ready = gathered.into_ready();
        if !ready.outgoing.effects.is_empty() {
            // The dispatcher is gone only when the scheduler stops.
            let _ = self.outgoing.send(ready.outgoing);
        }
        for (reply, answer) in ready.answers {
            let _ = reply.send(answer);
        }
        // After the commit: no answer shows what is not durable.
        for question in ready.questions {
            question(&self.state, self.clock.now());
        }
        Ok(())
    }

    fn plan(&mut self, gathered: &mut Gathered) -> Result<(), StoreError> {
        let begun = Instant::now();
        let mut plan = self.state.plan(self.clock.now());
        let placements = std::mem::take(&mut plan.placements);
        self.state.keep_reasons(plan);
        self.metrics
            .plan_seconds
            .observe(begun.elapsed().as_secs_f64());
        if placements.is_empty() {
            return Ok(());
        }
        self.metrics.placed.inc_by(placements.len() as u64);
        let placed = Event::Placed { placements };
        if let Err(failure) = self.apply(&placed, Attached::Nothing, gathered)? {
            tracing::error!(%failure, "the core refused its own plan");
        }
        Ok(())
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        let json = serde_json::to_string(&self.state).map_err(|error| StoreError::Damaged {
            what: "snapshot",
            cause: error.to_string(),
        })?;
        self.store.snapshot(self.sequence, &json)?;
        self.snapshot_at = self.sequence;
        Ok(())
    }
}

/// Usage and requests move money only; everything else may let a job start or change its reason.
fn matters_to_plan(event: &Event) -> bool {
    !matches!(
        event,
        Event::Used { .. }
            | Event::TaskStarted { .. }
            | Event::RequestAuthorized { .. }
            | Event::RequestSettled { .. }
            | Event::RequestExpired { .. }
            | Event::ToppedUp { .. }
            | Event::PricesPublished { .. }
            | Event::TenantAdded { .. }
    )
}
