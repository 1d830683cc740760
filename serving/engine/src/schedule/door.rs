//! The door: bounded queues, in total and for each tenant, and an honest prediction of the
//! wait for those who are turned away.

use super::cost::{CostModel, StepLoad};
use std::collections::HashMap;
use std::sync::Arc;

/// Bounds of the queues.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DoorLimits {
    /// Requests that run together.
    pub(crate) running: usize,
    /// Requests that may wait beyond those.
    pub(crate) waiting: usize,
    /// Of these, how many of one tenant.
    pub(crate) waiting_tenant: usize,
}

/// Why nobody may enter now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) waiting: usize,
    pub(crate) limit: usize,
    pub(crate) retry_ms: u64,
}

/// What one request still needs.
#[derive(Debug, Clone)]
struct Ticket {
    tenant: Arc<str>,
    prompt_left: usize,
    answer_left: usize,
}

/// What a token costs now, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Pace {
    prompt_us: f64,
    answer_us: f64,
}

/// Share of the newest answer in the mean length of answers.
const NEWEST: f64 = 0.05;

/// All requests between their arrival and their end.
#[derive(Debug)]
pub(crate) struct Door {
    limits: DoorLimits,
    tickets: HashMap<u64, Ticket>,
    tenants: HashMap<Arc<str>, usize>,
    pace: Pace,
    /// Mean length of an answer, for those that run.
    answer: f64,
}

impl Door {
    pub(crate) fn new(limits: DoorLimits) -> Self {
        let mut door = Self {
            limits,
            tickets: HashMap::new(),
            tenants: HashMap::new(),
            pace: Pace {
                prompt_us: 0.0,
                answer_us: 0.0,
            },
            answer: 128.0,
        };
        door.observe(&CostModel::default());
        door
    }

    /// Requests between their arrival and their end.
    pub(crate) fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Lets a request in, or says why not and when to come back.
    pub(crate) fn enter(
        &mut self,
        id: u64,
        tenant: &Arc<str>,
        prompt: usize,
        answer: usize,
    ) -> Result<(), Refusal> {
        let DoorLimits {
            running,
            waiting,
            waiting_tenant,
        } = self.limits;
        let own = self.tenants.get(tenant).copied().unwrap_or(0);
        for (count, limit) in [(self.tickets.len(), waiting), (own, waiting_tenant)] {
            if count >= running.saturating_add(limit) {
                return Err(Refusal {
                    waiting: count - running,
                    limit,
                    retry_ms: self.wait_ms(tenant, prompt, answer),
                });
            }
        }
        *self.tenants.entry(Arc::clone(tenant)).or_default() += 1;
        let ticket = Ticket {
            tenant: Arc::clone(tenant),
            prompt_left: prompt,
            answer_left: answer,
        };
        self.tickets.insert(id, ticket);
        Ok(())
    }

    /// A request has come this far.
    pub(crate) fn progress(&mut self, id: u64, prompt_left: usize, answer_left: usize) {
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.prompt_left = prompt_left;
            ticket.answer_left = answer_left;
        }
    }

    /// A request has ended after `answered` tokens (`None` for one that writes none);
    /// `false` when it was not inside.
    pub(crate) fn leave(&mut self, id: u64, answered: Option<usize>) -> bool {
        let Some(ticket) = self.tickets.remove(&id) else {
            return false;
        };
        if let Some(count) = self.tenants.get_mut(&ticket.tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&ticket.tenant);
            }
        }
        if let Some(tokens) = answered {
            self.answer += NEWEST * (tokens as f64 - self.answer);
        }
        true
    }

    /// Takes over what tokens cost now.
    pub(crate) fn observe(&mut self, cost: &CostModel) {
        const CHUNK: usize = 128;
        let batch = self.limits.running.max(1);
        let decode = StepLoad {
            tokens: batch,
            reads: batch * CHUNK,
        };
        self.pace = Pace {
            prompt_us: cost.predict_us(StepLoad::span(0, CHUNK)) / CHUNK as f64,
            answer_us: cost.predict_us(decode) / batch as f64,
        };
    }

    /// Predicted time until the tenant's turn comes, at least 1: its own work, and of every
    /// other tenant as much as fair share lets it compute in the same time.
    fn wait_ms(&self, tenant: &str, prompt: usize, answer: usize) -> u64 {
        let mut work: HashMap<&str, f64> = HashMap::new();
        for ticket in self.tickets.values() {
            *work.entry(&ticket.tenant).or_default() +=
                self.work_us(ticket.prompt_left, ticket.answer_left);
        }
        let own = work.remove(tenant).unwrap_or(0.0);
        let share = own + self.work_us(prompt, answer);
        let others: f64 = work.into_values().map(|other| other.min(share)).sum();
        (((own + others) / 1000.0).ceil() as u64).max(1)
    }

    fn work_us(&self, prompt: usize, answer: usize) -> f64 {
        prompt as f64 * self.pace.prompt_us + (answer as f64).min(self.answer) * self.pace.answer_us
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    fn door() -> Door {
        Door::new(DoorLimits {
            running: 1,
            waiting: 4,
            waiting_tenant: 2,
        })
    }

    #[test]
    fn both_bounds_hold_and_places_come_back() {
        let (a, b, c): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "c".into());
        let mut door = door();
        for id in 0..3 {
            door.enter(id, &a, 10, 10).unwrap();
        }
        let refusal = door.enter(9, &a, 10, 10).unwrap_err();
        assert_eq!((refusal.waiting, refusal.limit), (2, 2));
        door.enter(3, &b, 10, 10).unwrap();
        door.enter(4, &b, 10, 10).unwrap();
        let refusal = door.enter(9, &c, 10, 10).unwrap_err();
        assert_eq!((refusal.waiting, refusal.limit), (4, 4));
        assert!(door.leave(4, Some(3)) && !door.leave(4, None));
        door.enter(9, &c, 10, 10).unwrap();
        assert_eq!(door.len(), 5);
    }

    #[test]
    fn the_wait_is_the_work_ahead_of_this_tenant() {
        let (flood, quiet): (Arc<str>, Arc<str>) = ("flood".into(), "quiet".into());
        let mut door = Door::new(DoorLimits {
            running: 1,
            waiting: 9,
            waiting_tenant: 9,
        });
        for id in 0..10 {
            door.enter(id, &flood, 1000, 100).unwrap();
        }
        let (of_flood, of_quiet) = (
            door.enter(99, &flood, 1000, 100).unwrap_err().retry_ms,
            door.enter(99, &quiet, 1000, 100).unwrap_err().retry_ms,
        );
        // The quiet tenant is behind as much of the flood as its own request weighs.
        let ratio = of_flood as f64 / of_quiet as f64;
        assert!((9.5..10.5).contains(&ratio), "{of_flood} and {of_quiet}");
        door.progress(0, 0, 1);
        assert!(door.enter(99, &flood, 1000, 100).unwrap_err().retry_ms < of_flood);
    }
}
