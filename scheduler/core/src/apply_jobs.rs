//! Jobs come and are asked to stop.

use crate::ledger::Source;
use crate::quote::sum;
use crate::state::Submission;
use crate::{Effect, Job, JobId, JobSpec, JobState, Millis, Refusal, State, TenantName, Verdict};
use std::collections::BTreeSet;

/// Most jobs in one submission.
const MAX_JOBS: usize = 10_000;
/// Most different requests of one tenant that may wait.
const MAX_VARIETY: usize = 512;
/// How long an idempotency key is remembered.
const KEY_MS: u64 = 24 * 3_600_000;
/// How often keys that are too old are dropped: a look at every key per submission is too dear.
const SWEEP_MS: u64 = 60_000;
/// Shapes whose feasibility is remembered; a hostile tenant can invent any number.
const MAX_SHAPES: usize = 10_000;

impl State {
    pub(crate) fn jobs_submitted(
        &mut self,
        tenant: &TenantName,
        specs: &[JobSpec],
        key: &str,
        fingerprint: &str,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        if let Some(effects) = self.repeated(tenant, key, fingerprint)? {
            return Ok(effects);
        }
        let holds = self.admit(tenant, specs, now)?;
        let price_version = self.prices(now)?.version;
        let held_micro = holds.iter().sum();
        let mut effects = Vec::with_capacity(specs.len() * 2 + 1);
        let mut jobs = Vec::with_capacity(specs.len());
        for (spec, hold) in specs.iter().zip(holds) {
            self.last_job += 1;
            let id = JobId(self.last_job);
            let payer = self.tenant(tenant)?.clone();
            let posted = self
                .ledger
                .hold(&payer, hold, Source::Job { job: id }, now)?;
            effects.push(Effect::Posted(Box::new(posted)));
            let job = new_job(id, tenant, spec, hold, price_version, now);
            self.waiting.insert(&job);
            self.jobs.insert(id, job);
            effects.push(Effect::JobChanged(id));
            jobs.push(id);
        }
        if !key.is_empty() {
            self.remember(tenant, key, fingerprint, &jobs, held_micro, now);
        }
        effects.insert(
            0,
            Effect::Submitted {
                jobs,
                held_micro,
                repeated: false,
            },
        );
        Ok(effects)
    }

