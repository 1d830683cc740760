//! `zhisuan statement`: every charge of a period and what the account says.

use super::Context;
use crate::args::PeriodArgs;
use crate::client::Client;
use crate::config::As;
use crate::error::{Exit, Failure, Result};
use crate::output::Document;
use crate::output::table::iso;
use crate::times::{instant_ms, now_ms};
use crate::views;
use crate::words::{say, tr};
use zhisuan_proto::v1::{Page, StatementRequest, StatementResponse};

pub(super) async fn run(context: &Context, args: &PeriodArgs) -> Result<Exit> {
    let (from_ms, to_ms) = period(args)?;
    let tenant = args.tenant.clone().unwrap_or_default();
    let client = context.client(caller(args))?;
    let statement = whole(&client, &tenant, from_ms, to_ms).await?;
    context.out.document(Document {
        schema: "zhisuan.statement/1",
        value: views::money::statement_json(&statement),
        tables: views::money::statement_tables(&statement),
        name: statement.total_micro.to_string(),
    })?;
    Ok(Exit::Done)
}

/// From and to in milliseconds; 0 leaves that side open.
pub(super) fn period(args: &PeriodArgs) -> Result<(i64, i64)> {
    let now = now_ms();
    let read =
        |what: &str, text: Option<&String>| text.map_or(Ok(0), |text| instant_ms(what, text, now));
    let from_ms = read("from", args.from.as_ref())?;
    let to_ms = read("to", args.to.as_ref())?;
    match (&args.from, &args.to) {
        (Some(from), Some(to)) if from_ms > to_ms => Err(Failure::usage(
            "ZS-CLI-VALUE",
            say!(
                "--from {}({})晚于 --to {}({})",
                "--from {} ({}) is after --to {} ({})",
                from,
                iso(from_ms),
                to,
                iso(to_ms)
            ),
        )
        .field("from")
        .hint(tr(
            "把较早的时间写在 --from",
            "put the earlier time into --from",
        ))),
        _ => Ok((from_ms, to_ms)),
    }
}

/// Another tenant's books take an operator.
pub(super) fn caller(args: &PeriodArgs) -> As {
    if args.tenant.is_some() {
        As::Operator
    } else {
        As::Tenant
    }
}

/// All pages of a statement as one.
pub(crate) async fn whole(
    client: &Client,
    tenant: &str,
    from_ms: i64,
    to_ms: i64,
) -> Result<StatementResponse> {
    let mut whole: Option<StatementResponse> = None;
    let mut token = String::new();
    loop {
        let request = StatementRequest {
            tenant: tenant.to_owned(),
            from_ms,
            // Later pages keep the end of the first, so that they are one snapshot.
            to_ms: whole.as_ref().map_or(to_ms, |first| first.to_ms),
            page: Some(Page { limit: 1000, token }),
        };
        let mut page = client.billing().statement(request).await?.into_inner();
        token = std::mem::take(&mut page.next_page_token);
        let lines = std::mem::take(&mut page.lines);
        let all = whole.get_or_insert(page);
        all.lines.extend(lines);
        if token.is_empty() {
            return Ok(all.clone());
        }
    }
}
