//! A tenant's statement: every charge of a period, back to its job or request.

use super::Console;
use super::frame::{page as framed, refused, reply};
use super::jobs::encode;
use super::text;
use super::visitor::Visitor;
use crate::words::{Problem, cores, yuan};
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tonic::Status;
use zhisuan_proto::v1::{Page as Paging, StatementLine, StatementRequest, StatementResponse};
use zhisuan_web::parts::{self, Tile};
use zhisuan_web::{Markup, Page, Table, html};

const PAGE_ROWS: u32 = 200;

#[derive(Deserialize)]
pub(super) struct Period {
    #[serde(default)]
    tenant: String,
    /// First day, such as 2026-01-31; empty is the first of this month.
    #[serde(default)]
    from: String,
    /// Last day, included; empty is until now.
    #[serde(default)]
    to: String,
    #[serde(default)]
    token: String,
}

#[derive(Serialize)]
struct View {
    tenant: String,
    from_ms: i64,
    to_ms: i64,
    opening_micro: i64,
    topped_up_micro: i64,
    total_micro: i64,
    held_micro: i64,
    closing_micro: i64,
    line_count: u64,
    lines: Vec<Row>,
    next_page_token: String,
}

#[derive(Serialize)]
struct Row {
    transaction: u64,
    at_ms: i64,
    kind: String,
    job_id: u64,
    attempt: u32,
    request_id: String,
    model: String,
    sku: String,
    /// The devices are simulated.
    simulated: bool,
    /// For people: what was used.
    used: String,
    price_version: u64,
    price_micro: i64,
    unit: String,
    amount_micro: i64,
    reverses: u64,
}

pub(super) async fn page(
    State(console): State<Console>,
    visitor: Visitor,
    Query(period): Query<Period>,
) -> Response {
    let found = match request(&visitor, &period, (console.now)()) {
        Ok(request) => console.port.statement(&visitor.caller, request).await,
        Err(status) => Err(status),
    };
    match found {
        Ok(found) => reply(&visitor, &view(found), |view| {
            render(&visitor, &period, view)
        }),
        Err(status) => refused(Some(&visitor), visitor.json, &status),
    }
}

fn request(visitor: &Visitor, period: &Period, now_ms: i64) -> Result<StatementRequest, Status> {
    let own = period.tenant.is_empty() || !visitor.sees_all();
    let from_ms = if period.from.is_empty() {
        month_start(now_ms)
    } else {
        day(&period.from, "from", 0)?
    };
    let to_ms = if period.to.is_empty() {
        0
    } else {
        day(&period.to, "to", 1)?
    };
    Ok(StatementRequest {
        tenant: if own {
            visitor.caller.tenant.clone()
        } else {
            period.tenant.clone()
        },
        from_ms,
        to_ms,
        page: Some(Paging {
            limit: PAGE_ROWS,
            token: period.token.clone(),
        }),
    })
}

/// Midnight, local time, at the beginning of a day or `later` days after it.
fn day(text: &str, field: &str, later: i64) -> Result<i64, Status> {
    let start = || -> Option<i64> {
        let date: Date = text.parse().ok()?;
        let date = date.checked_add(jiff::Span::new().days(later)).ok()?;
        Some(
            date.to_zoned(TimeZone::system())
                .ok()?
                .timestamp()
                .as_millisecond(),
        )
    };
    start().ok_or_else(|| {
        Problem::field(
            field,
            text,
            "日期，如 2026-01-31",
            "a date such as 2026-01-31",
        )
        .status()
    })
}

fn month_start(now_ms: i64) -> i64 {
    let start = || -> Option<i64> {
        let now = Timestamp::from_millisecond(now_ms)
            .ok()?
            .to_zoned(TimeZone::system());
        let first = now
            .date()
            .first_of_month()
            .to_zoned(TimeZone::system())
            .ok()?;
        Some(first.timestamp().as_millisecond())
    };
    start().unwrap_or(0)
}