    /// All that may be refused is refused here, before anything changes; gives the holds.
    fn admit(
        &mut self,
        tenant: &TenantName,
        specs: &[JobSpec],
        now: Millis,
    ) -> Result<Vec<i64>, Refusal> {
        if specs.is_empty() || specs.len() > MAX_JOBS {
            let accepted = format!("1 to {MAX_JOBS} jobs");
            return Err(Refusal::invalid("specs", specs.len(), accepted));
        }
        let payer = self.tenant(tenant)?.clone();
        self.check_variety(tenant, specs)?;
        let mut holds = Vec::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            spec.validate(&format!("specs[{index}]"))?;
            let shape = spec.shape();
            if self.feasible.len() >= MAX_SHAPES {
                self.feasible.clear();
            }
            if let Some(reason) = self.never(&shape) {
                self.feasible.insert(shape, Some(reason.clone()));
                return Err(Refusal::Impossible(Box::new(reason)));
            }
            if !self.nodes.is_empty() && !self.feasible.contains_key(&shape) {
                self.feasible.insert(shape, None);
            }
            let hold = sum(&self.hold_lines(spec, self.prices(now)?)?)?;
            if spec.max_cost_micro > 0 && hold > spec.max_cost_micro {
                let cap_micro = spec.max_cost_micro;
                return Err(Refusal::OverBudget {
                    hold_micro: hold,
                    cap_micro,
                });
            }
            holds.push(hold);
        }
        let needed_micro = holds
            .iter()
            .try_fold(0_i64, |total, hold| total.checked_add(*hold))
            .unwrap_or(i64::MAX);
        let available_micro = self.ledger.spendable(&payer);
        // Even free work needs an account that is not empty, or a centre could be filled for nothing.
        if needed_micro > available_micro || available_micro <= 0 {
            return Err(Refusal::Balance {
                tenant: tenant.clone(),
                needed_micro,
                available_micro,
            });
        }
        Ok(holds)
    }

    /// A pass looks at every different request once, so their number is bounded per tenant.
    fn check_variety(&self, tenant: &TenantName, specs: &[JobSpec]) -> Result<(), Refusal> {
        let fresh: BTreeSet<_> = specs.iter().map(JobSpec::shape).collect();
        let variety = self.waiting.variety(tenant) + fresh.len();
        if variety > MAX_VARIETY {
            let accepted = format!("at most {MAX_VARIETY} jobs that wait with different requests");
            return Err(Refusal::invalid("specs", variety, accepted));
        }
        Ok(())
    }

    fn repeated(
        &self,
        tenant: &TenantName,
        key: &str,
        fingerprint: &str,
    ) -> Result<Option<Vec<Effect>>, Refusal> {
        if key.is_empty() {
            return Ok(None);
        }
        if key.len() > 128 {
            return Err(Refusal::invalid(
                "idempotency_key",
                key,
                "at most 128 characters",
            ));
        }
        let Some(first) = self.submissions.get(&(tenant.clone(), key.to_owned())) else {
            return Ok(None);
        };
        if first.fingerprint != fingerprint {
            return Err(Refusal::Conflict(format!("idempotency_key {key}")));
        }
        let (jobs, held_micro) = (first.jobs.clone(), first.held_micro);
        Ok(Some(vec![Effect::Submitted {
            jobs,
            held_micro,
            repeated: true,
        }]))
    }

    fn remember(
        &mut self,
        tenant: &TenantName,
        key: &str,
        fingerprint: &str,
        jobs: &[JobId],
        held_micro: i64,
        now: Millis,
    ) {
        if now.since(self.keys_swept_at) >= SWEEP_MS {
            self.keys_swept_at = now;
            self.submissions
                .retain(|_, submission| now.since(submission.at) < KEY_MS);
        }
        let fingerprint = fingerprint.to_owned();
        let submission = Submission {
            fingerprint,
            jobs: jobs.to_vec(),
            held_micro,
            at: now,
        };
        self.submissions
            .insert((tenant.clone(), key.to_owned()), submission);
    }

    pub(crate) fn cancel_requested(
        &mut self,
        id: JobId,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let job = self.jobs.get(&id).ok_or(Refusal::UnknownJob(id))?;
        if job.state == JobState::Queued {
            return Ok(self.finish(id, JobState::Cancelled, now));
        }
        // An attempt that ends because a node was lost would be tried again.
        let current = self.jobs.get_mut(&id).and_then(|job| job.current_mut());
        if let Some(attempt) = current
            && matches!(
                attempt.verdict,
                Some(Verdict::Lost { .. } | Verdict::Returned { .. })
            )
        {
            attempt.verdict = Some(Verdict::Cancelled);
        }
        Ok(self.stop_all(id, Verdict::Cancelled, "cancelled"))
    }

    pub(crate) fn limit_reached(
        &mut self,
        id: JobId,
        _now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        if !self.jobs.contains_key(&id) {
            return Err(Refusal::UnknownJob(id));
        }
        Ok(self.stop_all(id, Verdict::TimedOut, "timed_out"))
    }

    /// Ends a job: releases what is still held and lets go of the record.
    pub(crate) fn finish(&mut self, id: JobId, end: JobState, now: Millis) -> Vec<Effect> {
        let Some(mut job) = self.jobs.remove(&id) else {
            return Vec::new();
        };
        self.waiting.remove(&job);
        debug_assert!(job.state.may_become(end), "{:?} -> {end:?}", job.state);
        let mut effects = Vec::new();
        if job.held_micro > 0 {
            let source = Source::Job { job: id };
            let posted = self
                .ledger
                .release(&job.tenant, job.held_micro, source, now);
            effects.push(Effect::Posted(Box::new(posted)));
            job.held_micro = 0;
        }
        job.state = end;
        job.ended_at = Some(now);
        job.revision += 1;
        effects.push(Effect::JobEnded(Box::new(job)));
        effects
    }
}

fn new_job(
    id: JobId,
    tenant: &TenantName,
    spec: &JobSpec,
    held_micro: i64,
    price_version: u64,
    now: Millis,
) -> Job {
    Job {
        id,
        tenant: tenant.clone(),
        spec: spec.clone(),
        state: JobState::Queued,
        attempts: Vec::new(),
        submitted_at: now,
        started_at: None,
        ended_at: None,
        held_micro,
        charged_micro: 0,
        price_version,
        revision: 1,
    }
}
