//! Requests and tokens per minute, for a key and for its tenant.
//!
//! A request is counted when it is admitted. Its tokens are taken by estimate before it runs and
//! put right when it ended, so a limit holds on the average and a debt is paid first.

mod bucket;
mod headers;

pub(crate) use bucket::{Short, Standing};
pub(crate) use headers::{Standings, write};

use bucket::Bucket;
use dashmap::DashMap;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;

/// Bounds of one minute; 0 means none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Requests of one minute.
    pub requests_per_minute: u64,
    /// Prompt and completion tokens of one minute.
    pub tokens_per_minute: u64,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Unit {
    Requests,
    Tokens,
}

/// Whose limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    Key,
    Tenant,
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) unit: Unit,
    pub(crate) holder: Holder,
    pub(crate) standing: Standing,
    pub(crate) short: Short,
}

/// A caller as its limits know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) key: Rates,
    pub(crate) of_tenant: Rates,
}

type Name = (Holder, Unit, Box<str>);

/// Full buckets are forgotten above this number; who comes back finds a full one again.
const MAX_REMEMBERED: usize = 20_000;

/// Every bucket in use; cheap to clone.
#[derive(Clone)]
pub(crate) struct Limits {
    buckets: Arc<DashMap<Name, Bucket>>,
    began: Instant,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buckets: Arc::default(),
            began: Instant::now(),
        }
    }
}

impl Limits {
    /// Takes `units` from the key and from the tenant, or from neither.
    pub(crate) fn take(&self, who: Subject<'_>, unit: Unit, units: u64) -> Result<(), Reached> {
        let now_ms = self.now_ms();
        let mut taken: Option<Name> = None;
        for (name, rate) in names(who, unit) {
            if let Err(short) = self.with(&name, rate, now_ms, |bucket| bucket.take(units, now_ms))
            {
                if let Some(first) = taken {
                    self.give_back(&first, units, now_ms);
                }
                let standing = self.with(&name, rate, now_ms, |bucket| bucket.standing(now_ms));
                return Err(Reached {
                    unit,
                    holder: name.0,
                    standing,
                    short,
                });
            }
            taken = Some(name);
        }
        Ok(())
    }

    /// Puts right what was taken by estimate.
    pub(crate) fn correct(&self, who: Subject<'_>, unit: Unit, estimated: u64, actual: u64) {
        let now_ms = self.now_ms();
        for (name, rate) in names(who, unit) {
            self.with(&name, rate, now_ms, |bucket| {
                bucket.correct(estimated, actual, now_ms);
            });
        }
    }

    /// The narrower of key and tenant, for each unit.
    pub(crate) fn standings(&self, who: Subject<'_>) -> Standings {
        let now_ms = self.now_ms();
        let narrowest = |unit| {
            names(who, unit)
                .map(|(name, rate)| self.with(&name, rate, now_ms, |b| b.standing(now_ms)))
                .min_by_key(|standing| standing.remaining)
        };
        Standings {
            requests: narrowest(Unit::Requests),
            tokens: narrowest(Unit::Tokens),
        }
    }

    fn give_back(&self, name: &Name, units: u64, now_ms: u64) {
        if let Some(mut bucket) = self.buckets.get_mut(name) {
            bucket.correct(units, 0, now_ms);
        }
    }

    fn with<T>(
        &self,
        name: &Name,
        rate: u64,
        now_ms: u64,
        act: impl FnOnce(&mut Bucket) -> T,
    ) -> T {
        if self.buckets.len() >= MAX_REMEMBERED {
            self.buckets
                .retain(|_, bucket| bucket.standing(now_ms).reset_ms > 0);
        }
        let entry = self.buckets.entry(name.clone());
        let mut bucket = entry.or_insert_with(|| Bucket::new(rate, now_ms));
        bucket.set_rate(rate, now_ms);
        act(&mut bucket)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The limits that exist for `unit`, the key's first.
fn names(who: Subject<'_>, unit: Unit) -> impl Iterator<Item = (Name, u64)> {
    let rate = |rates: Rates| match unit {
        Unit::Requests => rates.requests_per_minute,
        Unit::Tokens => rates.tokens_per_minute,
    };
    [
        (Holder::Key, who.key_id, rate(who.key)),
        (Holder::Tenant, who.tenant, rate(who.of_tenant)),
    ]
    .into_iter()
    .filter(|(_, _, rate)| *rate > 0)
    .map(move |(holder, name, rate)| ((holder, unit, name.into()), rate))
}

#[cfg(test)]
mod tests {
    use super::{Holder, Limits, Rates, Short, Subject, Unit};

    #[test]
    fn a_tenants_limit_binds_all_its_keys_and_a_refusal_takes_nothing() {
        let limits = Limits::default();
        let rates = |requests_per_minute| Rates {
            requests_per_minute,
            tokens_per_minute: 0,
        };
        let who = |key_id| Subject {
            key_id,
            tenant: "hospital",
            key: rates(2),
            of_tenant: rates(3),
        };
        let take = |key| limits.take(who(key), Unit::Requests, 1);
        assert!(take("a").is_ok() && take("a").is_ok());
        let refused = take("a").map_err(|reached| reached.holder);
        assert_eq!(refused, Err(Holder::Key));
        assert!(take("b").is_ok());
        let refused = take("b");
        assert_eq!(
            refused.map_err(|reached| reached.holder),
            Err(Holder::Tenant)
        );
        let standing = limits
            .standings(who("b"))
            .requests
            .map(|s| (s.limit, s.remaining));
        assert_eq!(standing, Some((3, 0)), "the tenant's is the narrower one");
        // The refused request of key b went back to it: one of two is left.
        let alone = Subject {
            of_tenant: Rates::default(),
            ..who("b")
        };
        assert_eq!(
            limits.standings(alone).requests.map(|s| s.remaining),
            Some(1)
        );
        assert!(
            matches!(refused, Err(reached) if matches!(reached.short, Short::Wait(ms) if ms > 0))
        );
        assert!(limits.standings(who("b")).tokens.is_none());
    }
}
