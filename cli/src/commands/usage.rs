//! `zhisuan usage`: quantities and amounts by priced item, and the account.

use super::{Context, statement};
use crate::args::PeriodArgs;
use crate::error::{Exit, Result};
use crate::output::Document;
use crate::views;
use zhisuan_proto::v1::{GetAccountRequest, UsageRequest};

pub(super) async fn run(context: &Context, args: &PeriodArgs) -> Result<Exit> {
    let (from_ms, to_ms) = statement::period(args)?;
    let tenant = args.tenant.clone().unwrap_or_default();
    let client = context.client(statement::caller(args))?;
    let request = UsageRequest {
        tenant: tenant.clone(),
        from_ms,
        to_ms,
    };
    let usage = client.billing().usage(request).await?.into_inner();
    let account = client
        .billing()
        .get_account(GetAccountRequest { tenant })
        .await?;
    let account = account.into_inner();
    context.out.document(Document {
        schema: "zhisuan.usage/1",
        value: views::money::usage_json(&usage, &account),
        tables: views::money::usage_tables(&usage, &account),
        name: usage.total_micro.to_string(),
    })?;
    Ok(Exit::Done)
}
