//! Accounts and the transactions between them.

use super::{PriceBook, Unit};
use crate::{AccountKind, JobId, Millis, Refusal, RequestId, Tenant, TenantName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest amount of one booking, micro-yuan: a billion yuan.
pub(crate) const MAX_BOOKING_MICRO: i64 = 1_000_000_000_000_000;

/// Most that may ever be paid in, micro-yuan: keeps every balance far inside an `i64`.
const MAX_TOTAL_MICRO: i64 = 4_000 * MAX_BOOKING_MICRO;

/// Whose money.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What a tenant may still spend.
    Available(TenantName),
    /// What is set aside for its jobs and requests.
    Held(TenantName),
    /// What the centre earned, by SKU.
    Revenue(String),
    /// The world that money comes from; its balance is minus all that was paid in.
    Funding,
}

/// Kind of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Money paid in, or taken back.
    TopUp,
    /// Set aside.
    Hold,
    /// No longer set aside.
    Release,
    /// Earned by the centre.
    Charge,
    /// A charge taken back, into the hold that it came from.
    Reversal,
}

/// What a transaction is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The account itself.
    Account {
        /// What the payer calls it.
        reference: String,
    },
    /// A job as a whole.
    Job {
        /// The job.
        job: JobId,
    },
    /// One task of one attempt.
    Task {
        /// The job.
        job: JobId,
        /// The attempt.
        attempt: u32,
        /// The task.
        task: u32,
    },
    /// One inference request.
    Request {
        /// Its id.
        request: RequestId,
        /// The model that answered.
        model: String,
    },
}

/// What was charged for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Priced thing.
    pub sku: String,
    /// What the price is per.
    pub unit: Unit,
    /// Tokens, or milliseconds times thousandths.
    pub quantity: u64,
    /// Milliseconds of the slice; 0 for tokens.
    pub duration_ms: u64,
    /// Thousandths of the priced thing; 0 for tokens.
    pub quantity_milli: u64,
    /// Version of the price book.
    pub price_version: u64,
    /// Micro-yuan per unit.
    pub price_micro: i64,
    /// For a reversal: the first of the charges it takes back. It takes back all charges of the
    /// same job, attempt, task and SKU.
    pub reverses: Option<u64>,
}

/// One side of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Whose.
    pub account: Account,
    /// Plus into, minus out of.
    pub amount_micro: i64,
}

/// A booking: its two lines sum to zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// 1 for the first; no gaps.
    pub id: u64,
    /// When.
    pub at: Millis,
    /// What kind.
    pub kind: EntryKind,
    /// Whose.
    pub tenant: TenantName,
    /// About what.
    pub source: Source,
    /// Moved from `lines[0]` to `lines[1]`.
    pub amount_micro: i64,
    /// From, to.
    pub lines: [Line; 2],
    /// For charges and reversals.
    pub charge: Option<Charge>,
}

/// Balances; the transactions themselves are rows in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    #[serde(with = "crate::pairs")]
    balances: BTreeMap<Account, i64>,
    charged: BTreeMap<TenantName, i64>,
    /// Amounts paid by reference: a payment is booked once.
    references: BTreeMap<TenantName, BTreeMap<String, i64>>,
    next: u64,
    /// Prices.
    pub book: PriceBook,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            balances: BTreeMap::new(),
            charged: BTreeMap::new(),
            references: BTreeMap::new(),
            next: 1,
            book: PriceBook::default(),
        }
    }
}

impl Ledger {
    /// Balance of an account, micro-yuan.
    #[must_use]
    pub fn balance(&self, account: &Account) -> i64 {
        self.balances.get(account).copied().unwrap_or(0)
    }

    /// All balances.
    #[must_use]
    pub fn balances(&self) -> &BTreeMap<Account, i64> {
        &self.balances
    }

    /// Charges less reversals of a tenant.
    #[must_use]
    pub fn charged(&self, tenant: &TenantName) -> i64 {
        self.charged.get(tenant).copied().unwrap_or(0)
    }

    /// Number of the next transaction.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// What `tenant` may still set aside, credit included.
    #[must_use]
    pub fn spendable(&self, tenant: &Tenant) -> i64 {
        let credit = match tenant.account {
            AccountKind::Prepaid => 0,
            AccountKind::Contract => tenant.credit_limit_micro,
        };
        self.balance(&Account::Available(tenant.name.clone()))
            .saturating_add(credit)
    }

