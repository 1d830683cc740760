//! Quotes, statements, usage and accounts.

use super::{reason, reason_text};
use crate::output::table::{Cell, Table};
use crate::units;
use crate::words::{say, tr};
use serde_json::{Value, json};
use zhisuan_proto::v1::{Account, QuoteResponse, StatementLine, StatementResponse, UsageResponse};

/// A quote as JSON; the schema is `zhisuan.quote/1`.
pub(crate) fn quote_json(quote: &QuoteResponse) -> Value {
    let lines: Vec<Value> = quote
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku, "quantity_milli": line.quantity_milli,
                "duration_ms": line.duration_ms, "price_micro": line.price_micro,
                "unit": line.unit, "amount_micro": line.amount_micro,
            })
        })
        .collect();
    json!({
        "price_version": quote.price_version,
        "lines": lines,
        "hold_micro": quote.hold_micro,
        "available_micro": quote.available_micro,
        "affordable": quote.affordable,
        "starts_now": quote.starts_now,
        "reason": reason(quote.reason.as_ref()),
    })
}

/// A quote for people.
pub(crate) fn quote_tables(quote: &QuoteResponse) -> Vec<Table> {
    let mut lines = Table::new(&[
        tr("计费项", "SKU"),
        tr("数量", "QUANTITY"),
        tr("时长上限", "TIME LIMIT"),
        tr("单价(元)", "PRICE (CNY)"),
        tr("单位", "UNIT"),
        tr("金额上限(元)", "AT MOST (CNY)"),
    ]);
    for line in &quote.lines {
        lines.row(vec![
            line.sku.as_str().into(),
            units::from_milli(line.quantity_milli).into(),
            Cell::Span(line.duration_ms),
            Cell::Money(line.price_micro),
            line.unit.as_str().into(),
            Cell::Money(line.amount_micro),
        ]);
    }
    let mut facts = Table::default();
    facts.pair(
        tr("价格版本", "price version"),
        Cell::Count(quote.price_version),
    );
    facts.pair(tr("预扣(元)", "hold (CNY)"), Cell::Money(quote.hold_micro));
    facts.pair(
        tr("可用余额(元)", "available (CNY)"),
        Cell::Money(quote.available_micro),
    );
    let yes_no = |yes: bool| {
        if yes {
            tr("是", "yes")
        } else {
            tr("否", "no")
        }
    };
    facts.pair(tr("余额够", "affordable"), yes_no(quote.affordable));
    facts.pair(tr("能立即开始", "starts now"), yes_no(quote.starts_now));
    facts.pair(tr("原因", "reason"), reason_text(quote.reason.as_ref()));
    vec![lines, facts]
}

fn line_json(line: &StatementLine) -> Value {
    json!({
        "transaction": line.transaction, "at_ms": line.at_ms, "kind": line.kind,
        "job_id": line.job_id, "attempt": line.attempt, "task": line.task,
        "request_id": line.request_id, "model": line.model, "sku": line.sku,
        "quantity": line.quantity, "unit": line.unit, "price_version": line.price_version,
        "price_micro": line.price_micro, "amount_micro": line.amount_micro,
        "duration_ms": line.duration_ms, "quantity_milli": line.quantity_milli,
        "reverses": line.reverses, "simulated": line.simulated,
    })
}

/// A statement as JSON; the schema is `zhisuan.statement/1`.
pub(crate) fn statement_json(statement: &StatementResponse) -> Value {
    let lines: Vec<Value> = statement.lines.iter().map(line_json).collect();
    json!({
        "tenant": statement.tenant,
        "from_ms": statement.from_ms,
        "to_ms": statement.to_ms,
        "lines": lines,
        "line_count": statement.line_count,
        "total_micro": statement.total_micro,
        "opening_micro": statement.opening_micro,
        "topped_up_micro": statement.topped_up_micro,
        "held_micro": statement.held_micro,
        "closing_micro": statement.closing_micro,
    })
}

/// What a line is for: job and attempt, or request.
fn subject(line: &StatementLine) -> String {
    if line.job_id > 0 {
        say!(
            "作业 {} 第 {} 次 任务 {}",
            "job {} attempt {} task {}",
            line.job_id,
            line.attempt,
            line.task
        )
    } else {
        say!("请求 {}", "request {}", line.request_id)
    }
}

/// What was priced; simulated devices say so.
fn sku(line: &StatementLine) -> String {
    if line.simulated {
        say!("{}(模拟)", "{} (simulated)", line.sku)
    } else {
        line.sku.clone()
    }
}

/// How much of it: seconds of so many cores or devices, or tokens.
fn quantity(line: &StatementLine) -> String {
    if line.duration_ms > 0 || line.quantity_milli > 0 {
        let seconds = units::from_milli(line.duration_ms);
        let count = units::from_milli(line.quantity_milli);
        say!("{} 秒 × {}", "{} s x {}", seconds, count)
    } else {
        say!("{} 词元", "{} tokens", line.quantity)
    }
}

