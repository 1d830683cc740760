//! Tenants and keys. Secrets never pass through here.

use super::money;
use crate::output::table::{Cell, Table};
use crate::words::tr;
use serde_json::{Value, json};
use zhisuan_proto::v1::{Account, Key, Tenant};

/// A tenant as JSON, with its account when it is known; the schema is `zhisuan.tenant/1`.
pub(crate) fn tenant_json(tenant: &Tenant, account: Option<&Account>) -> Value {
    json!({
        "name": tenant.name, "title": tenant.title, "account_kind": tenant.account_kind,
        "credit_limit_micro": tenant.credit_limit_micro, "weight": tenant.weight,
        "created_at_ms": tenant.created_at_ms, "account": account.map(money::account_json),
    })
}

/// Tenants for people.
pub(crate) fn tenants_table(tenants: &[(Tenant, Option<Account>)]) -> Table {
    let mut table = Table::new(&[
        tr("租户", "TENANT"),
        tr("名称", "TITLE"),
        tr("账户", "ACCOUNT"),
        tr("权重", "WEIGHT"),
        tr("可用(元)", "AVAILABLE (CNY)"),
        tr("预扣(元)", "HELD (CNY)"),
        tr("累计费用(元)", "CHARGED (CNY)"),
    ]);
    for (tenant, account) in tenants {
        let money = |pick: fn(&Account) -> i64| {
            account
                .as_ref()
                .map_or_else(|| Cell::from("-"), |account| Cell::Money(pick(account)))
        };
        table.row(vec![
            tenant.name.as_str().into(),
            tenant.title.as_str().into(),
            money::account_kind(&tenant.account_kind).into(),
            Cell::Count(u64::from(tenant.weight)),
            money(|account| account.available_micro),
            money(|account| account.held_micro),
            money(|account| account.charged_micro),
        ]);
    }
    table
}

/// A key as JSON; the schema is `zhisuan.key/1`.
pub(crate) fn key_json(key: &Key) -> Value {
    json!({
        "id": key.id, "tenant": key.tenant, "role": key.role, "name": key.name,
        "created_at_ms": key.created_at_ms, "expires_at_ms": key.expires_at_ms,
        "revoked_at_ms": key.revoked_at_ms,
    })
}

/// Keys for people.
pub(crate) fn keys_table(keys: &[Key]) -> Table {
    let mut table = Table::new(&[
        tr("编号", "ID"),
        tr("名称", "NAME"),
        tr("角色", "ROLE"),
        tr("租户", "TENANT"),
        tr("新建", "CREATED"),
        tr("到期", "EXPIRES"),
        tr("吊销", "REVOKED"),
    ]);
    for key in keys {
        table.row(vec![
            key.id.as_str().into(),
            key.name.as_str().into(),
            key.role.as_str().into(),
            key.tenant.as_str().into(),
            Cell::Time(key.created_at_ms),
            Cell::Time(key.expires_at_ms),
            Cell::Time(key.revoked_at_ms),
        ]);
    }
    table
}
