//! The life of one assigned task as a pure state machine: no clock, no I/O, no process.
//!
//! What must stay true: under one epoch a task starts at most once and ends at most once; an order of
//! an older epoch changes nothing; a task that has had no acknowledgement for `lease_ms` is stopped.

#[cfg(test)]
mod tests;

use crate::usage::Usage;

/// Ended tasks are remembered this long, so that a repeated order cannot start them again.
const REMEMBER_MS: u64 = 10 * 60 * 1000;

/// Why a task is being stopped; the words of `Stop.reason` plus the worker's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The scheduler asked: "cancelled", "timed_out", "lost", "balance".
    Asked(String),
    /// No acknowledgement within the lease.
    LeaseExpired,
    /// This worker is shutting down.
    Shutdown,
    /// A newer epoch of the same task arrived.
    Superseded,
}

impl StopReason {
    /// Stable code for the report; empty when the scheduler itself asked.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Asked(_) => "",
            Self::LeaseExpired => "ZS-LEASE-EXPIRED",
            Self::Shutdown => "ZS-WORKER-SHUTDOWN",
            Self::Superseded => "ZS-EPOCH-SUPERSEDED",
        }
    }
}

/// How the work ended, as far as the machine needs to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
    Stopped,
}

impl Outcome {
    /// The word on the wire.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// What happens to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The scheduler gives (or repeats) the task under `epoch`.
    Assign { epoch: u64 },
    /// The executor has prepared everything and the work runs.
    Started,
    /// The executor returned.
    Exit(Outcome),
    /// Somebody wants the task to stop; `epoch` 0 stands for the worker itself.
    Stop {
        epoch: u64,
        reason: StopReason,
        grace_ms: u64,
    },
    /// Time passed.
    Tick,
    /// The scheduler confirmed what the worker had sent at this time.
    SchedulerAck { sent_at_ms: u64 },
    /// The end report has reached the scheduler.
    Delivered,
    /// The stream broke. The lease alone decides what follows.
    Disconnected,
}

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Start the executor under the machine's epoch.
    Start,
    /// Ask the executor to end within the grace, then end it.
    Kill { reason: StopReason, grace_ms: u64 },
    /// Tell the scheduler that the work runs.
    ReportStarted,
    /// Tell the scheduler how the work ended; also sent again for a repeated order.
    ReportEnded { outcome: Outcome, used_ms: u64 },
    /// The order is of an older epoch, or the task has ended: nothing was done.
    Refuse { epoch: u64, holds: u64 },
    /// The order can be taken once the running epoch has ended.
    Defer { epoch: u64 },
    /// The task may be removed from memory.
    Forget,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Preparing,
    Running,
    Stopping {
        deadline_ms: u64,
    },
    Ended {
        at_ms: u64,
        outcome: Outcome,
        delivered: bool,
    },
}

/// One task under one epoch.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    epoch: u64,
    term_ms: u64,
    acknowledged_ms: u64,
    phase: Phase,
    usage: Usage,
}

