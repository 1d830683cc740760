//! Tenants and keys. Secrets never pass through here.

use super::money;
use crate::output::table::{Cell, Table};
use crate::words::{say, tr};
use serde_json::{Value, json};
use zhisuan_proto::v1::{Account, Key, Limits, Tenant};

/// A tenant as JSON, with its account when it is known; the schema is `zhisuan.tenant/1`.
pub(crate) fn tenant_json(tenant: &Tenant, account: Option<&Account>) -> Value {
    json!({
        "name": tenant.name, "title": tenant.title, "account_kind": tenant.account_kind,
        "credit_limit_micro": tenant.credit_limit_micro, "weight": tenant.weight,
        "created_at_ms": tenant.created_at_ms, "account": account.map(money::account_json),
        "limits": limits_json(tenant.limits.as_ref()),
    })
}

/// Limits as JSON; the schema is `zhisuan.limits/1`. 0 is no limit; nothing set is null.
pub(crate) fn limits_json(limits: Option<&Limits>) -> Value {
    let Some(limits) = limits else {
        return Value::Null;
    };
    json!({
        "requests_per_minute": limits.requests_per_minute,
        "tokens_per_minute": limits.tokens_per_minute, "priority": limits.priority,
    })
}

/// Limits for people.
pub(crate) fn limits_table(limits: Option<&Limits>) -> Table {
    let count = |value: Option<u64>| match value {
        None => Cell::from(tr("默认", "default")),
        Some(0) => Cell::from(tr("不限", "none")),
        Some(value) => Cell::Count(value),
    };
    let mut table = Table::new(&[
        tr("每分钟请求", "REQUESTS/MIN"),
        tr("每分钟词元", "TOKENS/MIN"),
        tr("优先级", "PRIORITY"),
    ]);
    table.row(vec![
        count(limits.map(|limits| u64::from(limits.requests_per_minute))),
        count(limits.map(|limits| limits.tokens_per_minute)),
        Cell::Count(limits.map_or(0, |limits| u64::from(limits.priority))),
    ]);
    table
}

/// Limits in one cell; nothing when none were set.
fn limits_text(limits: Option<&Limits>) -> String {
    let Some(limits) = limits else {
        return String::new();
    };
    let mut parts = Vec::new();
    if limits.requests_per_minute > 0 {
        let requests = limits.requests_per_minute;
        parts.push(say!("{} 请求/分", "{} requests/min", requests));
    }
    if limits.tokens_per_minute > 0 {
        let tokens = limits.tokens_per_minute;
        parts.push(say!("{} 词元/分", "{} tokens/min", tokens));
    }
    if limits.priority > 0 {
        parts.push(say!("优先级 {}", "priority {}", limits.priority));
    }
    if parts.is_empty() {
        parts.push(tr("不限", "none").to_owned());
    }
    parts.join(", ")
}

/// Tenants for people.
pub(crate) fn tenants_table(tenants: &[(Tenant, Option<Account>)]) -> Table {
    let mut table = Table::new(&[
        tr("租户", "TENANT"),
        tr("名称", "TITLE"),
        tr("账户", "ACCOUNT"),
        tr("权重", "WEIGHT"),
        tr("限额", "LIMITS"),
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
            limits_text(tenant.limits.as_ref()).into(),
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
        "revoked_at_ms": key.revoked_at_ms, "limits": limits_json(key.limits.as_ref()),
    })
}

/// Keys for people.
pub(crate) fn keys_table(keys: &[Key]) -> Table {
    let mut table = Table::new(&[
        tr("编号", "ID"),
        tr("名称", "NAME"),
        tr("角色", "ROLE"),
        tr("租户", "TENANT"),
        tr("限额", "LIMITS"),
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
            limits_text(key.limits.as_ref()).into(),
            Cell::Time(key.created_at_ms),
            Cell::Time(key.expires_at_ms),
            Cell::Time(key.revoked_at_ms),
        ]);
    }
    table
}
