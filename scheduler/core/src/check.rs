//! What must always hold. The simulation calls this after every event.

use crate::ledger::Account;
use crate::{AccountKind, Amounts, JobState, Node, NodeName, State, TenantName};
use std::collections::{BTreeMap, BTreeSet};

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Violation(String);

/// Checks every invariant of the state; meant for tests and support, it walks everything.
pub fn invariants(state: &State) -> Result<(), Violation> {
    epochs(state)?;
    resources(state)?;
    waiting(state)?;
    money(state)
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Violation> {
    if holds {
        Ok(())
    } else {
        Err(Violation(what()))
    }
}

fn epochs(state: &State) -> Result<(), Violation> {
    let mut seen = BTreeSet::new();
    for job in state.jobs.values() {
        ensure(!job.state.ended(), || {
            format!("ended job {} is still live", job.id)
        })?;
        let placed = matches!(
            job.state,
            JobState::Starting | JobState::Running | JobState::Stopping
        );
        ensure(placed == job.current().is_some(), || {
            format!(
                "job {} is {:?} with current attempt {:?}",
                job.id,
                job.state,
                job.current()
            )
        })?;
        for attempt in &job.attempts {
            ensure(seen.insert(attempt.epoch), || {
                format!("epoch {} is used twice", attempt.epoch)
            })?;
            ensure(attempt.epoch.0 <= state.last_epoch, || {
                format!("epoch {} is unknown", attempt.epoch)
            })?;
        }
    }
    Ok(())
}

/// Free plus taken is what the node has: no device is given twice, nothing leaks.
fn resources(state: &State) -> Result<(), Violation> {
    let mut expected: BTreeMap<&NodeName, Node> = state
        .nodes
        .iter()
        .map(|(name, node)| (name, node.emptied()))
        .collect();
    let mut used: BTreeMap<&TenantName, Amounts> = BTreeMap::new();
    for job in state.jobs.values() {
        let Some(attempt) = job.current() else {
            continue;
        };
        let ask = &job.spec.resources;
        for run in attempt.tasks.iter().filter(|run| !run.ended) {
            used.entry(&job.tenant).or_default().add(ask.amounts());
            let node = expected.get_mut(&run.node);
            let node = node.ok_or_else(|| Violation(format!("job {} runs on no node", job.id)))?;
            for slice in &run.slices {
                let free = node.free.get(slice.index as usize);
                ensure(free.is_some_and(|free| free.milli >= slice.milli), || {
                    format!("device {} of {} is given twice", slice.index, run.node)
                })?;
            }
            ensure(
                node.cpu_milli_free >= ask.cpu_milli && node.memory_mib_free >= ask.memory_mib,
                || format!("{} is overfull", run.node),
            )?;
            node.take(ask, &run.slices);
        }
    }
    for (name, node) in &state.nodes {
        let same = expected.get(name).is_some_and(|want| {
            (&want.free, want.cpu_milli_free, want.memory_mib_free)
                == (&node.free, node.cpu_milli_free, node.memory_mib_free)
        });
        ensure(same, || {
            format!("free capacity of {name} does not match what runs on it")
        })?;
    }
    for (name, tenant) in &state.tenants {
        let want = used.get(name).copied().unwrap_or_default();
        ensure(want == tenant.used, || {
            format!("{name} uses {want:?}, on record is {:?}", tenant.used)
        })?;
    }
    Ok(())
}

fn waiting(state: &State) -> Result<(), Violation> {
    let mut queued = 0;
    for job in state.jobs.values() {
        let waits = state.waiting.contains(job);
        ensure(waits == (job.state == JobState::Queued), || {
            format!("job {} is {:?}, in the queue: {waits}", job.id, job.state)
        })?;
        queued += u64::from(waits);
    }
    ensure(queued == state.waiting.len(), || {
        "the queue counts jobs that are not there".to_owned()
    })
}

fn money(state: &State) -> Result<(), Violation> {
    let ledger = &state.ledger;
    let sum: i128 = ledger
        .balances()
        .values()
        .map(|balance| i128::from(*balance))
        .sum();
    ensure(sum == 0, || format!("the ledger sums to {sum}"))?;
    let mut held: BTreeMap<&TenantName, i64> = BTreeMap::new();
    for job in state.jobs.values() {
        ensure(job.held_micro >= 0, || {
            format!("job {} holds {}", job.id, job.held_micro)
        })?;
        *held.entry(&job.tenant).or_default() += job.held_micro;
    }
    for hold in state.requests.values() {
        *held.entry(&hold.tenant).or_default() += hold.held_micro;
    }
    for (name, tenant) in &state.tenants {
        let want = held.get(name).copied().unwrap_or(0);
        let have = ledger.balance(&Account::Held(name.clone()));
        ensure(want == have, || {
            format!("{name}: {have} held, its jobs and requests hold {want}")
        })?;
        let available = ledger.balance(&Account::Available(name.clone()));
        let floor = match tenant.account {
            AccountKind::Prepaid => 0,
            AccountKind::Contract => -tenant.credit_limit_micro,
        };
        ensure(available >= floor, || {
            format!("{name} has {available}, the floor is {floor}")
        })?;
    }
    Ok(())
}
