//! Fair share between tenants: virtual token counters (Sheng et al., Fairness in Serving
//! Large Language Models, OSDI 2024) and ageing.
//!
//! A tenant pays for what is computed for it; admission takes the tenant that paid least. A
//! tenant that comes back from idle is lifted to the least of the active ones, or to the last
//! one that left, so that idle time cannot be saved up; one that paid more keeps its debt.

use crate::engine::request::BANDS;
use std::collections::HashMap;
use std::sync::Arc;

/// Price of a computed prompt token.
const IN: u64 = 1;
/// Price of an answer token: it needs a step of its own.
const OUT: u64 = 2;
/// Idle tenants whose counters are remembered.
const MOST_IDLE: usize = 4096;

#[derive(Debug, Clone, Default)]
struct Account {
    counter: u64,
    /// Requests that wait or run.
    open: usize,
    /// When a request of each band was last admitted, in microseconds.
    admitted_us: [u64; BANDS],
}

/// Counters of all tenants.
#[derive(Debug, Default)]
pub(crate) struct FairShare {
    accounts: HashMap<Arc<str>, Account>,
    /// What the tenant had paid that became idle last: where a new one begins.
    left: u64,
}

impl FairShare {
    /// A request of the tenant has come.
    pub(crate) fn open(&mut self, tenant: &Arc<str>) {
        let least = self.least_active();
        let account = self.accounts.entry(Arc::clone(tenant)).or_default();
        if account.open == 0 {
            account.counter = account.counter.max(least.unwrap_or(self.left));
        }
        account.open += 1;
    }

    /// A request of the tenant has ended.
    pub(crate) fn close(&mut self, tenant: &str) {
        if let Some(account) = self.accounts.get_mut(tenant) {
            account.open = account.open.saturating_sub(1);
            if account.open == 0 {
                self.left = account.counter;
            }
        }
        self.forget();
    }

    /// Charges prompt tokens that have to be computed.
    pub(crate) fn charge_input(&mut self, tenant: &str, tokens: usize) {
        self.charge(tenant, IN * tokens as u64);
    }

    /// Charges answer tokens.
    pub(crate) fn charge_output(&mut self, tenant: &str, tokens: usize) {
        self.charge(tenant, OUT * tokens as u64);
    }

    fn charge(&mut self, tenant: &str, price: u64) {
        if let Some(account) = self.accounts.get_mut(tenant) {
            account.counter = account.counter.saturating_add(price);
        }
    }

    /// What the tenant has paid.
    pub(crate) fn counter(&self, tenant: &str) -> u64 {
        self.accounts
            .get(tenant)
            .map_or(0, |account| account.counter)
    }

    pub(crate) fn admitted(&mut self, tenant: &str, band: usize, now_us: u64) {
        if let Some(account) = self.accounts.get_mut(tenant) {
            account.admitted_us[band] = now_us;
        }
    }

    /// The band after ageing: one better for each `age_us` in which nothing of this tenant
    /// and band was admitted. A tenant that floods its band is served now and then, so its
    /// line does not age past a quiet tenant; a line that nobody serves passes all in the end.
    pub(crate) fn aged_band(
        &self,
        tenant: &str,
        band: usize,
        arrived_us: u64,
        now_us: u64,
        age_us: u64,
    ) -> i64 {
        let served = self
            .accounts
            .get(tenant)
            .map_or(0, |account| account.admitted_us[band]);
        let waited = now_us.saturating_sub(arrived_us.max(served));
        band as i64 - i64::try_from(waited / age_us.max(1)).unwrap_or(i64::MAX / 2)
    }

    fn least_active(&self) -> Option<u64> {
        let active = self.accounts.values().filter(|account| account.open > 0);
        active.map(|account| account.counter).min()
    }

    /// Bounds the memory: of many idle tenants, those in the least debt are forgotten.
    fn forget(&mut self) {
        if self.accounts.len() <= 2 * MOST_IDLE {
            return;
        }
        let mut idle: Vec<u64> = self
            .accounts
            .values()
            .filter(|a| a.open == 0)
            .map(|a| a.counter)
            .collect();
        if idle.len() > MOST_IDLE {
            idle.sort_unstable();
            let cut = idle[idle.len() - MOST_IDLE];
            self.accounts
                .retain(|_, account| account.open > 0 || account.counter > cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_saved_up_and_debt_is_kept() {
        let (busy, idle): (Arc<str>, Arc<str>) = ("busy".into(), "idle".into());
        let mut fair = FairShare::default();
        fair.open(&busy);
        fair.charge_input("busy", 100);
        fair.charge_output("busy", 10);
        assert_eq!(fair.counter("busy"), 120);
        fair.open(&idle);
        assert_eq!(fair.counter("idle"), 120);
        fair.charge_input("idle", 50);
        fair.close("idle");
        fair.open(&idle);
        assert_eq!(fair.counter("idle"), 170);
    }

    #[test]
    fn who_comes_new_after_others_left_owes_as_much_as_they_paid() {
        let (old, new): (Arc<str>, Arc<str>) = ("old".into(), "new".into());
        let mut fair = FairShare::default();
        fair.open(&old);
        fair.charge_output("old", 1000);
        fair.close("old");
        fair.open(&new);
        fair.open(&old);
        assert_eq!((fair.counter("new"), fair.counter("old")), (2000, 2000));
    }

    #[test]
    fn a_line_that_nobody_serves_ages() {
        let tenant: Arc<str> = "t".into();
        let mut fair = FairShare::default();
        fair.open(&tenant);
        assert_eq!(fair.aged_band("t", 2, 5, 9, 10), 2);
        assert_eq!(fair.aged_band("t", 2, 5, 45, 10), -2);
        fair.admitted("t", 2, 40);
        assert_eq!(fair.aged_band("t", 2, 5, 45, 10), 2);
        assert_eq!(
            fair.aged_band("t", 1, 5, 45, 10),
            -3,
            "each band has its own clock"
        );
    }

    #[test]
    fn many_idle_tenants_are_forgotten() {
        let mut fair = FairShare::default();
        for i in 0..3 * MOST_IDLE {
            let tenant: Arc<str> = format!("t{i}").into();
            fair.open(&tenant);
            fair.charge_input(&tenant, 1 + i);
            fair.close(&tenant);
        }
        assert!(fair.accounts.len() <= 2 * MOST_IDLE);
    }
}
