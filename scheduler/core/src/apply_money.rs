//! Usage becomes charges; holds are renewed, released and taken back.

use crate::ledger::{Charge, Price, PriceBook, Source, time_amount};
use crate::quote::sum;
use crate::{
    Amounts, Effect, Job, JobId, Millis, Refusal, State, TaskRef, TaskReport, TaskRun, TenantName,
    Verdict,
};

/// How much more than the scheduler's own clock a worker may claim without being called a liar.
const CLOCK_SLACK_MS: u64 = 2_000;

impl State {
    /// Charges what a cumulative report adds. A repeat or an older report adds nothing; more than
    /// has passed by the scheduler's clock, or more than the limit, is not charged.
    pub(crate) fn meter(&mut self, report: TaskReport, now: Millis) -> Vec<Effect> {
        let Some(mut job) = self.jobs.remove(&report.task.job) else {
            return Vec::new();
        };
        let effects = self.meter_job(&mut job, report, now);
        self.jobs.insert(job.id, job);
        effects
    }

    fn meter_job(&mut self, job: &mut Job, report: TaskReport, now: Millis) -> Vec<Effect> {
        let (id, limit_ms) = (job.id, job.spec.time_limit_ms.unwrap_or(u64::MAX));
        let mut slice = Slice {
            task: report.task,
            tenant: job.tenant.clone(),
            ask: job.spec.resources.amounts(),
            price_version: job.price_version,
            held_micro: job.held_micro,
            used_ms: 0,
        };
        let mut effects = Vec::new();
        let Some(attempt) = job.current_mut() else {
            return effects;
        };
        let Some(run) = attempt.tasks.get_mut(report.task.task as usize) else {
            return effects;
        };
        let Some(started) = run.started_at else {
            return effects;
        };
        let passed_ms = now.since(started);
        if report.used_ms > passed_ms.saturating_add(CLOCK_SLACK_MS) {
            let (task, claimed_ms) = (report.task, report.used_ms);
            effects.push(Effect::Overclaimed {
                task,
                claimed_ms,
                passed_ms,
            });
        }
        slice.used_ms = report.used_ms.min(passed_ms).min(limit_ms);
        if slice.used_ms <= run.metered_ms {
            return effects;
        }
        let total = self.charge_slice(&slice, run, now, &mut effects);
        attempt.charged_micro += total;
        job.held_micro -= total;
        job.charged_micro += total;
        job.revision += 1;
        effects.push(Effect::JobChanged(id));
        effects
    }

    /// Books what a task used since it was last charged; gives the sum.
    fn charge_slice(
        &mut self,
        slice: &Slice,
        run: &mut TaskRun,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) -> i64 {
        let duration_ms = slice.used_ms - run.metered_ms;
        let mut total = 0;
        for (sku, quantity_milli) in skus(run, slice.ask) {
            let Some(price) = price_at(&self.ledger.book, slice.price_version, &sku) else {
                continue;
            };
            let since_price_ms = slice.used_ms - run.price_from_ms;
            let whole = time_amount(price.price_micro, quantity_milli, since_price_ms);
            let before = run.charged.get(&sku).copied().unwrap_or(0);
            // What the hold does not cover yet stays due and is charged after the next renewal.
            let amount = whole
                .unwrap_or(before)
                .saturating_sub(before)
                .clamp(0, slice.held_micro - total);
            let charge = Charge {
                sku: sku.clone(),
                unit: price.unit,
                quantity: duration_ms.saturating_mul(quantity_milli),
                duration_ms,
                quantity_milli,
                price_version: slice.price_version,
                price_micro: price.price_micro,
                reverses: None,
            };
            let posted =
                self.ledger
                    .charge(&slice.tenant, amount, task_source(slice.task), charge, now);
            run.first_charge.entry(sku.clone()).or_insert(posted.id);
            *run.charged.entry(sku).or_default() += amount;
            total += amount;
            effects.push(Effect::Posted(Box::new(posted)));
        }
        run.metered_ms = slice.used_ms;
        total
    }

