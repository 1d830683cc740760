//! Statements and accounts: sums of the ledger's transactions, never counters.

use super::{Simulated, read};
use crate::store::{ChargeFilter, Reads, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;
use zhisuan_core::ledger::{Account, EntryKind, Ledger, Source, Transaction};
use zhisuan_core::{AccountKind, Millis, Tenant, TenantName};
use zhisuan_proto::v1;

pub(crate) fn account_message(tenant: &Tenant, ledger: &Ledger) -> v1::Account {
    let name = tenant.name.clone();
    v1::Account {
        kind: match tenant.account {
            AccountKind::Prepaid => "prepaid",
            AccountKind::Contract => "contract",
        }
        .to_owned(),
        available_micro: ledger.balance(&Account::Available(name.clone())),
        charged_micro: ledger.charged(&name),
        credit_limit_micro: tenant.credit_limit_micro,
        held_micro: ledger.balance(&Account::Held(name)),
        tenant: tenant.name.0.clone(),
    }
}

/// The statement of `[from, to)`, one page of its lines and the sums of the whole.
pub(crate) async fn statement(
    reads: Arc<dyn Reads>,
    tenant: TenantName,
    from: Millis,
    to: Millis,
    after: u64,
    limit: u32,
    simulated: Simulated,
) -> Result<v1::StatementResponse, Status> {
    read(move || {
        let before = reads.totals(&tenant.0, Millis(i64::MIN), from)?;
        let within = reads.totals(&tenant.0, from, to)?;
        let filter = ChargeFilter {
            tenant: tenant.0.clone(),
            from,
            to,
            after,
            limit: limit + 1,
        };
        let mut charges = reads.charges(&filter)?;
        let more = charges.len() > limit as usize;
        charges.truncate(limit as usize);
        let last = charges.last().map(|transaction| transaction.id);
        let opening_micro = before.topped_up_micro - before.charged_micro;
        let mut lines: Vec<v1::StatementLine> = charges.iter().map(line).collect();
        if !simulated.is_empty() {
            mark(&mut lines, &simulated, reads.as_ref())?;
        }
        Ok(v1::StatementResponse {
            tenant: tenant.0,
            from_ms: from.0.max(0),
            to_ms: to.0,
            lines,
            next_page_token: last
                .filter(|_| more)
                .map(|id| id.to_string())
                .unwrap_or_default(),
            total_micro: within.charged_micro,
            opening_micro,
            topped_up_micro: within.topped_up_micro,
            held_micro: before.held_micro + within.held_micro,
            closing_micro: opening_micro + within.topped_up_micro - within.charged_micro,
            line_count: within.lines,
        })
    })
    .await
}

/// Marks what was charged for devices that are simulated.
fn mark(
    lines: &mut [v1::StatementLine],
    simulated: &Simulated,
    reads: &dyn Reads,
) -> Result<(), StoreError> {
    let mut known: BTreeMap<u64, bool> = BTreeMap::new();
    let of_devices = |line: &&mut v1::StatementLine| line.sku.starts_with("device:");
    for line in lines.iter_mut().filter(of_devices) {
        let id = line.job_id;
        if let std::collections::btree_map::Entry::Vacant(unknown) = known.entry(id) {
            let stored = reads.job(id)?;
            unknown.insert(stored.is_some_and(|stored| simulated.has(&stored.job)));
        }
        line.simulated = known.get(&id).copied().unwrap_or(false);
    }
    Ok(())
}

fn line(transaction: &Transaction) -> v1::StatementLine {
    let mut line = v1::StatementLine {
        transaction: transaction.id,
        at_ms: transaction.at.0,
        ..v1::StatementLine::default()
    };
    let sign = if transaction.kind == EntryKind::Reversal {
        -1
    } else {
        1
    };
    if sign < 0 { "reversal" } else { "charge" }.clone_into(&mut line.kind);
    line.amount_micro = sign * transaction.amount_micro;
    match &transaction.source {
        Source::Task { job, attempt, task } => {
            (line.job_id, line.attempt, line.task) = (job.0, *attempt, *task);
        }
        Source::Job { job } => line.job_id = job.0,
        Source::Request { request, model } => {
            line.request_id.clone_from(&request.0);
            line.model.clone_from(model);
        }
        Source::Account { .. } => {}
    }
    if let Some(charge) = &transaction.charge {
        line.sku.clone_from(&charge.sku);
        line.quantity = charge.quantity;
        charge.unit.name().clone_into(&mut line.unit);
        line.price_version = charge.price_version;
        line.price_micro = charge.price_micro;
        line.duration_ms = charge.duration_ms;
        line.quantity_milli = charge.quantity_milli;
        line.reverses = charge.reverses.unwrap_or(0);
    }
    line
}
