//! `zhisuan topup`: books money that a tenant paid.

use super::Context;
use crate::args::TopupArgs;
use crate::config::As;
use crate::error::{Exit, Result};
use crate::output::Document;
use crate::output::table::Table;
use crate::units;
use crate::views;
use zhisuan_proto::v1::TopUpRequest;

pub(super) async fn run(context: &Context, args: TopupArgs) -> Result<Exit> {
    let request = TopUpRequest {
        tenant: args.tenant,
        amount_micro: units::money_micro("amount", &args.amount)?,
        reference: args.reference,
    };
    let client = context.client(As::Operator)?;
    let account = client.billing().top_up(request).await?.into_inner();
    let mut table = Table::default();
    views::money::account_pairs(&mut table, &account);
    context.out.document(Document {
        schema: "zhisuan.account/1",
        value: views::money::account_json(&account),
        tables: vec![table],
        name: account.tenant.clone(),
    })?;
    Ok(Exit::Done)
}
