//! Price and forecast of a job, by the code that admits it.

use crate::ledger::{PriceVersion, Unit, time_amount};
use crate::{JobSpec, Millis, Reason, Refusal, State, TenantName};

/// One priced thing of a quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuoteLine {
    /// Priced thing.
    pub sku: String,
    /// What the price is per.
    pub unit: Unit,
    /// Thousandths, over all tasks.
    pub quantity_milli: u64,
    /// Milliseconds.
    pub duration_ms: u64,
    /// Micro-yuan per unit.
    pub price_micro: i64,
    /// Micro-yuan.
    pub amount_micro: i64,
}

/// What a job would cost at most, and whether it would start now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Version of the price book.
    pub price_version: u64,
    /// What is priced.
    pub lines: Vec<QuoteLine>,
    /// Held at submit.
    pub hold_micro: i64,
    /// What the tenant may still set aside.
    pub available_micro: i64,
    /// Why it would wait; `None` when it would start now.
    pub waits: Option<Reason>,
}

impl State {
    /// What `spec` would cost `tenant`. Refuses exactly what a submission would refuse, except
    /// that a balance that is too small is part of the answer.
    pub fn quote(
        &self,
        tenant: &TenantName,
        spec: &JobSpec,
        now: Millis,
    ) -> Result<Quote, Refusal> {
        spec.validate("spec")?;
        let tenant = self.tenant(tenant)?;
        if let Some(reason) = self.never(&spec.shape()) {
            return Err(Refusal::Impossible(Box::new(reason)));
        }
        let version = self.prices(now)?;
        let lines = self.hold_lines(spec, version)?;
        let hold_micro = sum(&lines)?;
        if spec.max_cost_micro > 0 && hold_micro > spec.max_cost_micro {
            return Err(Refusal::OverBudget {
                hold_micro,
                cap_micro: spec.max_cost_micro,
            });
        }
        Ok(Quote {
            price_version: version.version,
            lines,
            hold_micro,
            available_micro: self.ledger.spendable(tenant),
            waits: self.would_wait(&spec.shape()),
        })
    }

    pub(crate) fn prices(&self, now: Millis) -> Result<&PriceVersion, Refusal> {
        self.ledger
            .book
            .in_force(now)
            .ok_or_else(|| Refusal::NoPrice("cpu".to_owned()))
    }

    /// What must be held for `spec`: the price of its time limit, or of one window.
    pub(crate) fn hold_lines(
        &self,
        spec: &JobSpec,
        version: &PriceVersion,
    ) -> Result<Vec<QuoteLine>, Refusal> {
        let duration_ms = spec.time_limit_ms.unwrap_or(self.limits.window_ms);
        let tasks = u64::from(spec.tasks);
        let ask = spec.resources.amounts();
        let mut priced = vec![("cpu".to_owned(), version.price("cpu")?, ask.cpu_milli)];
        if spec.resources.devices > 0 {
            let kind = &spec.resources.device_kind;
            let (sku, price) = if kind.is_empty() {
                ("device:*".to_owned(), version.dearest_device()?)
            } else {
                let sku = format!("device:{kind}");
                let price = version.price(&sku)?;
                (sku, price)
            };
            priced.push((sku, price, ask.device_milli));
        }
        let line = |(sku, price, milli): (String, crate::ledger::Price, u64)| {
            // Rounded per task, as the charges will be, so that they can never exceed the hold.
            let one = time_amount(price.price_micro, milli, duration_ms);
            let amount_micro = one
                .and_then(|one| one.checked_mul(i64::from(spec.tasks)))
                .filter(|amount| *amount <= crate::ledger::MAX_BOOKING_MICRO)
                .ok_or_else(|| {
                    let accepted = "a limit whose price stays under a billion yuan";
                    Refusal::invalid("spec.time_limit_ms", duration_ms, accepted)
                })?;
            Ok(QuoteLine {
                sku,
                unit: price.unit,
                quantity_milli: milli * tasks,
                duration_ms,
                price_micro: price.price_micro,
                amount_micro,
            })
        };
        priced.into_iter().map(line).collect()
    }
}

pub(crate) fn sum(lines: &[QuoteLine]) -> Result<i64, Refusal> {
    lines
        .iter()
        .try_fold(0_i64, |total, line| total.checked_add(line.amount_micro))
        .ok_or_else(|| Refusal::invalid("spec.time_limit_ms", "too long", "a payable limit"))
}