/// A statement for people: every line, then the totals.
pub(crate) fn statement_tables(statement: &StatementResponse) -> Vec<Table> {
    let mut lines = Table::new(&[
        tr("流水", "NO"),
        tr("时间", "TIME"),
        tr("用途", "FOR"),
        tr("计费项", "SKU"),
        tr("用量", "QUANTITY"),
        tr("价格版本", "PRICES"),
        tr("单价(元)", "PRICE (CNY)"),
        tr("金额(元)", "AMOUNT (CNY)"),
    ]);
    for line in &statement.lines {
        let kind = match line.kind.as_str() {
            "reversal" => say!("(冲回 {})", " (reverses {})", line.reverses),
            _ => String::new(),
        };
        lines.row(vec![
            Cell::Count(line.transaction),
            Cell::Time(line.at_ms),
            (subject(line) + &kind).into(),
            sku(line).into(),
            quantity(line).into(),
            Cell::Count(line.price_version),
            Cell::Money(line.price_micro),
            Cell::Money(line.amount_micro),
        ]);
    }
    let mut totals = Table::default();
    totals.pair(tr("租户", "tenant"), statement.tenant.clone());
    totals.pair(tr("行数", "lines"), Cell::Count(statement.line_count));
    totals.pair(
        tr("期初(元)", "opening (CNY)"),
        Cell::Money(statement.opening_micro),
    );
    totals.pair(
        tr("充值(元)", "top-ups (CNY)"),
        Cell::Money(statement.topped_up_micro),
    );
    totals.pair(
        tr("费用合计(元)", "charges (CNY)"),
        Cell::Money(statement.total_micro),
    );
    totals.pair(
        tr("期末(元)", "closing (CNY)"),
        Cell::Money(statement.closing_micro),
    );
    totals.pair(
        tr("其中预扣(元)", "of it held (CNY)"),
        Cell::Money(statement.held_micro),
    );
    vec![lines, totals]
}

/// Usage with the account beside it as JSON; the schema is `zhisuan.usage/1`.
pub(crate) fn usage_json(usage: &UsageResponse, account: &Account) -> Value {
    let lines: Vec<Value> = usage
        .lines
        .iter()
        .map(|line| {
            json!({
                "sku": line.sku, "unit": line.unit, "quantity": line.quantity,
                "amount_micro": line.amount_micro, "charges": line.charges,
            })
        })
        .collect();
    json!({"lines": lines, "total_micro": usage.total_micro, "account": account_json(account)})
}

/// Usage for people.
pub(crate) fn usage_tables(usage: &UsageResponse, account: &Account) -> Vec<Table> {
    let mut lines = Table::new(&[
        tr("计费项", "SKU"),
        tr("用量", "QUANTITY"),
        tr("笔数", "CHARGES"),
        tr("金额(元)", "AMOUNT (CNY)"),
    ]);
    for line in &usage.lines {
        let quantity = if line.unit.ends_with("hour") {
            // Milliseconds times thousandths: seconds of one whole thing.
            let seconds = units::from_milli(line.quantity / 1000);
            say!("{} 秒", "{} s", seconds)
        } else {
            say!("{} 词元", "{} tokens", line.quantity)
        };
        lines.row(vec![
            line.sku.as_str().into(),
            quantity.into(),
            Cell::Count(line.charges),
            Cell::Money(line.amount_micro),
        ]);
    }
    let mut totals = Table::default();
    totals.pair(
        tr("费用合计(元)", "total (CNY)"),
        Cell::Money(usage.total_micro),
    );
    account_pairs(&mut totals, account);
    vec![lines, totals]
}

/// An account as JSON; the schema is `zhisuan.account/1`.
pub(crate) fn account_json(account: &Account) -> Value {
    json!({
        "tenant": account.tenant,
        "kind": account.kind,
        "available_micro": account.available_micro,
        "held_micro": account.held_micro,
        "charged_micro": account.charged_micro,
        "credit_limit_micro": account.credit_limit_micro,
    })
}

/// An account for people.
pub(crate) fn account_pairs(table: &mut Table, account: &Account) {
    table.pair(tr("租户", "tenant"), account.tenant.clone());
    table.pair(tr("账户", "account"), account_kind(&account.kind));
    table.pair(
        tr("可用(元)", "available (CNY)"),
        Cell::Money(account.available_micro),
    );
    table.pair(
        tr("预扣(元)", "held (CNY)"),
        Cell::Money(account.held_micro),
    );
    table.pair(
        tr("累计费用(元)", "charged (CNY)"),
        Cell::Money(account.charged_micro),
    );
}

/// The kind of an account for people.
pub(crate) fn account_kind(kind: &str) -> String {
    match kind {
        "prepaid" => tr("预付", "prepaid").to_owned(),
        "contract" => tr("合同", "contract").to_owned(),
        other => other.to_owned(),
    }
}
