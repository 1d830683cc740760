//! Tenants: who pays, and with which weight they share the fleet.

use crate::ledger::MAX_BOOKING_MICRO;
use crate::{Amounts, Refusal, TenantName};
use serde::{Deserialize, Serialize};

/// How a tenant pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// Pays first; never below zero.
    Prepaid,
    /// Is invoiced; may go below zero down to the credit limit.
    Contract,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Unique name.
    pub name: TenantName,
    /// How it pays.
    pub account: AccountKind,
    /// How far below zero a contract account may go, micro-yuan.
    pub credit_limit_micro: i64,
    /// Weight in the fair share, 1 to 10000.
    pub weight: u32,
    /// What its placed tasks take now.
    #[serde(default)]
    pub used: Amounts,
}

impl Tenant {
    /// Refuses bad names and numbers.
    pub fn validate(&self) -> Result<(), Refusal> {
        let name = &self.name.0;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() < 2 || name.len() > 63 || !name.chars().all(plain) {
            let accepted = "2 to 63 lower-case letters, digits and '-'";
            return Err(Refusal::invalid("tenant.name", name, accepted));
        }
        if self.weight == 0 || self.weight > 10_000 {
            return Err(Refusal::invalid("tenant.weight", self.weight, "1 to 10000"));
        }
        let limit = self.credit_limit_micro;
        if limit > MAX_BOOKING_MICRO {
            let accepted = format!("at most {MAX_BOOKING_MICRO} (a billion yuan)");
            let field = "tenant.credit_limit_micro";
            return Err(Refusal::invalid(field, limit, accepted));
        }
        if limit < 0 || (limit > 0 && self.account == AccountKind::Prepaid) {
            let accepted = "0 for prepaid accounts, 0 or more for contract accounts";
            return Err(Refusal::invalid(
                "tenant.credit_limit_micro",
                limit,
                accepted,
            ));
        }
        Ok(())
    }
}