fn view(found: StatementResponse) -> View {
    View {
        tenant: found.tenant,
        from_ms: found.from_ms,
        to_ms: found.to_ms,
        opening_micro: found.opening_micro,
        topped_up_micro: found.topped_up_micro,
        total_micro: found.total_micro,
        held_micro: found.held_micro,
        closing_micro: found.closing_micro,
        line_count: found.line_count,
        lines: found.lines.into_iter().map(row).collect(),
        next_page_token: found.next_page_token,
    }
}

fn row(line: StatementLine) -> Row {
    let used = if line.request_id.is_empty() {
        let duration = text::duration(i64::try_from(line.duration_ms).unwrap_or(i64::MAX));
        format!("{} × {duration}", cores(line.quantity_milli))
    } else {
        format!("{} 词元", line.quantity)
    };
    Row {
        transaction: line.transaction,
        at_ms: line.at_ms,
        kind: line.kind,
        job_id: line.job_id,
        attempt: line.attempt,
        request_id: line.request_id,
        model: line.model,
        sku: line.sku,
        simulated: line.simulated,
        used,
        price_version: line.price_version,
        price_micro: line.price_micro,
        unit: line.unit,
        amount_micro: line.amount_micro,
        reverses: line.reverses,
    }
}

fn form(visitor: &Visitor, period: &Period, view: &View) -> Markup {
    html! {
        form method="get" action="/console/usage" {
            @if visitor.sees_all() {
                label { "租户 " input name="tenant" value=(view.tenant); }
            }
            label { " 从 " input type="date" name="from" value=(period.from); }
            label { " 到 " input type="date" name="to" value=(period.to); }
            button type="submit" { "查询" }
        }
    }
}

fn source(line: &Row) -> Markup {
    html! {
        @if line.job_id > 0 {
            a href={ "/console/jobs/" (line.job_id) } { "作业 " (line.job_id) } "，第 " (line.attempt) " 次"
        } @else { (line.model) " " code { (line.request_id) } }
        @if line.reverses > 0 { "（冲正 " (line.reverses) "）" }
    }
}

fn render(visitor: &Visitor, period: &Period, view: &View) -> Page {
    let tile = |label: &str, micro: i64| Tile::new(label, yuan(micro)).note("元");
    let tiles = [
        tile("期初余额", view.opening_micro),
        tile("期间充值", view.topped_up_micro),
        tile("期间费用", view.total_micro),
        tile("期末余额", view.closing_micro),
        tile("现有预留", view.held_micro),
    ];
    let mut table = Table::new("费用明细，旧的在前")
        .number("流水号")
        .column("时间")
        .column("来由")
        .column("计费项")
        .number("用量")
        .number("单价（元）")
        .number("金额（元）")
        .empty("这段时间没有费用", "");
    for line in &view.lines {
        table = table.row(vec![
            html! { (line.transaction) },
            text::time(line.at_ms),
            source(line),
            html! { (line.sku) @if line.simulated { " （模拟）" } },
            html! { (line.used) },
            html! { (yuan(line.price_micro)) " / " (line.unit) "（第 " (line.price_version) " 版）" },
            html! { (yuan(line.amount_micro)) },
        ]);
    }
    let next = (!view.next_page_token.is_empty()).then(|| {
        format!(
            "/console/usage?tenant={}&from={}&to={}&token={}",
            encode(&view.tenant),
            encode(&period.from),
            encode(&period.to),
            encode(&view.next_page_token)
        )
    });
    let place = format!(
        "共 {} 笔，合计 {} 元",
        view.line_count,
        yuan(view.total_micro)
    );
    let body = html! {
        (form(visitor, period, view))
        p { "自 " (text::time(view.from_ms)) " 至 " (text::time(view.to_ms)) }
        (parts::tiles(&tiles))
        (table)
        (parts::pager(None, &place, next.as_deref()))
    };
    framed(
        visitor,
        &format!("账单 {}", view.tenant),
        "/console/usage",
        body,
    )
}
