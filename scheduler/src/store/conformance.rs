//! What every store must do, in one place. A new implementation runs [`check`] in its tests.

use super::{Batch, ChargeFilter, Entry, JobFilter, JobRow, Journal, Reads, Records, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use zhisuan_core::ledger::Transaction;
use zhisuan_core::{
    AccountKind, Amounts, Effect, Event, Job, JobId, JobSpec, Limits, Millis, Resources, State,
    Tenant, WorkKind,
};

/// Something is not as every store must be.
#[derive(Debug, thiserror::Error)]
pub enum Deviation {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store answered something else.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// Which check.
        what: &'static str,
        /// As it must be.
        expected: String,
        /// As it is.
        found: String,
    },
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a check reads best as a sentence of values"
)]
fn same<T: PartialEq + std::fmt::Debug>(
    what: &'static str,
    found: T,
    expected: T,
) -> Result<(), Deviation> {
    if found == expected {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    Err(Deviation::Differs {
        what,
        expected,
        found,
    })
}

/// Runs every check on an empty store.
pub fn check<S: Journal + Reads + Records>(store: &mut S) -> Result<(), Deviation> {
    empty(store)?;
    let (jobs, transactions) = write_sample(store)?;
    loads_what_was_committed(store)?;
    reads_jobs(store, &jobs)?;
    reads_money(store, &transactions)?;
    refuses_a_gap_or_a_repeat(store)?;
    keeps_records(store)
}

fn empty(store: &mut (impl Journal + Reads)) -> Result<(), Deviation> {
    let loaded = store.load()?;
    same("an empty store has no snapshot", loaded.snapshot, None)?;
    same("an empty store has no events", loaded.tail.len(), 0)?;
    same("an empty store has no job", store.job(1)?.is_none(), true)?;
    same(
        "an empty store lists no job",
        store
            .jobs(&JobFilter {
                limit: 5,
                ..JobFilter::default()
            })?
            .1,
        0,
    )
}

/// Real events of a real state: a tenant that pays, submits three jobs and cancels one.
fn write_sample(store: &mut impl Journal) -> Result<(Vec<Job>, Vec<Transaction>), Deviation> {
    let mut state = State::new(Limits::default());
    let mut batch = Batch::default();
    let mut ended = Vec::new();
    for (index, event) in sample_events().into_iter().enumerate() {
        let at = Millis(1_000 + index as i64);
        let effects = state
            .apply(&event, at)
            .map_err(|refusal| StoreError::Damaged {
                what: "sample event",
                cause: refusal.to_string(),
            })?;
        let body = serde_json::to_string(&event).unwrap_or_default();
        batch.events.push(Entry {
            sequence: index as u64 + 1,
            at,
            body,
        });
        for effect in effects {
            match effect {
                Effect::Posted(transaction) => batch.transactions.push(*transaction),
                Effect::JobEnded(job) => ended.push(*job),
                _ => {}
            }
        }
    }
    let jobs: Vec<Job> = state.jobs().values().cloned().chain(ended).collect();
    batch.jobs = jobs
        .iter()
        .map(|job| JobRow {
            job: job.clone(),
            spec: Some(vec![0, 159, job.id.0 as u8]),
            outputs: (job.id == JobId(2))
                .then(|| BTreeMap::from([("a".to_owned(), "b".to_owned())])),
        })
        .collect();
    store.commit(&batch)?;
    Ok((jobs, batch.transactions))
}

fn sample_events() -> Vec<Event> {
    let tenant = Tenant {
        name: "acme".into(),
        account: AccountKind::Prepaid,
        credit_limit_micro: 0,
        weight: 100,
        used: Amounts::default(),
    };
    let price = zhisuan_core::ledger::Price {
        unit: zhisuan_core::ledger::Unit::CoreHour,
        price_micro: 100_000,
    };
    let spec = |name: &str| JobSpec {
        name: name.to_owned(),
        queue: "default".to_owned(),
        work: WorkKind::Command,
        resources: Resources {
            cpu_milli: 1000,
            ..Resources::default()
        },
        tasks: 1,
        time_limit_ms: Some(3_600_000),
        priority: 0,
        max_attempts: 1,
        max_cost_micro: 0,
        node_labels: BTreeMap::new(),
    };
    vec![
        Event::PricesPublished {
            effective_from: Millis(0),
            prices: BTreeMap::from([("cpu".to_owned(), price)]),
        },
        Event::TenantAdded { tenant },
        Event::ToppedUp {
            tenant: "acme".into(),
            amount_micro: 1_000_000,
            reference: "first".to_owned(),
        },
        Event::JobsSubmitted {
            tenant: "acme".into(),
            jobs: vec![spec("训练 一"), spec("two"), spec("three")],
            key: String::new(),
            fingerprint: String::new(),
        },
        Event::CancelRequested { job: JobId(3) },
    ]
}

fn loads_what_was_committed(store: &mut impl Journal) -> Result<(), Deviation> {
    let loaded = store.load()?;
    let sequences: Vec<u64> = loaded.tail.iter().map(|entry| entry.sequence).collect();
    same("events come back in order", sequences, (1..=5).collect())?;
    store.snapshot(3, "{\"three\":3}")?;
    store.snapshot(4, "{\"四\":4}")?;
    let loaded = store.load()?;
    same(
        "the latest snapshot counts",
        loaded.snapshot,
        Some((4, "{\"四\":4}".to_owned())),
    )?;
    let tail: Vec<(u64, Millis)> = loaded
        .tail
        .iter()
        .map(|entry| (entry.sequence, entry.at))
        .collect();
    same(
        "the tail begins after the snapshot",
        tail,
        vec![(5, Millis(1_004))],
    )
}

fn reads_jobs(store: &impl Reads, jobs: &[Job]) -> Result<(), Deviation> {
    for job in jobs {
        let stored = store.job(job.id.0)?;
        same(
            "a job comes back whole",
            stored.as_ref().map(|stored| &stored.job),
            Some(job),
        )?;
        let spec = stored.map(|stored| stored.spec);
        same(
            "a spec keeps its bytes",
            spec,
            Some(vec![0, 159, job.id.0 as u8]),
        )?;
    }
    let ids = |filter: &JobFilter| -> Result<(Vec<u64>, u64), Deviation> {
        let (jobs, total) = store.jobs(filter)?;
        Ok((jobs.iter().map(|stored| stored.job.id.0).collect(), total))
    };
    let all = JobFilter {
        limit: 2,
        ..JobFilter::default()
    };
    same("newest first, with the total", ids(&all)?, (vec![3, 2], 3))?;
    let rest = JobFilter {
        before: Some(2),
        ..all.clone()
    };
    same("the next page", ids(&rest)?, (vec![1], 3))?;
    let cancelled = JobFilter {
        states: vec!["cancelled".to_owned()],
        ..all.clone()
    };
    same("by state", ids(&cancelled)?, (vec![3], 1))?;
    let named = JobFilter {
        name_contains: Some("训练".to_owned()),
        ..all.clone()
    };
    same("by part of the name", ids(&named)?, (vec![1], 1))?;
    let quote = JobFilter {
        name_contains: Some("' OR 1=1 --".to_owned()),
        ..all.clone()
    };
    same("a name is data", ids(&quote)?, (vec![], 0))?;
    let other = JobFilter {
        tenant: Some("other".to_owned()),
        ..all
    };
    same("by tenant", ids(&other)?, (vec![], 0))
}

fn reads_money(store: &impl Reads, transactions: &[Transaction]) -> Result<(), Deviation> {
    let totals = store.totals("acme", Millis(0), Millis(i64::MAX))?;
    same("paid in", totals.topped_up_micro, 1_000_000)?;
    same("held for two jobs", totals.held_micro, 200_000)?;
    same(
        "nothing charged",
        (totals.charged_micro, totals.lines),
        (0, 0),
    )?;
    let before = store.totals("acme", Millis(0), Millis(1_002))?;
    same(
        "the end of a period is not in it",
        before.topped_up_micro,
        0,
    )?;
    let (from, to) = (Millis(0), Millis(i64::MAX));
    let filter = ChargeFilter {
        tenant: "acme".to_owned(),
        from,
        to,
        after: 0,
        limit: 10,
    };
    same("holds are no charges", store.charges(&filter)?.len(), 0)?;
    same("no SKU yet", store.by_sku(None, from, to)?.len(), 0)?;
    same(
        "one top-up, three holds, one release",
        transactions.len(),
        5,
    )
}

fn refuses_a_gap_or_a_repeat(store: &mut impl Journal) -> Result<(), Deviation> {
    let entry = |sequence| Entry {
        sequence,
        at: Millis(9_000),
        body: "{}".to_owned(),
    };
    let repeated = Batch {
        events: vec![entry(6), entry(5)],
        ..Batch::default()
    };
    same(
        "a repeated sequence is refused",
        store.commit(&repeated).is_err(),
        true,
    )?;
    let tail: BTreeSet<u64> = store
        .load()?
        .tail
        .iter()
        .map(|entry| entry.sequence)
        .collect();
    same("a refused batch leaves nothing", tail, BTreeSet::from([5]))
}

fn keeps_records(store: &impl Records) -> Result<(), Deviation> {
    store.put("key", "b", "2")?;
    store.put("key", "a", "1")?;
    store.put("model", "a", "3")?;
    store.put("key", "b", "四")?;
    let pairs = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter()
            .map(|(id, body)| ((*id).to_owned(), (*body).to_owned()))
            .collect()
    };
    same(
        "records by id, last one wins",
        store.all("key")?,
        pairs(&[("a", "1"), ("b", "四")]),
    )?;
    store.delete("key", "a")?;
    store.delete("key", "never there")?;
    same(
        "a deleted record is gone",
        store.all("key")?,
        pairs(&[("b", "四")]),
    )?;
    same("kinds are apart", store.all("model")?, pairs(&[("a", "3")]))
}