    /// Open-ended work: when half of the hold is used, holds another window at today's price, and
    /// stops the work when that is refused and the hold is nearly gone.
    pub(crate) fn renew_hold(&mut self, id: JobId, now: Millis) -> Vec<Effect> {
        let Some(job) = self.jobs.get(&id) else {
            return Vec::new();
        };
        if job.spec.time_limit_ms.is_some() {
            return Vec::new();
        }
        // When today's book has no price for it, the price that it was held at goes on.
        let bound = self.ledger.book.version(job.price_version);
        let window = [self.prices(now).ok(), bound]
            .into_iter()
            .flatten()
            .find_map(|version| {
                let window = self
                    .hold_lines(&job.spec, version)
                    .and_then(|lines| sum(&lines));
                window.ok().map(|micro| (version.version, micro))
            });
        let Some((version, window_micro)) = window else {
            return Vec::new();
        };
        if job.held_micro >= window_micro / 2 {
            return Vec::new();
        }
        let (held, tenant) = (job.held_micro, job.tenant.clone());
        let Ok(payer) = self.tenant(&tenant).cloned() else {
            return Vec::new();
        };
        match self
            .ledger
            .hold(&payer, window_micro - held, Source::Job { job: id }, now)
        {
            Ok(posted) => {
                let Some(job) = self.jobs.get_mut(&id) else {
                    return Vec::new();
                };
                job.held_micro = window_micro;
                rebind_price(job, version);
                vec![Effect::Posted(Box::new(posted)), Effect::JobChanged(id)]
            }
            Err(_) if held < window_micro / 8 => {
                self.stop_all(id, Verdict::OutOfBalance, "balance")
            }
            Err(_) => Vec::new(),
        }
    }

    /// The centre lost a node: what the attempt had been charged goes back into its hold.
    /// Open-ended work keeps its charges: what it served was delivered.
    pub(crate) fn take_back_charges(&mut self, id: JobId, now: Millis) -> Vec<Effect> {
        let Some(job) = self.jobs.get_mut(&id) else {
            return Vec::new();
        };
        if job.spec.time_limit_ms.is_none() {
            return Vec::new();
        }
        let (ask, tenant, price_version) = (
            job.spec.resources.amounts(),
            job.tenant.clone(),
            job.price_version,
        );
        let Some(attempt) = job.attempts.last_mut() else {
            return Vec::new();
        };
        let mut effects = Vec::new();
        for (index, run) in attempt.tasks.iter_mut().enumerate() {
            for (sku, quantity_milli) in skus(run, ask) {
                let Some(amount) = run.charged.remove(&sku) else {
                    continue;
                };
                let Some(price) = price_at(&self.ledger.book, price_version, &sku) else {
                    continue;
                };
                let charge = Charge {
                    sku: sku.clone(),
                    unit: price.unit,
                    quantity: run.metered_ms.saturating_mul(quantity_milli),
                    duration_ms: run.metered_ms,
                    quantity_milli,
                    price_version,
                    price_micro: price.price_micro,
                    reverses: run.first_charge.remove(&sku),
                };
                let task = TaskRef {
                    job: id,
                    attempt: attempt.number,
                    task: index as u32,
                    epoch: attempt.epoch,
                };
                let source = task_source(task);
                let posted = self.ledger.reverse(&tenant, amount, source, charge, now);
                effects.push(Effect::Posted(Box::new(posted)));
                attempt.charged_micro -= amount;
                job.charged_micro -= amount;
                job.held_micro += amount;
            }
        }
        effects
    }

    pub(crate) fn topped_up(
        &mut self,
        tenant: &TenantName,
        amount_micro: i64,
        reference: &str,
        now: Millis,
    ) -> Result<Vec<Effect>, Refusal> {
        let payer = self.tenant(tenant)?.clone();
        let posted = self.ledger.top_up(&payer, amount_micro, reference, now)?;
        Ok(posted
            .map(Box::new)
            .map(Effect::Posted)
            .into_iter()
            .collect())
    }
}

/// What one task used, to be charged.
struct Slice {
    task: TaskRef,
    tenant: TenantName,
    ask: Amounts,
    price_version: u64,
    held_micro: i64,
    /// Cumulative, already cut to what can be true.
    used_ms: u64,
}

/// The price that a hold was made at. A device whose kind has no price of its own was held for at
/// the dearest device's price, and is charged at it: nothing is free by accident.
fn price_at(book: &PriceBook, version: u64, sku: &str) -> Option<Price> {
    let version = book.version(version)?;
    match version.price(sku) {
        Ok(price) => Some(price),
        Err(_) if sku.starts_with("device:") => version.dearest_device().ok(),
        Err(_) => None,
    }
}

fn task_source(task: TaskRef) -> Source {
    Source::Task {
        job: task.job,
        attempt: task.attempt,
        task: task.task,
    }
}

/// What a task is charged for: SKU and thousandths of it.
fn skus(run: &TaskRun, ask: Amounts) -> Vec<(String, u64)> {
    let mut skus = vec![("cpu".to_owned(), ask.cpu_milli)];
    if !run.slices.is_empty() {
        skus.push((format!("device:{}", run.device_kind), ask.device_milli));
    }
    skus
}

/// From here on the current attempt is charged at another price version.
fn rebind_price(job: &mut Job, version: u64) {
    if job.price_version == version {
        return;
    }
    job.price_version = version;
    let Some(attempt) = job.current_mut() else {
        return;
    };
    for run in &mut attempt.tasks {
        run.price_from_ms = run.metered_ms;
        run.charged.clear();
    }
}
