//! Fairness between tenants: weighted dominant share (Ghodsi et al., DRF, NSDI 2011).

use crate::{Amounts, Tenant};

/// A tenant's dominant share of `total` divided by its weight, in billionths per weight unit.
///
/// Integer arithmetic keeps the order the same on every machine.
pub(crate) fn dominant_share(tenant: &Tenant, used: Amounts, total: Amounts) -> u128 {
    let part = |used: u64, total: u64| {
        if total == 0 {
            0
        } else {
            u128::from(used) * 1_000_000_000_000 / u128::from(total)
        }
    };
    let dominant = part(used.device_milli, total.device_milli)
        .max(part(used.cpu_milli, total.cpu_milli))
        .max(part(used.memory_mib, total.memory_mib));
    dominant / u128::from(tenant.weight.max(1))
}