    pub(crate) fn top_up(
        &mut self,
        tenant: &Tenant,
        amount_micro: i64,
        reference: &str,
        at: Millis,
    ) -> Result<Option<Transaction>, Refusal> {
        if let Some(booked) = self
            .references
            .get(&tenant.name)
            .and_then(|all| all.get(reference))
        {
            // The same payment told again is the same payment.
            let again = *booked == amount_micro;
            return if again {
                Ok(None)
            } else {
                Err(Refusal::Conflict(format!("reference {reference}")))
            };
        }
        if amount_micro == 0 || amount_micro.unsigned_abs() > MAX_BOOKING_MICRO.unsigned_abs() {
            let accepted = format!("1 to {MAX_BOOKING_MICRO}, or minus that");
            return Err(Refusal::invalid("amount_micro", amount_micro, accepted));
        }
        if reference.is_empty() || reference.len() > 128 || reference.chars().any(char::is_control)
        {
            return Err(Refusal::invalid(
                "reference",
                reference,
                "1 to 128 printable characters",
            ));
        }
        let paid_in_micro = i128::from(amount_micro) - i128::from(self.balance(&Account::Funding));
        if paid_in_micro > i128::from(MAX_TOTAL_MICRO) {
            let accepted = format!("what keeps all payments together under {MAX_TOTAL_MICRO}");
            return Err(Refusal::invalid("amount_micro", amount_micro, accepted));
        }
        if amount_micro < 0
            && self.balance(&Account::Available(tenant.name.clone())) + amount_micro < 0
        {
            return Err(Refusal::Balance {
                tenant: tenant.name.clone(),
                needed_micro: -amount_micro,
                available_micro: self.balance(&Account::Available(tenant.name.clone())),
            });
        }
        let references = self.references.entry(tenant.name.clone()).or_default();
        references.insert(reference.to_owned(), amount_micro);
        let source = Source::Account {
            reference: reference.to_owned(),
        };
        let accounts = [Account::Funding, Account::Available(tenant.name.clone())];
        Ok(Some(self.post(
            EntryKind::TopUp,
            &tenant.name,
            source,
            accounts,
            amount_micro,
            None,
            at,
        )))
    }

    pub(crate) fn hold(
        &mut self,
        tenant: &Tenant,
        amount_micro: i64,
        source: Source,
        at: Millis,
    ) -> Result<Transaction, Refusal> {
        let available_micro = self.spendable(tenant);
        if amount_micro > available_micro {
            return Err(Refusal::Balance {
                tenant: tenant.name.clone(),
                needed_micro: amount_micro,
                available_micro,
            });
        }
        let name = &tenant.name;
        let accounts = [
            Account::Available(name.clone()),
            Account::Held(name.clone()),
        ];
        Ok(self.post(
            EntryKind::Hold,
            name,
            source,
            accounts,
            amount_micro,
            None,
            at,
        ))
    }

    pub(crate) fn release(
        &mut self,
        tenant: &TenantName,
        amount_micro: i64,
        source: Source,
        at: Millis,
    ) -> Transaction {
        let accounts = [
            Account::Held(tenant.clone()),
            Account::Available(tenant.clone()),
        ];
        self.post(
            EntryKind::Release,
            tenant,
            source,
            accounts,
            amount_micro,
            None,
            at,
        )
    }

    pub(crate) fn charge(
        &mut self,
        tenant: &TenantName,
        amount_micro: i64,
        source: Source,
        charge: Charge,
        at: Millis,
    ) -> Transaction {
        let accounts = [
            Account::Held(tenant.clone()),
            Account::Revenue(charge.sku.clone()),
        ];
        *self.charged.entry(tenant.clone()).or_default() += amount_micro;
        self.post(
            EntryKind::Charge,
            tenant,
            source,
            accounts,
            amount_micro,
            Some(charge),
            at,
        )
    }

    pub(crate) fn reverse(
        &mut self,
        tenant: &TenantName,
        amount_micro: i64,
        source: Source,
        charge: Charge,
        at: Millis,
    ) -> Transaction {
        let accounts = [
            Account::Revenue(charge.sku.clone()),
            Account::Held(tenant.clone()),
        ];
        *self.charged.entry(tenant.clone()).or_default() -= amount_micro;
        self.post(
            EntryKind::Reversal,
            tenant,
            source,
            accounts,
            amount_micro,
            Some(charge),
            at,
        )
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one private place where every booking passes"
    )]
    fn post(
        &mut self,
        kind: EntryKind,
        tenant: &TenantName,
        source: Source,
        accounts: [Account; 2],
        amount_micro: i64,
        charge: Option<Charge>,
        at: Millis,
    ) -> Transaction {
        let [from, to] = accounts;
        // What may be paid in is bounded by MAX_TOTAL_MICRO and credit by MAX_BOOKING_MICRO, and
        // both sides move by the same number, so nothing overflows and the sum stays zero.
        *self.balances.entry(from.clone()).or_default() -= amount_micro;
        *self.balances.entry(to.clone()).or_default() += amount_micro;
        let id = self.next;
        self.next += 1;
        let lines = [
            Line {
                account: from,
                amount_micro: -amount_micro,
            },
            Line {
                account: to,
                amount_micro,
            },
        ];
        Transaction {
            id,
            at,
            kind,
            tenant: tenant.clone(),
            source,
            amount_micro,
            lines,
            charge,
        }
    }
}
