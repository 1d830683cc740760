//! What an outsider can add up from the effects alone; compared with the core's own account.

use std::collections::{BTreeMap, BTreeSet};
use zhisuan_core::ledger::{EntryKind, Source, Transaction};
use zhisuan_core::{Effect, Epoch, Job, JobId, JobState, RequestId, State, TenantName};

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) accepted: BTreeSet<JobId>,
    pub(crate) ended: BTreeMap<JobId, Job>,
    states: BTreeMap<JobId, JobState>,
    /// Charges less reversals, as the postings say.
    posted: BTreeMap<TenantName, i64>,
    settled: BTreeMap<RequestId, (TenantName, i64)>,
    last_transaction: u64,
    last_epoch: Epoch,
    pub(crate) overclaims: u64,
    pub(crate) reversals: u64,
    pub(crate) retries: u64,
}

impl Books {
    pub(crate) fn note(&mut self, effect: &Effect, state: &State) {
        match effect {
            Effect::Submitted {
                jobs,
                repeated: false,
                ..
            } => {
                for id in jobs {
                    assert!(self.accepted.insert(*id), "job {id} was accepted twice");
                    self.states.insert(*id, JobState::Queued);
                }
            }
            Effect::JobChanged(id) => {
                if let Some(job) = state.jobs().get(id) {
                    self.step(*id, job.state);
                }
            }
            Effect::JobEnded(job) => {
                self.step(job.id, job.state);
                assert!(job.state.ended(), "job {} ended as {:?}", job.id, job.state);
                assert_eq!(job.held_micro, 0, "job {} ended with money held", job.id);
                let twice = self.ended.insert(job.id, (**job).clone());
                assert!(twice.is_none(), "job {} ended twice", job.id);
            }
            Effect::Assign { task, .. } => {
                assert!(
                    task.epoch <= state_epoch(state, task.job),
                    "an unknown epoch"
                );
                self.last_epoch = self.last_epoch.max(task.epoch);
            }
            Effect::Posted(posted) => self.post(posted),
            Effect::Settled {
                request,
                charged_micro,
            } => {
                let (_, sum) = self.settled.entry(request.clone()).or_default();
                assert_eq!(*sum, *charged_micro, "{request} settles at what was posted");
            }
            Effect::Overclaimed { .. } => self.overclaims += 1,
            _ => {}
        }
    }

    fn step(&mut self, id: JobId, next: JobState) {
        let last = self.states.insert(id, next).expect("a job nobody accepted");
        // Several steps may lie inside one event; each seen pair must still be legal.
        let legal = last == next || last.may_become(next);
        assert!(legal, "job {id} went from {last:?} to {next:?}");
        let retry = next == JobState::Queued && last != next;
        self.retries += u64::from(retry);
    }

    fn post(&mut self, posted: &Transaction) {
        assert_eq!(posted.id, self.last_transaction + 1, "a gap in the ledger");
        self.last_transaction = posted.id;
        let sum: i64 = posted.lines.iter().map(|line| line.amount_micro).sum();
        assert_eq!(sum, 0, "transaction {} does not sum to zero", posted.id);
        let signed = match posted.kind {
            EntryKind::Charge => posted.amount_micro,
            EntryKind::Reversal => {
                let reverses = posted.charge.as_ref().and_then(|charge| charge.reverses);
                assert!(
                    reverses.is_some_and(|id| id < posted.id),
                    "a reversal of nothing"
                );
                self.reversals += 1;
                -posted.amount_micro
            }
            _ => return,
        };
        assert!(posted.amount_micro >= 0, "a negative charge");
        *self.posted.entry(posted.tenant.clone()).or_default() += signed;
        if let Source::Request { request, .. } = &posted.source {
            let empty = (posted.tenant.clone(), 0);
            self.settled.entry(request.clone()).or_insert(empty).1 += signed;
        }
    }

    /// Statement, ledger and jobs tell the same sum, tenant by tenant.
    pub(crate) fn agree_with(&self, state: &State) {
        for tenant in state.tenants().keys() {
            let posted = self.posted.get(tenant).copied().unwrap_or(0);
            assert_eq!(
                posted,
                state.ledger().charged(tenant),
                "{tenant}: statement"
            );
            let live = state.jobs().values();
            let jobs: i64 = live
                .chain(self.ended.values())
                .filter(|job| job.tenant == *tenant)
                .map(|job| job.charged_micro)
                .sum();
            let requests: i64 = self
                .settled
                .values()
                .filter(|(payer, _)| payer == tenant)
                .map(|(_, sum)| *sum)
                .sum();
            assert_eq!(posted, jobs + requests, "{tenant}: jobs and requests");
        }
        for job in state.jobs().values().chain(self.ended.values()) {
            let attempts: i64 = job.attempts.iter().map(|a| a.charged_micro).sum();
            assert_eq!(attempts, job.charged_micro, "attempts of job {}", job.id);
        }
    }
}

fn state_epoch(state: &State, job: JobId) -> Epoch {
    let job = state.jobs().get(&job).expect("an order for no job");
    job.current()
        .map(|attempt| attempt.epoch)
        .expect("an order without an attempt")
}