impl Lease {
    /// A machine that has seen no order yet.
    pub(crate) fn new(lease_ms: u64, now_ms: u64) -> Self {
        Self {
            epoch: 0,
            term_ms: lease_ms,
            acknowledged_ms: now_ms,
            phase: Phase::New,
            usage: Usage::default(),
        }
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whether an executor may be alive.
    pub(crate) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::New | Phase::Ended { .. })
    }

    /// Cumulative use so far, milliseconds.
    pub(crate) fn used_ms(&self, now_ms: u64) -> u64 {
        self.usage.used_ms(now_ms)
    }

    /// The lease that the latest registration granted.
    pub(crate) fn set_lease_ms(&mut self, lease_ms: u64) {
        self.term_ms = lease_ms;
    }

    /// The only transition function.
    pub(crate) fn apply(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        match input {
            Input::Assign { epoch } => self.assign(epoch, now_ms),
            Input::Started => self.started(now_ms),
            Input::Exit(outcome) => self.exit(outcome, now_ms),
            Input::Stop {
                epoch,
                reason,
                grace_ms,
            } => {
                // A stop of another epoch is void; 0 is the worker's own wish.
                if epoch != 0 && epoch != self.epoch {
                    return vec![Output::Refuse {
                        epoch,
                        holds: self.epoch,
                    }];
                }
                self.stop(reason, grace_ms, now_ms)
            }
            Input::Tick => self.tick(now_ms),
            Input::SchedulerAck { sent_at_ms } => {
                self.acknowledged_ms = self.acknowledged_ms.max(sent_at_ms);
                Vec::new()
            }
            Input::Delivered => {
                if let Phase::Ended { delivered, .. } = &mut self.phase {
                    *delivered = true;
                }
                Vec::new()
            }
            Input::Disconnected => Vec::new(),
        }
    }

    fn assign(&mut self, epoch: u64, now_ms: u64) -> Vec<Output> {
        if epoch < self.epoch {
            return vec![Output::Refuse {
                epoch,
                holds: self.epoch,
            }];
        }
        match self.phase {
            Phase::Ended {
                outcome, delivered, ..
            } if epoch == self.epoch => {
                // The scheduler has not seen the end yet (or lost it): say it again, never run again.
                if delivered {
                    self.phase = Phase::Ended {
                        at_ms: now_ms,
                        outcome,
                        delivered: false,
                    };
                }
                vec![Output::ReportEnded {
                    outcome,
                    used_ms: self.used_ms(now_ms),
                }]
            }
            Phase::New | Phase::Ended { .. } => {
                self.begin(epoch, now_ms);
                vec![Output::Start]
            }
            _ if epoch == self.epoch => Vec::new(),
            _ => {
                let mut outputs = self.stop(StopReason::Superseded, 0, now_ms);
                outputs.push(Output::Defer { epoch });
                outputs
            }
        }
    }

    fn begin(&mut self, epoch: u64, now_ms: u64) {
        self.epoch = epoch;
        self.acknowledged_ms = now_ms;
        self.phase = Phase::Preparing;
        self.usage = Usage::default();
    }

    fn started(&mut self, now_ms: u64) -> Vec<Output> {
        match self.phase {
            Phase::Preparing => {
                self.phase = Phase::Running;
                self.usage.start(now_ms);
                vec![Output::ReportStarted]
            }
            // The work began although a stop is under way: its time counts.
            Phase::Stopping { .. } => {
                self.usage.start(now_ms);
                Vec::new()
            }
            Phase::New | Phase::Running | Phase::Ended { .. } => Vec::new(),
        }
    }

    fn exit(&mut self, outcome: Outcome, now_ms: u64) -> Vec<Output> {
        let outcome = match (self.phase, outcome) {
            (Phase::New | Phase::Ended { .. }, _) => return Vec::new(),
            // A program that dies of our signal did not fail.
            (Phase::Stopping { .. }, Outcome::Failed) => Outcome::Stopped,
            (_, outcome) => outcome,
        };
        self.usage.end(now_ms);
        self.phase = Phase::Ended {
            at_ms: now_ms,
            outcome,
            delivered: false,
        };
        vec![Output::ReportEnded {
            outcome,
            used_ms: self.used_ms(now_ms),
        }]
    }

    fn stop(&mut self, reason: StopReason, grace_ms: u64, now_ms: u64) -> Vec<Output> {
        let deadline_ms = now_ms.saturating_add(grace_ms);
        match self.phase {
            Phase::New | Phase::Ended { .. } => Vec::new(),
            // A second stop can only shorten the grace.
            Phase::Stopping { deadline_ms: held } if held <= deadline_ms => Vec::new(),
            Phase::Preparing | Phase::Running | Phase::Stopping { .. } => {
                self.phase = Phase::Stopping { deadline_ms };
                vec![Output::Kill { reason, grace_ms }]
            }
        }
    }

    fn tick(&mut self, now_ms: u64) -> Vec<Output> {
        match self.phase {
            Phase::Ended {
                at_ms,
                delivered: true,
                ..
            } if now_ms.saturating_sub(at_ms) >= REMEMBER_MS => vec![Output::Forget],
            Phase::New | Phase::Ended { .. } => Vec::new(),
            _ if now_ms.saturating_sub(self.acknowledged_ms) >= self.term_ms => {
                self.stop(StopReason::LeaseExpired, 0, now_ms)
            }
            _ => Vec::new(),
        }
    }
}
